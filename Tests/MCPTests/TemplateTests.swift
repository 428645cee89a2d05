import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import MCP

/// Begins a payment and answers its id.
private func pay(_ office: Office) async throws -> String {
    let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
    let paid = await office.ask("tools/call", ["name": "fake_collect", "arguments": arguments])
    return try #require(paid.result["structuredContent"]?["record"]?["id"]?.stringValue, "\(paid.json)")
}

struct `A resource of the host's own` {
    private static let template = "mpesa://transactions/{id}"
    /// Whoever may use a tool may ask what came of it.
    private static let tasks = "mpesa://tasks/{id}"
    private static let scoped = ["mpesa://batches/{id}", tasks, template]
    private static let whole = ["mpesa://batches/{id}", "mpesa://reports/{id}", tasks, template]

    private func templates(_ said: Said) -> [String] {
        (said.result["resourceTemplates"]?.arrayValue ?? []).compactMap { $0["uriTemplate"]?.stringValue }
    }

    @Test func `is told of as a template to whom its action's rules let it`() async throws {
        try await Office.with { office in
            let bare = try await office.addKey(scopes: ["context:read"])
            let scoped = try await office.addKey(scopes: ["transactions:read"])

            #expect(templates(await office.ask("resources/templates/list")) == Self.whole)
            #expect(templates(await office.ask("resources/templates/list", in: .november2024)) == Self.whole)
            #expect(templates(await office.ask("resources/templates/list", credential: scoped)) == Self.scoped)
            #expect(templates(await office.ask("resources/templates/list", credential: bare)) == [Self.tasks])
        }
    }

    @Test func `is read by its URI, as the tool of the same action shows it`() async throws {
        try await Office.with { office in
            let id = try await pay(office)

            let read = await office.ask("resources/read", ["uri": .string("mpesa://transactions/" + id)])
            let shown = await office.ask("tools/call", ["name": "transactions_show", "arguments": ["id": .string(id)]])

            let contents = try #require(read.result["contents"]?.arrayValue?.first)
            #expect(contents["mimeType"] == "application/json")
            let text = try #require(contents["text"]?.stringValue)
            #expect(text == shown.result["content"]?[0]?["text"]?.stringValue)
        }
    }

    @Test func `is a report too, whole, and its organization's alone`() async throws {
        try await Office.with { office in
            let report = StoredReport(
                id: office.clock.entropy.identifier(),
                kind: "DAILY",
                question: ReportQuestion(
                    organization: office.organization,
                    environment: .test,
                    days: 1...1,
                    madeBy: nil,
                    accounts: [.main]
                ),
                madeBy: "key:\(office.key.id)",
                madeAt: office.clock.now,
                expiresAt: office.clock.now + .seconds(60),
                position: 7,
                correctedTo: 5,
                key: nil,
                document: JSON.object(["total": 12]).bytes
            )
            _ = try await office.store.keep(report, reportsMax: 10)
            let other = try await office.addKey(scopes: nil, of: office.addOrganization("other"))
            let call: JSONObject = ["name": "reports_show", "arguments": ["id": .string("\(report.id)")]]
            let uri: JSONObject = ["uri": .string("mpesa://reports/\(report.id)")]

            let read = await office.ask("resources/read", uri)
            let shown = await office.ask("tools/call", call)

            #expect(shown.result["structuredContent"]?["total"] == 12, "\(shown.json)")
            let text = try #require(read.result["contents"]?[0]?["text"]?.stringValue, "\(read.json)")
            #expect(text == shown.result["content"]?[0]?["text"]?.stringValue)
            #expect(await office.ask("resources/read", uri, credential: other).code == -32602)
        }
    }

    @Test(arguments: ["nothing", "a/b", "", "%41", "1?x=1", "1#x", "\u{202E}1"])
    func `is not there for an id that is none`(id: String) async throws {
        try await Office.with { office in
            let uri = JSON.string("mpesa://transactions/" + id)
            let said = await office.ask("resources/read", ["uri": uri], in: .november2025)

            #expect(said.code == -32002 && said.json["error"]?["data"]?["uri"] != nil)
        }
    }

    @Test func `is not there for another organization, in the same words`() async throws {
        try await Office.with { office in
            let id = try await pay(office)
            let other = try await office.addKey(scopes: nil, of: office.addOrganization("other"))
            let bare = try await office.addKey(scopes: [])

            let foreign = await office.ask(
                "resources/read",
                ["uri": .string("mpesa://transactions/" + id)],
                credential: other
            )
            let unknown = await office.ask("resources/read", ["uri": "mpesa://nothing/1"])
            #expect(foreign.code == -32602 && foreign.json["error"]?["message"] == unknown.json["error"]?["message"])
            let refused = await office.ask(
                "resources/read",
                ["uri": .string("mpesa://transactions/" + id)],
                credential: bare
            )
            #expect(refused.status == 403)
        }
    }
}

struct `A completion` {
    private static let reference: JSON = ["type": "ref/resource", "uri": "mpesa://transactions/{id}"]

