import Gateway
import OrderedJSON
import Synchronization
import Testing

@testable import MCP

private let older = Revision.allCases.filter(\.hasHandshake)

struct `A client of an older revision` {
    @Test(arguments: older)
    func `begins with a handshake that names its revision`(revision: Revision) async throws {
        try await Office.with { office in
            let params: JSONObject = [
                "protocolVersion": .string(revision.rawValue), "capabilities": [:], "clientInfo": ["name": "c"],
            ]
            let said = await office.ask("initialize", params, in: nil)

            #expect(said.status == 200 && said.result["protocolVersion"]?.stringValue == revision.rawValue)
            #expect(said.result["capabilities"]?["tools"] != nil && said.result["instructions"] != nil)
            #expect(said.result["serverInfo"]?["name"] == "mpesa-gateway")
            #expect((said.result["serverInfo"]?["title"] != nil) == revision.hasStructure)
            #expect(said.result["resultType"] == nil && said.result["_meta"] == nil)
        }
    }

    @Test func `that asks for another is offered the newest that has a handshake`() async throws {
        try await Office.with { office in
            for wanted in ["2026-07-28", "1999-01-01"] {
                let said = await office.ask("initialize", ["protocolVersion": .string(wanted)], in: nil)
                #expect(said.result["protocolVersion"] == "2025-11-25")
            }
            let unserved = await office.send(
                Office.request("tools/list").bytes,
                [("MCP-Protocol-Version", "1999-01-01")]
            )
            #expect(unserved.status == 400 && unserved.code == -32022)
            #expect(unserved.json["error"]?["data"]?["supported"]?.arrayValue?.count == 5)
        }
    }

    @Test(arguments: older)
    func `is shown tools in the form that it knows`(revision: Revision) async throws {
        try await Office.with { office in
            let said = await office.ask("tools/list", in: revision)
            let members = Set(try #require(said.result["tools"]?[0]?.objectValue).map(\.key))

            var expected: Set = ["name", "description", "inputSchema"]
            if revision.hasAnnotations { expected.insert("annotations") }
            if revision.hasStructure { expected.formUnion(["title", "outputSchema", "_meta"]) }
            #expect(members == expected)
            let title = said.result["tools"]?[0]?["annotations"]?["title"]
            #expect((title != nil) == (revision.hasAnnotations && !revision.hasStructure))
            #expect(said.result["ttlMs"] == nil && said.result["cacheScope"] == nil)
            let prompt = await office.ask("prompts/list", in: revision).result["prompts"]?[0]
            #expect((prompt?["title"] != nil) == revision.hasStructure)
        }
    }

    @Test(arguments: older)
    func `is answered by a tool in the form that it knows`(revision: Revision) async throws {
        try await Office.with { office in
            let said = await office.ask("tools/call", ["name": "desk_show", "arguments": [:]], in: revision)
            let types = (said.result["content"]?.arrayValue ?? []).compactMap { $0["type"]?.stringValue }

            #expect((said.result["structuredContent"] != nil) == revision.hasStructure)
            #expect(types.contains("audio") == revision.hasAnnotations)
            #expect(types.contains("resource_link") == revision.hasStructure)
            #expect(types.count == 5 && said.result["isError"] == false)
            #expect(said.result["content"]?[3]?["text"]?.stringValue == "{\"number\":7}")
        }
    }

    @Test(arguments: older)
    func `is told what is wrong with a request by numbers that it knows, and 200`(revision: Revision) async throws {
        try await Office.with { office in
            let cases: [(String, JSONObject, Int64)] = [
                ("no/such", [:], -32601), ("server/discover", [:], -32601), ("logging/setLevel", [:], -32601),
                ("tools/call", ["name": "nothing"], -32602), ("tools/list", ["cursor": "x"], -32602),
                ("resources/read", ["uri": "gateway://desk/none"], -32002), ("prompts/get", ["name": "none"], -32602),
            ]
            for (method, params, code) in cases {
                let said = await office.ask(method, params, in: revision)
                #expect(said.status == 200 && said.code == code && said.json["id"] == 1, "\(method)")
            }
            #expect(await office.send(Array("{".utf8), [("MCP-Protocol-Version", revision.rawValue)]).status == 400)
            #expect(await office.ask("ping", in: revision).result == [:])
        }
    }

    @Test(arguments: ["initialize", "ping", "tools/list", "tools/call", "no/such"])
    func `shows its credential with every request`(method: String) async throws {
        try await Office.with { office in
            for credential in [Credential.none, .token(Secret("nobody"))] {
                let said = await office.ask(method, in: .june2025, credential: credential)
                #expect(said.status == 401 && said.code == -32600 && said.cause?.code == .unauthenticated)
            }
        }
    }

    @Test func `is asked nothing, and told so before anything runs`() async throws {
        try await Office.with { office in
            let capabilities: JSONObject = [Message.capabilitiesKey: ["elicitation": [:]]]
            let params: JSONObject = ["name": "desk_ask", "arguments": [:], "_meta": .object(capabilities)]
            for revision in older {
                let said = await office.ask("tools/call", params, in: revision)
                #expect(said.status == 200 && said.result["isError"] == true)
                #expect(said.result["content"]?[0]?["text"]?.stringValue?.contains("elicitation") == true)
            }
            #expect(office.desk.runs == 0)
        }
    }

    @Test(arguments: older)
    func `hears how far a call is, in words where it knows them`(revision: Revision) async throws {
        try await Office.with { office in
            let heard = Mutex<[JSON]>([])
            let params: JSONObject = ["name": "desk_tell", "arguments": [:], "_meta": ["progressToken": "t"]]
            let said = await office.ask("tools/call", params, in: revision) { bytes in
                heard.withLock { $0.append((try? JSON(parsing: bytes)) ?? .null) }
            }

            let told = heard.withLock { $0 }
            #expect(said.result["isError"] == false && told.count == 1)
            #expect(told[0]["method"] == "notifications/progress" && told[0]["params"]?["progressToken"] == "t")
            #expect((told[0]["params"]?["message"] != nil) == revision.hasAnnotations)
        }
    }

    @Test func `may name its revision in the body, where the header does not say another`() async throws {
        try await Office.with { office in
            let params: JSONObject = ["_meta": [Message.versionKey: "2025-06-18"]]

            #expect(await office.ask("tools/list", params, in: nil).result["tools"]?[0]?["title"] != nil)
            #expect(await office.ask("tools/list", params, in: .june2025).status == 200)
            #expect(await office.ask("tools/list", params, in: .november2025).code == -32020)
        }
    }

    @Test func `gives a request up with its connection only where it says so`() async throws {
        try await Office.with { office in
            for (more, ends) in [([], false), ([("Gateway-Ends-With-Connection", "1")], true)] {
                let headers: [(String, String)] = [("MCP-Protocol-Version", "2025-06-18")] + more
                let exchange = await office.read(Office.request("ping").bytes, headers)

                #expect(exchange?.endsWithConnection == ends)
            }
        }
    }

    @Test func `has its notifications taken, and no request of the newest under an older header`() async throws {
        try await Office.with { office in
            let note: JSON = ["jsonrpc": "2.0", "method": "notifications/initialized"]
            #expect(await office.send(note.bytes).status == 202)
            #expect(await office.send(note.bytes, credential: Credential.none).status == 401)
            let answer: JSON = ["jsonrpc": "2.0", "id": 1, "result": [:]]
            #expect(await office.send(answer.bytes).code == -32600, "nothing was asked")
            let newest: [String: String?] = ["MCP-Protocol-Version": "2025-11-25"]
            #expect(await office.ask("tools/list", headers: newest).code == -32020)
        }
    }
}

struct `A batch` {
    private static let ping = Office.request("ping", id: "p")
    private static let note: JSON = ["jsonrpc": "2.0", "method": "notifications/initialized"]

