import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import MCP

/// A client of an older revision with a session, whose payouts are asked about.
private struct Caller2025 {
    let office: Office
    let session: String

    static func with(
        lookEvery: Duration = .milliseconds(1),
        _ body: (Caller2025) async throws -> Void
    ) async throws {
        var bounds = Conversations.Settings()
        bounds.lookEvery = lookEvery
        try await Office.with(conversations: bounds) { office in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, agentMax: 1_000)
            _ = try await office.store.change(office.organization) { $0.approvals.rules = [rule] }
            office.gateway.configuration.forget()
            try await body(Caller2025(office, begin(office)))
        }
    }

    static func begin(_ office: Office, _ credential: Credential? = nil) async throws -> String {
        let hello: JSONObject = ["protocolVersion": "2025-11-25", "capabilities": ["elicitation": [:]]]
        return try #require(await office.ask("initialize", hello, in: nil, credential: credential).session)
    }

    init(_ office: Office, _ session: String) { (self.office, self.session) = (office, session) }

    func send(_ message: JSON, _ more: [(String, String)] = [], by credential: Credential? = nil) async -> Said {
        await office.send(message.bytes, [(Exchange.sessionHeader, session)] + more, credential: credential)
    }

    func cancel(_ id: JSON, in other: String? = nil, by credential: Credential? = nil) async -> Int {
        let note: JSON = [
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": ["requestId": id, "reason": "x"],
        ]
        return
            await office.send(
                note.bytes,
                [(Exchange.sessionHeader, other ?? session)],
                credential: credential
            )
            .status
    }

    func answer(_ question: JSON, _ action: String = "accept") async -> Int {
        let result: JSON = ["action": .string(action), "content": ["confirm": true]]
        return await send(["jsonrpc": "2.0", "id": question["id"] ?? .null, "result": result]).status
    }

    /// Pays, and does something about what is asked.
    func pay(id: JSON = 7, _ asked: @escaping @Sendable (JSON) async -> Void) async -> Said {
        let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
        let call = Office.request("tools/call", ["name": "fake_pay", "arguments": arguments], id: id)
        return await office.send(call.bytes, [(Exchange.sessionHeader, session)]) { bytes in
            guard let message = try? JSON(parsing: bytes), message["method"] == "elicitation/create" else { return }
            Task { await asked(message) }
        }
    }

    /// Another host's: the same store and key, another process's memory.
    var elsewhere: Conversations {
        Conversations(key: office.gateway.conversationKey, once: office.store, entropy: office.clock.entropy)
    }

    var sent: Int {
        get async {
            await office.gateway.releases.sendDue()
            return office.upstream.count("pay")
        }
    }
}

