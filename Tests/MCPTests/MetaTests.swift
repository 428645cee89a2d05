import OrderedJSON
import Testing

@testable import MCP

struct `What a request says of itself` {
    @Test func `is refused where it is not of its form, in every revision`() async throws {
        try await Office.with { office in
            let key = Message.logLevelKey
            let wrong: [JSONObject] = [
                ["progressToken": 1.5], ["progressToken": true], ["progressToken": [:]], [key: "shout"], [key: 7],
            ]
            for meta in wrong {
                let said = await office.ask("tools/list", meta: meta)
                #expect(said.status == 400 && said.code == -32602, "\(said.json)")
            }
            for token: JSON in ["t", 7, .null] {
                #expect(await office.ask("tools/list", meta: ["progressToken": token]).status == 200)
            }
            #expect(await office.ask("tools/list", meta: [key: "debug"]).status == 200, "it has no effect")
            for revision in Revision.allCases where revision.hasHandshake {
                let params: JSONObject = ["_meta": ["progressToken": 1.5]]
                let said = await office.ask("tools/list", params, in: revision)
                #expect(said.status == 200 && said.code == -32602, "\(said.json)")
            }
        }
    }

    @Test func `has a method, or is an answer`() async throws {
        try await Office.with { office in
            for member in ["result", "error"] {
                var both = Office.request("ping").objectValue ?? JSONObject()
                both[member] = [:]
                let said = await office.send(JSON.object(both).bytes, [("MCP-Protocol-Version", "2025-11-25")])
                #expect(said.status == 400 && said.code == -32600 && said.json["id"] == 1, "\(said.json)")
            }
        }
    }

    @Test func `has no arguments where it says null`() async throws {
        try await Office.with { office in
            for name: JSON in ["desk_show", "transactions_list"] {
                let said = await office.ask("tools/call", ["name": name, "arguments": .null])
                #expect(said.result["isError"] == false, "\(said.json)")
            }
            #expect(await office.ask("tools/call", ["name": "desk_show", "arguments": 7]).code == -32602)
        }
    }
}