    private func values(_ said: Said) -> [String] {
        (said.result["completion"]?["values"]?.arrayValue ?? []).compactMap(\.stringValue)
    }

    private func argument(_ name: String, _ value: String) -> JSON { ["name": .string(name), "value": .string(value)] }

    @Test func `names the newest that the caller may see, in every revision`() async throws {
        try await Office.with { office in
            let id = try await pay(office)
            let other = try await office.addKey(scopes: nil, of: office.addOrganization("other"))
            func ask(_ begun: String, credential: Credential? = nil) async -> [String] {
                let params: JSONObject = ["ref": Self.reference, "argument": argument("id", begun)]
                return values(await office.ask("completion/complete", params, credential: credential))
            }

            #expect(await ask("") == [id])
            #expect(await ask(String(id.prefix(4))) == [id])
            #expect(await ask("x").isEmpty)
            #expect(await ask("", credential: other).isEmpty)
            let params: JSONObject = ["ref": Self.reference, "argument": argument("id", "")]
            #expect(values(await office.ask("completion/complete", params, in: .march2025)) == [id])
        }
    }

    @Test func `has nothing to offer for a prompt, and says what is wrong with a reference`() async throws {
        try await Office.with { office in
            let prompt: JSON = ["type": "ref/prompt", "name": "desk_day"]
            let said = await office.ask("completion/complete", ["ref": prompt, "argument": argument("day", "")])
            #expect(said.status == 200 && values(said).isEmpty)

            let wrong: [(JSON, JSON)] = [
                (["type": "ref/prompt", "name": "nobody"], argument("day", "")),
                (["type": "ref/resource", "uri": "mpesa://nothing/{id}"], argument("id", "")),
                (Self.reference, argument("day", "")), (Self.reference, ["name": "id"]), (7, argument("id", "")),
            ]
            for (reference, argument) in wrong {
                let said = await office.ask("completion/complete", ["ref": reference, "argument": argument])
                #expect(said.status == 400 && said.code == -32602, "\(reference) \(argument)")
            }
            let stranger = Credential.token(Secret("nobody"))
            let params: JSONObject = ["ref": 7, "argument": argument("id", "")]
            #expect(await office.ask("completion/complete", params, credential: stranger).status == 401)
        }
    }

    @Test func `is told of where the revision has a word for it`() async throws {
        try await Office.with { office in
            let newest = await office.ask("server/discover")
            let first = await office.ask("initialize", ["protocolVersion": "2024-11-05"], in: nil)

            #expect(newest.result["capabilities"]?["completions"] == [:])
            #expect(first.result["capabilities"]?["completions"] == nil)
        }
    }
}

struct `What went wrong in a tool` {
    @Test func `is told to programs too, where results have structure`() async throws {
        try await Office.with { office in
            let call: JSONObject = ["name": "transactions_list", "arguments": ["limit": 0]]
            let said = await office.ask("tools/call", call)
            let older = await office.ask("tools/call", call, in: .march2025)

            let error = try #require(said.result["structuredContent"]?["error"])
            #expect(said.result["isError"] == true && error["code"] == "invalid_argument")
            #expect(error["errors"]?.arrayValue?.first?["pointer"] == "/limit")
            #expect(older.result["isError"] == true && older.result["structuredContent"] == nil)
        }
    }

    @Test func `says when to try again, in words and to programs`() async throws {
        try await Office.with { office in
            try await office.save(reads: 1)
            let call: JSONObject = ["name": "transactions_list", "arguments": [:]]
            _ = await office.ask("tools/call", call)
            let said = await office.ask("tools/call", call)

            let error = try #require(said.result["structuredContent"]?["error"], "\(said.json)")
            let wait = try #require(error["retry_after_s"]?.integerValue)
            #expect(error["code"] == "rate_limited" && (1...60).contains(wait))
            #expect(said.result["content"]?[0]?["text"]?.stringValue?.contains("again in \(wait) seconds") == true)
        }
    }

    @Test func `names the transaction that it is about, and whether a new request is safe`() async throws {
        try await Office.with { office in
            let capabilities: JSON = ["extensions": [TaskView.extensionName: [:]]]
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let call: JSONObject = ["name": "fake_pay", "arguments": arguments]
            let held = await office.ask("tools/call", call).result["structuredContent"]
            let id = try #require(held?["transaction_id"]?.stringValue)
            _ = await office.ask(
                "tasks/cancel",
                ["taskId": .string("transactions/" + id)],
                meta: [Message.capabilitiesKey: capabilities]
            )

            let said = await office.ask("tools/call", call)

            let error = try #require(said.result["structuredContent"]?["error"], "\(said.json)")
            #expect(error["transaction_id"]?.stringValue == id && error["charge_again"] == "no", "\(error)")
            let words = said.result["content"]?[0]?["text"]?.stringValue ?? ""
            #expect(words.contains("charge_again: no") && words.contains("transaction_id: " + id))
        }
    }
}
