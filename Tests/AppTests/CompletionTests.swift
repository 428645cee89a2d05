import OrderedJSON
import Testing

@testable import App

struct `A completion script` {
    @Test(arguments: ["bash", "zsh", "fish"])
    func `holds no word that a shell would run, whatever answered`(shell: String) throws {
        let hostile = ["$(touch x)", "`touch x`", "a';touch x;'", "a b\n touch x"]
        var paths: JSONObject = [:]
        for (number, name) in (hostile + ["explain"]).enumerated() {
            let operation: JSON = [
                "operationId": .string("keys." + name), "summary": "A key",
                "parameters": [
                    ["name": .string(name), "in": "query", "schema": [:]],
                    ["name": "id", "in": "query", "schema": [:]],
                ],
            ]
            paths["/\(number)"] = ["get": operation]
        }

        let script = try #require(CompletionScript(Operation.all(in: ["paths": .object(paths)])).text(for: shell))

        #expect(!script.contains("touch"))
        #expect(script.contains("keys.explain") && script.contains("id="))
    }
}
