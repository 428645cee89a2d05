import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import MCP

private let asking = [Revision.june2025, .november2025]

/// A client of an older revision that has a session.
private struct Talker {
    let office: Office
    let session: String
    var credential: Credential?

    /// Begins a session as the client of a revision that can ask people.
    init(_ office: Office, _ revision: Revision, elicitation: JSON = [:], credential: Credential? = nil) async throws {
        self.office = office
        self.credential = credential
        let params: JSONObject = [
            "protocolVersion": .string(revision.rawValue), "capabilities": ["elicitation": elicitation],
        ]
        let said = await office.ask("initialize", params, in: nil, credential: credential)
        session = try #require(said.session, "\(said.json)")
    }

    func send(_ message: JSON, _ told: (@Sendable ([UInt8]) -> Void)? = nil, by other: Credential? = nil) async -> Said
    {
        await office.send(
            message.bytes,
            [(Exchange.sessionHeader, session)],
            credential: other ?? credential,
            told: told
        )
    }

    /// Calls the tool that asks, and answers its question as said.
    func ask(_ tool: String = "desk_ask", _ answer: @escaping @Sendable (JSON) async -> Void) async -> Said {
        await send(Office.request("tools/call", ["name": .string(tool), "arguments": [:]], id: "call")) { bytes in
            guard let message = try? JSON(parsing: bytes) else { return }
            Task { await answer(message) }
        }
    }

    func end(by other: Credential? = nil) async -> Answer? {
        let caller = office.caller(other ?? .token(office.key.text), [(Exchange.sessionHeader, session)])
        return await office.server.endSession(of: caller, call: CallID(office.clock.entropy.identifier()))
    }
}

private func reply(_ id: JSON?, _ result: JSON) -> JSON { ["jsonrpc": "2.0", "id": id ?? .null, "result": result] }

extension Office {
    /// Tokens of an issuer for these subjects, who all act as the office's key.
    func addIssued(to subjects: [String]) async throws -> [Credential] {
        let url = "https://login.example"
        issuer.publish(keys: ["1": "first"], at: url + "/keys")
        try await store.save(
            TokenIssuer(
                id: clock.entropy.identifier(),
                organization: organization,
                url: url,
                environment: .test,
                keysURL: url + "/keys",
                key: key.id
            )
        )
        let now = clock.now.milliseconds / 1000
        return subjects.map { subject in
            let claims: JSON = [
                "iss": .string(url), "sub": .string(subject), "exp": .integer(now + 3600),
                "aud": .string("https://gw.example/mcp/\(organization)"),
            ]
            return .token(FakeIssuer.token(["alg": "RS256", "kid": "1"], claims, by: "first"))
        }
    }
}

struct `A session` {
    @Test(arguments: Revision.allCases.filter(\.hasHandshake))
    func `begins only where the client says that it asks people, and its revision can`(revision: Revision) async throws
    {
        try await Office.with { office in
            let wishes: [(JSON, Revision?)] = [
                ([:], nil), (["elicitation": [:]], .june2025), (["elicitation": ["form": [:], "url": [:]]], .june2025),
                (["elicitation": ["url": [:]]], .november2025), (["elicitation": true], nil),
            ]
            for (capabilities, first) in wishes {
                let params: JSONObject = [
                    "protocolVersion": .string(revision.rawValue), "capabilities": capabilities,
                ]
                let said = await office.ask("initialize", params, in: nil)
                #expect((said.session != nil) == (first.map { revision >= $0 } ?? false), "\(capabilities)")
                #expect(said.session?.utf8.allSatisfy { (0x21...0x7E).contains($0) } ?? true)
                #expect(said.result["_meta"]?[Marks.sessionKey]?.stringValue == said.session)
            }
        }
    }

    @Test func `is of whom a token was issued to, and of nobody else who acts as the same key`() async throws {
        try await Office.with { office in
            let tokens = try await office.addIssued(to: ["amina", "bob"])
            let talker = try await Talker(office, .june2025, credential: tokens[0])
            let request = Office.request("tools/list")

            for (other, status) in [(tokens[0], 200), (tokens[1], 404), (.token(office.key.text), 404)] {
                #expect(await talker.send(request, by: other).status == status)
            }
            #expect(await talker.end(by: tokens[1])?.status == 404)
            #expect(await talker.end(by: tokens[0])?.status == 204)
        }
    }

    @Test func `says the revision where its requests do not`() async throws {
        try await Office.with { office in
            let talker = try await Talker(office, .june2025)

            #expect(await talker.send(Office.request("tools/list")).result["tools"]?[0]?["title"] != nil)
            #expect(await office.send(Office.request("tools/list").bytes).result["tools"]?[0]?["title"] == nil)
        }
    }

