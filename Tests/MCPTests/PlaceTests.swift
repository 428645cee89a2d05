import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import MCP

extension Office {
    /// Makes a key of live money, and what is needed to move it.
    fileprivate func addLiveKey() async throws -> Credential {
        let key = APIKeyText(
            environment: .live,
            organization: organization,
            id: APIKeyID(clock.entropy.identifier()),
            secret: [UInt8](repeating: 5, count: 20)
        )
        try await store.save(
            Profile(environment: .live, shortCode: "600000", shortCodeType: "paybill", organizationName: "Shop"),
            organization: organization
        )
        try await save(key, scopes: nil)
        return .token(key.text)
    }
}

struct `Which M-Pesa a call acts on` {
    private static let words = "Environment: test, no real money."

    @Test(arguments: [Revision.november2024, .june2025, .july2026])
    func `stands in the description of every tool`(revision: Revision) async throws {
        try await Office.with { office in
            let said =
                revision == .newest ? await office.ask("tools/list") : await office.ask("tools/list", in: revision)
            let tools = said.result["tools"]?.arrayValue ?? []

            #expect(tools.count > 10)
            for tool in tools {
                let description = tool["description"]?.stringValue ?? ""
                #expect(description.hasSuffix("\n\n" + Self.words), "\(description)")
            }
        }
    }

    @Test func `stands in what a tool that moves money answers, in words too, with the account`() async throws {
        try await Office.with { office in
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let params: JSONObject = ["name": "fake_collect", "arguments": arguments]
            let paid = await office.ask("tools/call", params)
            let again = await office.ask("tools/call", params)
            let older = await office.ask("tools/call", params, in: .november2024)
            let wrong = await office.ask("tools/call", ["name": "fake_collect", "arguments": ["amount": 0]])

            for said in [paid, again, older, wrong] {
                #expect(said.result["_meta"]?[Marks.environmentKey] == "test", "\(said.json)")
                let last = said.result["content"]?.arrayValue?.last?["text"]?.stringValue ?? ""
                #expect(last.contains(Self.words), "\(last)")
            }
            #expect(paid.result["_meta"]?[Marks.accountKey] == "main")
            #expect(paid.result["content"]?.arrayValue?.last?["text"]?.stringValue?.hasSuffix("Account: main.") == true)
            #expect(
                paid.result["_meta"]?[Marks.replayedKey] == nil && again.result["_meta"]?[Marks.replayedKey] == true
            )
        }
    }

    @Test func `is told of an earlier call, in words and in structure`() async throws {
        try await Office.with { office in
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let params: JSONObject = ["name": "fake_collect", "arguments": arguments]
            let first = await office.ask("tools/call", params)
            let again = await office.ask("tools/call", params)
            let older = await office.ask("tools/call", params, in: .march2025)

            #expect(first.result["structuredContent"]?["replayed"] == nil, "\(first.json)")
            #expect(again.result["structuredContent"]?["replayed"] == true, "\(again.json)")
            for said in [again, older] {
                #expect(said.result.text.contains("nothing was sent now"), "\(said.json)")
            }
            // The schema that was published has room for it.
            let tools = await office.ask("tools/list").result["tools"]?.arrayValue ?? []
            let schema = tools.first { $0["name"] == "fake_collect" }?["outputSchema"]
            for choice in schema?["anyOf"]?.arrayValue ?? [] where choice["additionalProperties"] == false {
                #expect(choice["properties"]?["replayed"] == ["type": "boolean"], "\(choice)")
            }
        }
    }

    @Test func `is live where its key is, in the description, its digest and every answer`() async throws {
        try await Office.with { office in
            let live = try await office.addLiveKey()
            func tool(_ said: Said) -> JSON? {
                said.result["tools"]?.arrayValue?.first { $0["name"] == "fake_collect" }
            }
            let (test, real) = (
                tool(await office.ask("tools/list")), tool(await office.ask("tools/list", credential: live))
            )
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let call: JSONObject = ["name": "fake_collect", "arguments": arguments]
            let capabilities: JSON = ["extensions": [TaskView.extensionName: [:]]]
            let takes: JSONObject = [Message.capabilitiesKey: capabilities]
            let task = await office.ask("tools/call", call, meta: takes, credential: live)
            let paid = await office.ask("tools/call", call, credential: live)
            let list: JSONObject = ["name": "transactions_list", "arguments": [:]]
            let listed = await office.ask("tools/call", list, credential: live)

            let words = "Environment: live, real money."
            #expect(real?["description"]?.stringValue?.hasSuffix("\n\n" + words) == true, "\(real ?? .null)")
            #expect(real?["_meta"]?[ToolList.digestKey] != test?["_meta"]?[ToolList.digestKey])
            for said in [paid, listed] {
                #expect(said.result["_meta"]?[Marks.environmentKey] == "live", "\(said.json)")
                #expect(said.result["content"]?.arrayValue?.last?["text"]?.stringValue?.hasPrefix(words) == true)
            }
            #expect(task.result["statusMessage"]?.stringValue?.contains(words) == true, "\(task.json)")
            #expect(task.result["_meta"]?[Marks.environmentKey] == "live")
        }
    }

    @Test func `stands in what moves nothing too`() async throws {
        try await Office.with { office in
            let listed = await office.ask("tools/call", ["name": "transactions_list", "arguments": [:]])
            let nobody = await office.ask("tools/call", ["name": "nothing"])

            #expect(listed.result["_meta"]?[Marks.environmentKey] == "test")
            #expect(listed.result["content"]?.arrayValue?.last?["text"]?.stringValue == Self.words)
            #expect(nobody.result == .null)
        }
    }
}

struct `A call that waits for its outcome` {
    @Test(arguments: [Revision.november2024, .november2025, .july2026])
    func `tells how long it has waited, and ends with the answer`(revision: Revision) async throws {
        try await Office.with { office in
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k", "wait": 1]
            var meta: JSONObject = ["progressToken": "t"]
            if revision == .newest {
                meta[Message.versionKey] = .string(revision.rawValue)
                meta[Message.capabilitiesKey] = [:]
            }
            let params: JSONObject = ["name": "fake_collect", "arguments": arguments, "_meta": .object(meta)]
            let body = Office.request("tools/call", params).bytes
            let headers = [
                ("MCP-Protocol-Version", revision.rawValue), ("Mcp-Method", "tools/call"),
                ("Mcp-Name", "fake_collect"),
            ]
            let heard = Mutex<[JSON]>([])
            let exchange = try #require(await office.read(body, headers))
            #expect(office.server.tellsProgress(of: exchange))

            let said = await office.send(body, headers) { bytes in
                heard.withLock { $0.append((try? JSON(parsing: bytes)) ?? .null) }
            }

            let told = heard.withLock { $0 }
            #expect(said.result["isError"] == false, "\(said.json)")
            #expect(told.first?["method"] == "notifications/progress")
            #expect(told.first?["params"]?["progressToken"] == "t" && told.first?["params"]?["total"] == 1)
            let steps = told.compactMap { $0["params"]?["progress"]?.doubleValue }
            #expect(steps.first == 0 && steps == Array(Set(steps)).sorted() && steps.allSatisfy { $0 < 1 })
        }
    }

    @Test func `that does not wait tells nothing`() async throws {
        try await Office.with { office in
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let params: JSONObject = ["name": "fake_collect", "arguments": arguments, "_meta": ["progressToken": "t"]]
            let heard = Mutex(0)

            _ = await office.ask("tools/call", params, in: .june2025) { _ in heard.withLock { $0 += 1 } }

            #expect(heard.withLock { $0 } == 0)
        }
    }
}
