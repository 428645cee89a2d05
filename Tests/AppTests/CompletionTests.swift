import Gateway
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

    @Test func `shows what is within another by both names, and a list of several as a table`() {
        let answer: JSON = [
            "data": [
                "admin": ["user": ["username": "asha"], "password": "abc"], "scopes": ["a", "b"], "limits": [:],
                "rules": [["rule": "key", "passes": true], ["rule": "limits", "passes": false]],
            ]
        ]

        #expect(
            AnswerText.lines(of: answer) == [
                "admin.user.username: asha", "admin.password: abc", "scopes: a, b", "limits: {}", "rules:",
                "  RULE    PASSES", "  key     true", "  limits  false",
            ]
        )
    }

    @Test func `shows of a list of payments whose they are, how much and what became of them`() {
        let item: JSON = [
            "sequence": 1, "row": 2, "arguments": ["amount": 15],
            "transaction": ["id": "t", "party": "254712345678", "amount": 15, "status": "SUCCESS", "receipt": "RX1"],
        ]

        #expect(
            AnswerText.lines(of: ["data": [item]]) == [
                "SEQUENCE  ROW  PARTY         AMOUNT  STATUS   RECEIPT",
                "1         2    254712345678  15      SUCCESS  RX1",
            ]
        )
    }

    @Test func `lists each verb once, one that two groups have under its whole name too`() {
        func path(_ name: String) -> JSON { ["get": ["operationId": .string(name), "summary": .string("Of " + name)]] }
        let operations = Operation.all(in: [
            "paths": [
                "/a": path("webhooks.list"), "/b": path("deliveries.list"), "/c": path("deliveries.show_all"),
                "/d": path("keys.list"),
            ]
        ])

        #expect(
            Words.rows(of: operations, in: ["webhooks", "deliveries"]) == [
                ["deliveries.list", "Of deliveries.list", ""], ["show-all", "Of deliveries.show_all", ""],
                ["list", "Of webhooks.list", ""],
            ]
        )
    }

    @Test func `names what is missing of a path before anything is asked`() throws {
        let path: JSON = [
            "get": [
                "operationId": "keys.explain",
                "parameters": [
                    ["name": "id", "in": "path", "required": true, "schema": ["type": "string"]],
                    ["name": "tool", "in": "query", "required": true, "schema": ["type": "string"]],
                ],
            ]
        ]
        let operation = try #require(Operation.all(in: ["paths": ["/admin/keys/{id}/explain": path]]).first)

        #expect(throws: GatewayError.self) { try operation.request(try operation.arguments(["tool=x"])) }
        #expect(try operation.request(try operation.arguments(["7", "x"])).path == "/admin/keys/7/explain?tool=x")
    }

    @Test func `sends texts with commas between as a list where a body wants one, and as they are in a query`() throws {
        let types: JSON = ["type": "array", "items": ["type": "string"]]
        let sums: JSON = ["type": "array", "items": ["type": "integer"]]
        let properties: JSON = ["types": types, "sums": sums, "note": ["type": "string"]]
        let paths: JSON = [
            "/webhooks": [
                "get": [
                    "operationId": "webhooks.list", "parameters": [["name": "types", "in": "query", "schema": types]],
                ],
                "post": [
                    "operationId": "webhooks.create",
                    "requestBody": [
                        "content": ["application/json": ["schema": ["type": "object", "properties": properties]]]
                    ],
                ],
            ]
        ]
        let all = Operation.all(in: ["paths": paths])
        let list = try #require(all.first { $0.name == "webhooks.list" })
        let create = try #require(all.first { $0.name == "webhooks.create" })

        let one = try create.request(create.arguments(["types=a,b", "sums=1,2", "note=a,b"]))
        #expect(one.body == ["types": ["a", "b"], "sums": "1,2", "note": "a,b"])
        #expect(try create.request(create.arguments([#"types=["a"]"#])).body == ["types": ["a"]])
        #expect(try list.request(list.arguments(["types=a,b"])).path == "/webhooks?types=a%2Cb")
    }
}
