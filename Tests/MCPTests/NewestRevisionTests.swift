import Cryptography
import Gateway
import OrderedJSON
import Testing

@testable import MCP

struct `A request of the newest revision` {
    @Test func `climbs the ladder rung by rung`() async throws {
        try await Office.with { office in
            let stranger = Credential.token(Secret("nobody"))
            let none: JSONObject = [Message.versionKey: .null]

            #expect(await office.send(Array("{".utf8)).code == -32700)
            #expect(await office.send(Array("{}".utf8)).code == -32600)
            #expect(await office.ask("tools/list", meta: none).code == -32602)
            #expect(await office.ask("tools/list", meta: [Message.capabilitiesKey: .null]).code == -32602)
            let wrong: [String: String?] = ["Mcp-Method": "tools/call"]
            #expect(await office.ask("tools/list", headers: wrong).code == -32020)
            #expect(await office.ask("tools/list", meta: none, headers: wrong).code == -32602, "_meta comes first")
            #expect(await office.ask("no/such").code == -32601)
            #expect(await office.ask("no/such").status == 404)
            #expect(await office.ask("no/such", credential: stranger).status == 401, "a stranger learns nothing")
            #expect(await office.ask("tools/list", headers: wrong, credential: stranger).status == 401)
            #expect(await office.send(Array("{".utf8), credential: stranger).status == 401)
        }
    }

    @Test func `is longer than others may be where it lists payments`() async throws {
        var settings = MCPServer.Settings()
        settings.messageBytesMax = 1_000
        try await Office.with(settings) { office in
            let word = JSON.string(String(repeating: "x", count: 1_000))
            let payments: JSON = [["phone": "254711000001", "amount": 10], ["phone": "254711000002", "amount": word]]
            let call = { (name: JSON) in
                await office.ask("tools/call", ["name": name, "arguments": ["payments": payments]])
            }

            #expect(await call("fake_pay_many").result["isError"] == true, "it is read, and refused for what it says")
            for name: JSON in ["fake_pay", "no_tool"] {
                let refused = await call(name)
                #expect(refused.status == 413 && refused.code == -32600, "\(refused.json)")
            }
            #expect(await office.ask("tools/list", ["cursor": word]).status == 413)
            let list = JSON.array([Office.request("tools/list", ["cursor": word])])
            #expect(await office.send(list.bytes).status == 413)
            let stranger = Credential.token(Secret("nobody"))
            #expect(await office.ask("tools/list", ["cursor": word], credential: stranger).status == 401)
        }
    }