    @Test func `is answered message by message, notifications not at all`() async throws {
        try await Office.with { office in
            let call = Office.request("tools/call", ["name": "desk_show", "arguments": [:]], id: 2)
            let body: JSON = [Self.ping, Self.note, call, 7, Office.request("initialize", id: 3)]
            for headers in [[], [("MCP-Protocol-Version", "2025-03-26")]] {
                let said = await office.send(body.bytes, headers)

                #expect(said.status == 200 && said.json.arrayValue?.map { $0["id"] } == ["p", 2, nil, 3])
                #expect(said.json[1]?["result"]?["isError"] == false)
                #expect(said.json[2]?["error"]?["code"] == -32600 && said.json[3]?["error"]?["code"] == -32600)
            }
            #expect(await office.send(JSON.array([Self.note, Self.note]).bytes).status == 202)
        }
    }

    @Test func `counts each of its messages against the limit`() async throws {
        try await Office.with { office in
            try await office.save(reads: 2)
            let lists = JSON.array((1...4).map { Office.request("tools/list", id: .integer($0)) })

            let said = await office.send(lists.bytes)

            let refused = said.json.arrayValue?.filter { $0["error"] != nil }.map { $0["id"] }
            #expect(said.status == 200 && refused == [3, 4])
        }
    }

    @Test(arguments: Revision.allCases.filter { !$0.takesBatches })
    func `is of one revision alone`(revision: Revision) async throws {
        try await Office.with { office in
            let said = await office.send(
                JSON.array([Self.ping]).bytes,
                [("MCP-Protocol-Version", revision.rawValue)]
            )

            #expect(said.status == 400 && said.code == -32600)
        }
    }

    @Test func `is neither empty nor longer than it may be, nor a stranger's`() async throws {
        var settings = MCPServer.Settings()
        settings.batchMax = 3
        try await Office.with(settings) { office in
            let full = [JSON](repeating: Self.ping, count: 3)

            #expect(await office.send(JSON.array(full).bytes).status == 200)
            #expect(await office.send(JSON.array(full + [Self.ping]).bytes).code == -32600)
            #expect(await office.send(JSON.array([]).bytes).code == -32600)
            let stranger = await office.send(JSON.array(full).bytes, credential: .token(Secret("nobody")))
            #expect(stranger.status == 401 && office.tokens.looks == 1)
        }
    }
}