struct `A call that its client cancels` {
    @Test(.timeLimit(.minutes(15)), arguments: [false, true])
    func `ends its waiting for a person, at every host, and a later answer counts for nothing`(
        atAnother: Bool
    ) async throws {
        try await Caller2025.with { client in
            let question = Mutex<JSON>(.null)
            let said = await client.pay { asked in
                question.withLock { $0 = asked }
                if atAnother {
                    guard let session = client.elsewhere.read(client.session) else { return }
                    try? await client.elsewhere.giveUp(CallsUnderWay.Name(session.id, request: 7), in: session)
                } else {
                    #expect(await client.cancel(7) == 202)
                }
            }

            #expect(said.status == 202 && said.json == .null, "nothing is answered: \(said.json)")
            #expect(await client.answer(question.withLock { $0 }) == 400)
            #expect(await client.sent == 0)
            let held = await client.pay { _ = await client.answer($0) }
            #expect(held.result["structuredContent"]?["state"] == "released", "it stayed a draft: \(held.json)")
            #expect(await client.sent == 1)
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is nobody's but of the session and the id that are named`() async throws {
        try await Caller2025.with { client in
            let other = try await client.office.addKey(scopes: nil)
            let another = try await Caller2025.begin(client.office)
            let statuses = Mutex<[Int]>([])
            let said = await client.pay { asked in
                var heard = [await client.cancel(7, in: another), await client.cancel("7"), await client.cancel(8)]
                heard += [
                    await client.cancel(7, by: other), await client.cancel(7, in: "x"), await client.cancel(.null),
                ]
                let note: JSON = [
                    "jsonrpc": "2.0", "method": "notifications/cancelled", "params": ["requestId": 7],
                ]
                heard.append(await client.office.send(note.bytes).status)
                statuses.withLock { [heard] in $0 = heard }
                _ = await client.answer(asked)
            }

            #expect(statuses.withLock { $0 } == [202, 202, 202, 404, 404, 202, 202])
            #expect(said.result["structuredContent"]?["state"] == "released", "\(said.json)")
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is kept of by nobody before it lasts, nor once it has ended`() async throws {
        try await Caller2025.with { client in
            let session = try #require(client.elsewhere.read(client.session))
            let name = CallsUnderWay.Name(session.id, request: 7)
            @Sendable func isKept() async throws -> Bool {
                let id = try #require(name.claim)
                let now = client.office.clock.now
                return try await client.office.store.claim(id, organization: session.organization, at: now) != nil
            }

            try await client.elsewhere.giveUp(name, in: session)
            #expect(try await !isKept(), "a call that there is not")
            let seen = Mutex(false)
            _ = await client.pay { asked in
                let found = (try? await isKept()) ?? false
                seen.withLock { $0 = found }
                _ = await client.cancel(7)
            }
            #expect(seen.withLock { $0 }, "while it waits")
            #expect(try await !isKept())
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `is kept of by nobody once it has ended, also where it was stood for twice at once`()
        async throws
    {
        try await Caller2025.with { client in
            let session = try #require(client.elsewhere.read(client.session))
            for round in 0..<300 {
                let name = CallsUnderWay.Name(session.id, request: .integer(Int64(round)))
                let standing = try #require(client.elsewhere.standing(name, in: session))
                _ = await CallsUnderWay()
                    .run(name, standing: standing) {
                        await withTaskGroup { group in
                            for _ in 0..<4 { group.addTask { await standing.stand() } }
                        }
                        return .taken
                    }
                let id = try #require(name.claim)
                let now = client.office.clock.now
                let left = try await client.office.store.claim(id, organization: session.organization, at: now)
                #expect(left == nil, "round \(round)")
            }
        }
    }

    @Test(.timeLimit(.minutes(15))) func `ends what a function tool waits for, which is told`() async throws {
        try await Caller2025.with(lookEvery: .seconds(3_600)) { client in
            let call = Office.request("tools/call", ["name": "desk_wait", "arguments": [:]], id: "w")
            let waiting = Task { await client.send(call) }
            for await _ in client.office.desk.waits.stream { break }

            #expect(await client.cancel("w") == 202)

            #expect(await waiting.value.status == 202 && client.office.desk.givenUp == 1)
        }
    }
}

struct `A session that is over` {
    @Test(.timeLimit(.minutes(15))) func `is waited in by nobody, at once`() async throws {
        // Nobody would look again in this test's time.
        try await Caller2025.with(lookEvery: .seconds(3_600)) { client in
            let said = await client.pay { _ in
                let caller = client.office.caller(
                    .token(client.office.key.text),
                    [(Exchange.sessionHeader, client.session)]
                )
                let call = CallID(client.office.clock.entropy.identifier())
                _ = await client.office.server.endSession(of: caller, call: call)
            }

            #expect(said.result["structuredContent"]?["state"] == "draft", "\(said.json)")
        }
    }
}

struct `A request of a session` {
    @Test func `says no other revision than the session's`() async throws {
        try await Caller2025.with { client in
            let ping = Office.request("ping")
            for (revision, status) in [("2025-11-25", 200), ("2025-06-18", 400), ("2025-03-26", 400), ("1999", 400)] {
                let said = await client.send(ping, [(Ladder.versionHeader, revision)])
                #expect(said.status == status, "\(revision): \(said.json)")
            }
            let said = await client.send(ping, [(Ladder.versionHeader, "2025-06-18")])
            #expect(said.code == -32600 && said.json.text.contains("2025-11-25"), "\(said.json)")
            let meta: JSON = [Message.versionKey: "2025-06-18"]
            #expect(await client.send(Office.request("ping", ["_meta": meta])).status == 400)
            let reply: JSON = ["jsonrpc": "2.0", "id": "x", "result": ["action": "accept"]]
            let newest = await client.send(reply, [(Ladder.versionHeader, "2026-07-28")])
            #expect(newest.status == 400 && newest.json.text.contains("2025-11-25"), "\(newest.json)")
        }
    }
}

struct `Two calls of one key that wait for an answer` {
    @Test(.timeLimit(.minutes(15))) func `are both told what became of the payment`() async throws {
        try await Caller2025.with { client in
            let (asked, ask) = AsyncStream.makeStream(of: JSON.self)
            async let first = client.pay(id: 1) { ask.yield($0) }
            var questions = asked.makeAsyncIterator()
            let one = try #require(await questions.next())
            async let second = client.pay(id: 2) { ask.yield($0) }
            let two = try #require(await questions.next())
            // The first is withdrawn slowly, and the second answered meanwhile.
            let (reached, go) = client.office.trouble.holdWrite()
            #expect(await client.answer(one, "decline") == 202)
            for await _ in reached { break }
            #expect(await client.answer(two) == 202)
            for _ in 0..<20 { _ = await client.send(Office.request("ping")) }
            go.finish()

            for said in [await first, await second] {
                #expect(said.json.text.contains("withdrawn") || said.json.text.contains("declined"), "\(said.json)")
                #expect(!said.json.text.contains("in_progress"), "\(said.json)")
            }
            #expect(await client.sent == 0)
        }
    }
}