    @Test func `is its own client's alone, whole, and not for ever`() async throws {
        try await Office.with { office in
            let talker = try await Talker(office, .november2025)
            let ping = Office.request("ping")
            let other = try await office.addKey(scopes: nil)
            #expect(await talker.send(ping).status == 200)

            #expect(await talker.send(ping, by: other).status == 404)
            #expect(await talker.send(ping, by: .token(Secret("nobody"))).status == 401)
            for text in ["", "x", talker.session + "A", String(talker.session.dropLast(4)), "////"] {
                let said = await office.send(ping.bytes, [(Exchange.sessionHeader, text)])
                #expect(said.status == 404 && said.code == -32600 && said.json["id"] == 1, "\(text)")
            }
            let twice = [(Exchange.sessionHeader, talker.session), (Exchange.sessionHeader, talker.session)]
            #expect(await office.send(ping.bytes, twice).status == 404)
            office.clock.advance(.seconds(43_201))
            #expect(await talker.send(ping).status == 404)
        }
    }

    @Test func `ends when its client ends it, for every host`() async throws {
        try await Office.with { office in
            let talker = try await Talker(office, .november2025)
            let other = try await office.addKey(scopes: nil)

            #expect(await talker.end(by: other)?.status == 404)
            #expect(await talker.end()?.status == 204)

            #expect(await talker.send(Office.request("ping")).status == 404)
            #expect(await talker.end()?.status == 404)
            let nameless = office.caller(.token(office.key.text), [])
            let call = CallID(office.clock.entropy.identifier())
            #expect(await office.server.endSession(of: nameless, call: call)?.status == nil)
            let headers = [(Exchange.sessionHeader, "x"), (Ladder.versionHeader, "2026-07-28")]
            let newest = office.caller(.token(office.key.text), headers)
            #expect(await office.server.endSession(of: newest, call: call)?.status == nil)
        }
    }

    @Test func `is nothing to the newest revision`() async throws {
        try await Office.with { office in
            let said = await office.ask("tools/list", headers: [Exchange.sessionHeader: "another's"])

            #expect(said.status == 200 && said.session == nil)
        }
    }
}