    @Test(arguments: ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"])
    func `must say again in its header what its body says, once`(name: String) async throws {
        try await Office.with { office in
            let params: JSONObject = ["name": "fake_ask", "arguments": [:]]
            let missing = await office.ask("tools/call", params, headers: [name: nil])
            let other = await office.ask("tools/call", params, headers: [name: "2025-11-25"])

            #expect(missing.status == 400 && missing.code == -32020 && missing.json["id"] == 1)
            #expect(other.code == -32020)
        }
    }

    @Test func `is refused for a routing header that comes twice before anything else`() async throws {
        try await Office.with { office in
            let version = ("MCP-Protocol-Version", "2026-07-28")
            let twice = [version, ("Mcp-Method", "ping"), ("Mcp-Method", "ping")]
            let body = Office.request("ping", ["_meta": [Message.versionKey: 7]]).bytes

            #expect(await office.send(body, twice).code == -32020)
            #expect(await office.send(body, [version, ("Mcp-Method", "ping")]).code == -32602)
        }
    }

    @Test func `of an unknown version is told which are served`() async throws {
        try await Office.with { office in
            let version = "2099-01-01"
            let inBoth = await office.ask(
                "tools/call",
                ["name": 7],
                meta: [Message.versionKey: .string(version)],
                headers: ["MCP-Protocol-Version": version, "Mcp-Name": "x"]
            )
            let inHeader = await office.send(Office.request("tools/list").bytes, [("MCP-Protocol-Version", version)])

            for said in [inBoth, inHeader] {
                #expect(said.status == 400 && said.code == -32022)
                #expect(said.json["error"]?["data"]?["requested"]?.stringValue == version)
                #expect(said.json["error"]?["data"]?["supported"]?.arrayValue?.count == 5)
            }
            #expect(await office.ask("tools/call", ["name": 7], headers: ["Mcp-Name": "7"]).code == -32602)
        }
    }

    @Test(arguments: ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"])
    func `has no method of the older ones`(method: String) async throws {
        try await Office.with { office in
            let said = await office.ask(method)

            #expect(said.status == 404 && said.code == -32601)
        }
    }

    @Test func `is answered with all that the revision asks of a result`() async throws {
        try await Office.with { office in
            let discovered = await office.ask("server/discover").result

            #expect(discovered["resultType"] == "complete" && discovered["cacheScope"] == "private")
            #expect(discovered["supportedVersions"]?.arrayValue?.first == "2026-07-28")
            #expect(discovered["_meta"]?["io.modelcontextprotocol/serverInfo"]?["name"] == "mpesa-gateway")
            let tool = await office.ask("tools/list").result["tools"]?[0]
            #expect(tool?["outputSchema"] != nil && tool?["title"] != nil)
            let meta = tool?["_meta"]?.objectValue?.map(\.key)
            #expect(meta == ["mpesa-gateway/definition-sha256"], "a prefix of nobody else's")
        }
    }

    @Test func `is refused in the protocol's form, with the words for its remedy`() async throws {
        try await Office.with { office in
            try await office.save(reads: 1)
            let bad = await office.ask("tools/call", ["name": "fake_ask"], credential: .token(Secret("nobody")))
            let nobody = await office.ask("tools/call", ["name": "fake_ask"], credential: Credential.none)
            _ = await office.ask("tools/list")
            let many = await office.ask("tools/list")

            for said in [bad, nobody] { #expect(said.status == 401 && said.code == -32600 && said.json["id"] == 1) }
            #expect(bad.cause?.code == .unauthenticated)
            #expect(many.status == 429 && many.cause?.retryAfter != nil && many.json["id"] == 1)
        }
    }

    @Test func `has its credential looked at once`() async throws {
        try await Office.with { office in
            let stranger = Credential.token(Secret("nobody"))

            _ = await office.ask("tools/call", ["name": "fake_ask", "arguments": [:]], credential: stranger)
            #expect(office.tokens.looks == 1)
            _ = await office.ask("tools/list", credential: stranger)
            #expect(office.tokens.looks == 2)
        }
    }

    @Test func `is refused where a person would be asked whom the client cannot ask, before anything runs`()
        async throws
    {
        try await Office.with { office in
            let params: JSONObject = ["name": "desk_ask", "arguments": [:]]
            let refused = await office.ask("tools/call", params)
            #expect(refused.status == 400 && refused.code == -32021 && office.desk.runs == 0)

            let asked = await office.ask("tools/call", params, meta: [Message.capabilitiesKey: ["elicitation": [:]]])
            #expect(asked.result["resultType"] == "input_required" && office.desk.runs == 1)
        }
    }

    @Test func `of a tool that there is not, or of scopes that are missing, is no result of a tool`() async throws {
        try await Office.with { office in
            #expect(await office.ask("tools/call", ["name": "nothing"]).code == -32602)
            let bare = try await office.addKey(scopes: [])
            let lacking = await office.ask("resources/list", credential: bare)

            #expect(lacking.status == 403 && lacking.cause?.scopes == ["context:read"])
            #expect(lacking.json["error"]?["data"]?["scopes"] == ["context:read"])
        }
    }

    @Test func `is told little of what it wrote itself`() async throws {
        try await Office.with { office in
            let flood = "\u{202E}a" + String(repeating: "\u{301}", count: 50_000)
            let method = await office.ask(flood, headers: ["Mcp-Method": HeaderValue.encoded(flood)])
            let resource = await office.ask(
                "resources/read",
                ["uri": .string(flood)],
                headers: ["Mcp-Name": HeaderValue.encoded(flood)]
            )
            let version = await office.ask("ping", meta: [Message.versionKey: .string(flood)])
            let deep = String(repeating: "[", count: 100_000)

            #expect(method.code == -32601 && method.json.text.utf8.count < 300, "\(method.json.text.prefix(300))")
            #expect(resource.json["error"]?["data"]?["uri"]?.stringValue?.hasPrefix("?a???") == true)
            #expect(resource.json.text.utf8.count < 800 && version.json.text.utf8.count < 300)
            #expect(await office.send(Array(deep.utf8)).code == -32700)
        }
    }

    @Test func `is told the names that it wrote in short, without what cannot be seen`() async throws {
        try await Office.with { office in
            let name = String(repeating: "\u{202E}", count: 33_000)
            for tool: JSON in ["fake_collect", "transactions_list"] {
                let arguments: JSONObject = ["phone": "254711000001", "amount": 1, name: 7]
                let said = await office.ask("tools/call", ["name": tool, "arguments": .object(arguments)])
                #expect(said.result["isError"] == true)
                #expect(said.json.bytes.count < 4_000 && !said.json.text.contains("\u{202E}"), "\(tool)")
            }
            let twice = Array("{\"\(name)\":1,\"\(name)\":2}".utf8)
            let said = await office.send(twice)
            #expect(said.code == -32700 && said.json.bytes.count < 1_000 && !said.json.text.contains("\u{202E}"))
        }
    }

    @Test func `for a resource that there is not names it`() async throws {
        try await Office.with { office in
            let said = await office.ask("resources/read", ["uri": "gateway://desk/none"])

            #expect(said.code == -32602 && said.json["error"]?["data"]?["uri"] == "gateway://desk/none")
            #expect(await office.ask("resources/read", ["uri": "gateway://desk/manual"]).result["contents"] != nil)
        }
    }
}

struct `A list` {
    private static func settings(_ items: Int) -> MCPServer.Settings {
        var settings = MCPServer.Settings()
        settings.pageItemsMax = items
        return settings
    }

    @Test(arguments: [
        ("tools", "tools/list"), ("prompts", "prompts/list"), ("resources", "resources/list"),
        ("resourceTemplates", "resources/templates/list"),
    ])
    func `comes page by page, whole and in order`(list: String, method: String) async throws {
        var whole: [String] = []
        try await Office.with { whole = await $0.ask(method).names(list) }
        #expect(whole.count >= 2)
        try await Office.with(Self.settings(1)) { office in
            var (all, cursor): ([String], JSON?) = ([], nil)
            repeat {
                let said = await office.ask(method, cursor.map { ["cursor": $0] } ?? [:])
                #expect(said.names(list).count == 1 && said.result["cacheScope"] == "private")
                all += said.names(list)
                cursor = said.result["nextCursor"]
            } while cursor != nil && all.count < 100

            #expect(all == whole)
        }
    }

    @Test(arguments: ["", "x", "dG9vbHM=", "cHJvbXB0cwpmYWtl", "////", String(repeating: "A", count: 4096)])
    func `takes no cursor that it never gave`(cursor: String) async throws {
        try await Office.with(Self.settings(2)) { office in
            let said = await office.ask("tools/list", ["cursor": .string(cursor)])

            #expect(said.status == 400 && said.code == -32602)
            #expect(await office.ask("tools/list", ["cursor": 7]).code == -32602)
            #expect(await office.ask("resources/templates/list", ["cursor": "x"]).code == -32602)
        }
    }

    @Test func `goes on behind a name that is gone`() throws {
        let before = try Page(of: ["a", "b", "c", "d"], "letters", after: nil, itemsMax: 2) { $0 }

        let after = try Page(
            of: ["a", "c", "d"],
            "letters",
            after: before.next.map { .string($0) },
            itemsMax: 2
        ) { $0 }

        #expect(Array(before.items) == ["a", "b"] && Array(after.items) == ["c", "d"] && after.next == nil)
    }
}
