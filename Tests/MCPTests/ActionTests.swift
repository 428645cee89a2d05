import Gateway
import JSONSchema
import OrderedJSON
import Testing

@testable import MCP

struct `An action that is offered as a tool` {
    private func names(_ said: Said) -> [String] {
        (said.json["result"]?["tools"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
    }

    @Test func `stands in the list for whom its rules let it, in every revision`() async throws {
        try await Office.with { office in
            let bare = try await office.addKey(scopes: [])
            let scoped = try await office.addKey(scopes: ["transactions:read"])

            #expect(names(await office.ask("tools/list")).contains("transactions_list"))
            #expect(names(await office.ask("tools/list", in: .november2024)).contains("transactions_show"))
            #expect(names(await office.ask("tools/list", credential: scoped)).contains("transactions_list"))
            #expect(!names(await office.ask("tools/list", credential: bare)).contains("transactions_list"))
            let listed = names(await office.ask("tools/list"))
            #expect(listed == listed.sorted())
        }
    }

    @Test func `answers structured content that its schema describes, and says what was wrong with a call`()
        async throws
    {
        try await Office.with { office in
            let listed = await office.ask("tools/list").json["result"]?["tools"]?.arrayValue ?? []
            let tool = try #require(listed.first { $0["name"] == "transactions_list" })
            let schema = try JSONSchema(compiling: try #require(tool["outputSchema"]))

            let reply = await office.ask("tools/call", ["name": "transactions_list", "arguments": ["limit": 5]])
            let wrong = await office.ask("tools/call", ["name": "transactions_list", "arguments": ["limit": 0]])
            let unknown = await office.ask("tools/call", ["name": "transactions_show", "arguments": ["id": "x"]])

            let content = try #require(reply.json["result"]?["structuredContent"])
            #expect(reply.json["result"]?["isError"] == false && schema.violations(in: content).isEmpty)
            #expect(wrong.json["result"]?["isError"] == true && wrong.json.text.contains("limit"))
            #expect(unknown.json["result"]?["isError"] == true)
            #expect(tool["annotations"]?["readOnlyHint"] == true)
        }
    }

    @Test func `answers in the form that it lists, whatever stands beside it this time`() async throws {
        try await Office.with { office in
            let offered = office.gateway.actions.filter { $0.tool != nil }
            #expect(offered.contains { $0.name == "reports.diff" })
            for action in offered {
                let isList = ActionOutput.schema(of: action)["properties"]?["data"]?["type"] == "array"
                let bytes = ActionOutput.bytes(Array((isList ? "[]" : "{}").utf8), [], of: action)
                let isWrapped = ActionOutput.schema(of: action)["required"]?.arrayValue?.contains("data") == true
                let data = try JSON(parsing: bytes)["data"]
                #expect(isWrapped == (data != nil), "\(action.name)")
            }
        }
    }

    @Test func `needs its scope, and says which`() async throws {
        try await Office.with { office in
            let bare = try await office.addKey(scopes: [])
            let call: JSONObject = ["name": "transactions_list", "arguments": [:]]

            #expect(await office.ask("tools/call", call, credential: bare).status == 403)
            #expect(await office.ask("tools/call", call, credential: .token(Secret("nobody"))).status == 401)
        }
    }
}