struct `A question in a session` {
    @Test(.timeLimit(.minutes(15)), arguments: asking)
    func `goes out while the call goes on, and what the person says is heard`(revision: Revision) async throws {
        try await Office.with { office in
            let talker = try await Talker(office, revision)
            let asked = Mutex<[JSON]>([])
            let taken = Mutex<[Int]>([])

            let said = await talker.ask { question in
                asked.withLock { $0.append(question) }
                let answer: JSON = ["action": "accept", "content": ["sure": true]]
                let answered = await talker.send(reply(question["id"], answer))
                taken.withLock { $0.append(answered.status) }
            }

            #expect(said.result["structuredContent"] == ["number": 1] && said.json["id"] == "call", "\(said.json)")
            let question = try #require(asked.withLock { $0.first })
            #expect(question["method"] == "elicitation/create" && question["params"]?["message"] == "Sure?")
            #expect(question["params"]?["requestedSchema"]?["type"] == "object")
            #expect((question["params"]?["mode"] != nil) == (revision == .november2025))
            #expect(asked.withLock { $0.count } == 1 && taken.withLock { $0.allSatisfy { $0 == 202 } })
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is one of several, one after another until one is declined`() async throws {
        try await Office.with { office in
            let talker = try await Talker(office, .november2025)
            let asked = Mutex<[String]>([])

            for isDeclined in [false, true] {
                let said = await talker.ask("desk_poll") { question in
                    let message = question["params"]?["message"]?.stringValue ?? ""
                    asked.withLock { $0.append(message) }
                    let content: JSON = message == "Sure?" ? ["sure": true] : ["shillings": 7]
                    let yes: JSON = ["action": "accept", "content": content]
                    _ = await talker.send(reply(question["id"], isDeclined ? ["action": "decline"] : yes))
                }
                #expect(said.result["structuredContent"] == ["number": isDeclined ? 0 : 7], "\(said.json)")
            }

            #expect(asked.withLock { $0 } == ["How much?", "Sure?", "How much?"])
        }
    }

    @Test(.timeLimit(.minutes(15))) func `may be declined, or not be put at all`() async throws {
        try await Office.with { office in
            let talker = try await Talker(office, .june2025)

            let declined = await talker.ask { _ = await talker.send(reply($0["id"], ["action": "decline"])) }
            let failed = await talker.ask { question in
                let error: JSON = ["code": -32601, "message": "no"]
                _ = await talker.send(["jsonrpc": "2.0", "id": question["id"] ?? .null, "error": error])
            }

            for said in [declined, failed] {
                #expect(said.result["structuredContent"] == ["number": 0], "\(said.json)")
            }
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is answered in its own session alone, by what its schema allows`()
        async throws
    {
        try await Office.with { office in
            let (talker, other) = (try await Talker(office, .june2025), try await Talker(office, .june2025))
            let refusals = Mutex<[Int64?]>([])
            let yes: JSON = ["action": "accept", "content": ["sure": true]]

            let said = await talker.ask { question in
                let id = question["id"]
                let elsewhere = [await other.send(reply(id, yes)), await office.send(reply(id, yes).bytes)]
                let unasked = await talker.send(reply("nothing", yes))
                refusals.withLock { $0 += (elsewhere + [unasked]).map(\.code) }
                _ = await talker.send(reply(id, ["action": "accept", "content": ["sure": "yes"]]))
            }

            #expect(said.code == -32602, "\(said.json)")
            #expect(refusals.withLock { $0 } == [-32600, -32600, -32600])
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is not waited for longer than it lasts`() async throws {
        var bounds = Conversations.Settings()
        bounds.lookEvery = .milliseconds(1)
        try await Office.with(conversations: bounds) { office in
            let talker = try await Talker(office, .june2025)

            let said = await talker.ask { _ in office.clock.advance(.seconds(601)) }

            #expect(said.json["error"]?["message"]?.stringValue?.contains("in time") == true, "\(said.json)")
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: [1_190, 1_201])
    func `may take long, where another is asked with it: the round has one end`(seconds: Int) async throws {
        var bounds = Conversations.Settings()
        bounds.lookEvery = .milliseconds(1)
        try await Office.with(conversations: bounds) { office in
            let talker = try await Talker(office, .june2025)

            let said = await talker.ask("desk_poll") { question in
                let isFirst = question["params"]?["message"] == "How much?"
                if isFirst { office.clock.advance(.seconds(seconds)) }
                let content: JSON = isFirst ? ["shillings": 7] : ["sure": true]
                _ = await talker.send(reply(question["id"], ["action": "accept", "content": content]))
            }

            let inTime = said.result["structuredContent"] == ["number": 7]
            #expect(inTime == (seconds < 1_200), "\(said.json)")
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: [true, false])
    func `is not waited for once its session has ended, or its key is revoked`(isEnded: Bool) async throws {
        var bounds = Conversations.Settings()
        bounds.lookEvery = .milliseconds(1)
        try await Office.with(conversations: bounds) { office in
            let talker = try await Talker(office, .june2025)

            let said = await talker.ask { _ in
                if isEnded { _ = await talker.end() } else { try? await office.revokeKey() }
            }

            #expect(said.json["error"]?["message"]?.stringValue?.contains("in time") == true, "\(said.json)")
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is found by whoever waits at another host`() async throws {
        var bounds = Conversations.Settings()
        bounds.lookEvery = .milliseconds(1)
        try await Office.with(conversations: bounds) { office in
            let talker = try await Talker(office, .june2025)
            // The same store and key, another process's memory.
            let elsewhere = Conversations(
                key: office.gateway.conversationKey,
                once: office.store,
                entropy: office.clock.entropy
            )
            let session = try #require(elsewhere.read(talker.session))

            let said = await talker.ask { question in
                let answer = Message.Reply(
                    id: question["id"] ?? .null,
                    result: ["action": "accept", "content": ["sure": true]]
                )
                #expect(await (try? elsewhere.hear(answer, in: session)) == true)
            }

            #expect(said.result["structuredContent"] == ["number": 1], "\(said.json)")
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: [true, false])
    func `is put to so many at a time, and never where the call has no stream`(inAll: Bool) async throws {
        var bounds = Conversations.Settings()
        if inAll { bounds.waitingMax = 0 } else { bounds.waitingOfOrganizationMax = 0 }
        try await Office.with(conversations: bounds) { office in
            let talker = try await Talker(office, .june2025)

            let full = await talker.ask { _ in }
            #expect(full.status == 429, "\(full.json)")
            let runs = office.desk.runs
            let deaf = await talker.send(Office.request("tools/call", ["name": "desk_ask", "arguments": [:]]))
            #expect(deaf.result["isError"] == true && office.desk.runs == runs)
        }
    }

    @Test func `leaves a place less to others while whoever was led to a page is waited for`() async throws {
        var bounds = Conversations.Settings()
        bounds.waitingOfOrganizationMax = 1
        try await Office.with { office in
            let talker = try await Talker(office, .june2025)
            let conversations = Conversations(
                key: office.gateway.conversationKey,
                once: office.store,
                entropy: office.clock.entropy,
                settings: bounds
            )
            let session = try #require(conversations.read(talker.session))
            let (first, second) = (office.clock.entropy.identifier(), office.clock.entropy.identifier())

            #expect(conversations.keepPlace(of: first, in: session))
            #expect(!conversations.keepPlace(of: second, in: session))
            conversations.leavePlace(of: first)
            #expect(conversations.keepPlace(of: second, in: session))
        }
    }
}
