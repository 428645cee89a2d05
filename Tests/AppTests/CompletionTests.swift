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

struct `An answer at the terminal` {
    @Test func `is text, whatever somebody wrote into it`() {
        let bad = "\u{1B}[2J\u{9B}31m\u{202E}x"
        let answers: [JSON] = [
            ["data": [["name": .string(bad + "\nowner  admin")]]],
            ["data": ["name": .string(bad)], "message": .string(bad)],
            ["data": .string(bad)], ["data": [.object(JSONObject([(bad, 1)]))], "next_before": .string(bad)],
        ]

        for answer in answers {
            let lines = AnswerText.lines(of: answer)
            #expect(lines.allSatisfy { !$0.unicodeScalars.contains { ["\u{1B}", "\u{9B}"].contains($0) } })
        }
        #expect(AnswerText.lines(of: answers[0]).count == 2)
        #expect(AnswerText.lines(of: ["data": "two\nlines"]) == ["two\nlines"])
    }
}
