import Gateway
import OrderedJSON
import Testing

@testable import MCP

struct `Who sends a message` {
    /// How often a credential is looked at while something is asked.
    private func looks(_ office: Office, _ ask: () async -> Said) async -> (count: Int, said: Said) {
        let before = office.tokens.looks
        let said = await ask()
        return (office.tokens.looks - before, said)
    }

    private let tasks: JSONObject = [Message.capabilitiesKey: ["extensions": [TaskView.extensionName: [:]]]]

    @Test func `is looked for once, whatever kind of call it is`() async throws {
        try await Office.with { office in
            let person = try await office.addPerson()
            func call(_ tool: String, _ arguments: JSON = [:]) -> JSONObject {
                ["name": .string(tool), "arguments": arguments]
            }
            func payment(_ key: String) -> JSONObject {
                let phone = JSON.string("25471100000" + key)
                return call("fake_collect", ["phone": phone, "amount": 100, "idempotency_key": .string(key)])
            }
            let meta = tasks
            let branch = ["Mcp-Param-Branch": "Kisumu" as String?]

            // Whoever pays is looked at once more when the payment has its turn, before its commit.
            let kinds: [(String, Int, () async -> Said)] = [
                ("a function", 1, { await office.ask("tools/call", call("desk_show"), credential: person) }),
                ("a payment", 2, { await office.ask("tools/call", payment("1"), credential: person) }),
                ("a task", 2, { await office.ask("tools/call", payment("2"), meta: meta, credential: person) }),
                ("its repeat", 1, { await office.ask("tools/call", payment("2"), meta: meta, credential: person) }),
                (
                    "an argument in a header", 1,
                    {
                        let params = call("desk_branch", ["branch": "Kisumu"])
                        return await office.ask("tools/call", params, headers: branch, credential: person)
                    }
                ),
                ("an action", 1, { await office.ask("tools/call", call("transactions_list"), credential: person) }),
                ("a list", 1, { await office.ask("tools/list", credential: person) }),
                (
                    "one that is told how far it is", 1,
                    { await office.ask("tools/call", call("desk_tell"), in: .june2025, credential: person) { _ in } }
                ),
            ]
            for (name, expected, ask) in kinds {
                let (count, said) = await looks(office, ask)
                #expect(count == expected && said.json["error"] == nil, "\(name): \(count) \(said.json)")
            }
        }
    }

    @Test func `is looked for once where the message is refused`() async throws {
        try await Office.with { office in
            let person = try await office.addPerson()
            let params: JSONObject = ["name": "desk_branch", "arguments": ["branch": "Kisumu"]]

            for (headers, who, code) in [
                (["Mcp-Param-Branch": "Nairobi"], person, -32020 as Int64), ([:], person, -32020),
                (["Mcp-Param-Branch": "Kisumu"], Credential.token(Secret("nobody")), -32600),
                ([:], .token(Secret("nobody")), -32600),
            ] as [([String: String?], Credential, Int64)] {
                let (count, said) = await looks(office) {
                    await office.ask("tools/call", params, headers: headers, credential: who)
                }
                #expect(count == 1 && said.code == code, "\(headers): \(count) \(said.json)")
            }
            let (count, said) = await looks(office) {
                let payment: JSONObject = ["name": "fake_collect", "arguments": [:]]
                return await office.ask("tools/call", payment, meta: tasks, credential: .token(Secret("nobody")))
            }
            #expect(count == 1 && said.code == -32600)
        }
    }

    @Test func `is looked for once in a session, and anew once a person has answered`() async throws {
        try await Office.with { office in
            let person = try await office.addPerson()
            let params: JSONObject = [
                "protocolVersion": .string(Revision.june2025.rawValue), "capabilities": ["elicitation": [:]],
            ]
            let begun = await looks(office) { await office.ask("initialize", params, in: nil, credential: person) }
            let session = try #require(begun.said.session)
            #expect(begun.count == 1)
            let headers = [(Exchange.sessionHeader, session)]

            let show = Office.request("tools/call", ["name": "desk_show", "arguments": [:]])
            let (count, said) = await looks(office) { await office.send(show.bytes, headers, credential: person) }
            #expect(count == 1 && said.status == 200, "\(count) \(said.json)")

            let ask = Office.request("tools/call", ["name": "desk_ask", "arguments": [:]], id: "call")
            let asked = await looks(office) {
                await office.send(ask.bytes, headers, credential: person) { bytes in
                    guard let question = try? JSON(parsing: bytes), question["id"] != nil else { return }
                    let reply: JSON = [
                        "jsonrpc": "2.0", "id": question["id"] ?? .null,
                        "result": ["action": "accept", "content": ["sure": true]],
                    ]
                    Task { _ = await office.send(reply.bytes, headers, credential: person) }
                }
            }
            #expect(asked.said.result["structuredContent"]?["number"] == 1, "\(asked.said.json)")
            #expect(asked.count > 2)
        }
    }
}
