import Gateway
import GatewayTesting
import OrderedJSON
import Testing

/// Somebody who follows the feed; what they are told is read part by part.
private struct Follower: Sendable {
    let parts: AsyncStream<LiveEvents.Part>
    let task: Task<Void, Never>

    /// - Parameter taking: What happens while a piece is being taken.
    init(_ live: LiveEvents, taking: @escaping @Sendable ([LiveEvents.Part]) -> Void = { _ in }) {
        let (parts, continuation) = AsyncStream.makeStream(of: LiveEvents.Part.self)
        self.parts = parts
        task = Task {
            try? await live.run { told in
                taking(told)
                for part in told { continuation.yield(part) }
            }
            continuation.finish()
        }
    }

    /// The next parts that are no signs of life: events by what they are about, notes by their names.
    func next(_ count: Int) async -> [String] {
        var found: [String] = []
        for await part in parts {
            switch part {
            case .event(let event, _): found.append(event["subject"]?.stringValue ?? "")
            case .note(let name, let words, _): found.append("\(name) \(words["reason"]?.stringValue ?? "")")
            case .life: continue
            }
            if found.count == count { break }
        }
        return found
    }
}

extension House {
    /// Follows the feed, as a door would.
    fileprivate func follow(
        _ arguments: JSON = [:],
        as credential: Secret<String>? = nil,
        of gateway: Assembly? = nil
    ) async throws -> LiveEvents {
        let gateway = gateway ?? self.gateway
        let action = try #require(ActionRegistry(gateway.actions).action("events.list"))
        var call = ActionCall(
            id: CallID(clock.entropy.identifier()),
            door: .rest,
            credential: .token(credential ?? key.text),
            environment: nil,
            address: "192.0.2.1",
            arguments: .success(arguments)
        )
        call.follows = true
        let reply = await gateway.pipeline.serve(action, call)
        guard case .live(let live) = try reply.result.get() else { throw Missing(what: "events: \(reply.result)") }
        return live
    }
}

struct `Whoever follows the feed` {
    /// Runs the news beside a test, and stops them afterwards.
    private func with(_ body: (House, Task<Void, Never>) async throws -> Void) async throws {
        var bounds = Assembly.Settings()
        bounds.news.period = .milliseconds(5)
        (bounds.news.ofOrganizationMax, bounds.news.ofFollowerMax) = (3, 2)
        try await House.with(bounds: bounds) { (house) async throws in
            try await house.gateway.news.begin()
            let running = Task { await house.gateway.news.run() }
            defer { running.cancel() }
            try await body(house, running)
        }
    }

    private func pay(_ house: House, _ number: Int) async throws -> String {
        try await house.paid(phone: "25471100000\(number)", receipt: "R\(number)AAAAAAAA").description
    }

    @Test func `is told what is kept, and then what becomes true`() async throws {
        try await with { house, _ in
            let (one, two) = (try await pay(house, 1), try await pay(house, 2))
            let follower = Follower(try await house.follow())
            #expect(await follower.next(2) == [one, two])

            let three = try await pay(house, 3)

            #expect(await follower.next(1) == [three])
            follower.task.cancel()
        }
    }

    @Test func `is shown each event as a page shows it, and goes on from any cursor of either`() async throws {
        try await with { house, _ in
            for number in 1...3 { _ = try await pay(house, number) }
            let page = await house.ask("events.list", ["limit": 2])
            let pageEvents = page.data.arrayValue ?? []
            let follower = Follower(try await house.follow())
            var told: [(JSON, String)] = []
            for await case .event(let event, let cursor) in follower.parts.filter({
                if case .event = $0 { true } else { false }
            }) {
                told.append((event, cursor))
                if told.count == 3 { break }
            }
            #expect(told.prefix(2).map(\.0) == pageEvents)

            let again = Follower(try await house.follow(["after": .string(told[1].1)]))
            #expect(await again.next(1) == [told[2].0["subject"]?.stringValue ?? ""])
            let paged = await house.ask("events.list", ["after": .string(told[1].1)])
            #expect(paged.data.arrayValue == [told[2].0])
        }
    }

    @Test func `hears of these types alone, and of nothing before where they begin now`() async throws {
        try await with { house, _ in
            _ = try await pay(house, 1)
            let types: JSON = ["types": "transaction.failed"]
            let failures = Follower(try await house.follow(types))
            let news = Follower(try await house.follow(["after": "now"]))
            let two = try await pay(house, 2)
            let reply = await house.collect(phone: "254711000003")
            let three = try #require(reply.record)
            try await house.callback(three, says: ["verdict": "failed", "code": "1"])

            #expect(await failures.next(1) == [three.description])
            #expect(await news.next(2) == [two, three.description])
        }
    }

    @Test func `hears nothing of another organization, whose cursors mean nothing`() async throws {
        try await with { house, _ in
            let mine = try await pay(house, 1)
            let other = OrganizationID(house.clock.entropy.identifier())
            try await house.store.save(Organization(id: other, slug: "other", name: "Other", plan: "all"))
            let key = try await house.addKey(of: other)
            let stranger = Follower(try await house.follow(as: key.text))
            let follower = Follower(try await house.follow())
            #expect(await follower.next(1) == [mine])
            let cursor = await house.ask("events.list").beside("next_after") ?? .null

            await #expect(throws: GatewayError.self) { try await house.follow(["after": cursor], as: key.text) }
            stranger.task.cancel()
            await stranger.task.value
            var heard = 0
            for await case .event in stranger.parts { heard += 1 }
            #expect(heard == 0)
        }
    }

    @Test func `is told that it ends once the key is revoked, and hears nothing more`() async throws {
        try await with { house, _ in
            let follower = Follower(try await house.follow())
            let one = try await pay(house, 1)
            #expect(await follower.next(1) == [one])

            let other = try await house.addKey()
            try await Loss.keyIsRevoked.befalls(house, tool: "")
            house.clock.advance(.seconds(2))

            #expect(await follower.next(2) == ["ended unauthenticated"])
            await follower.task.value
            #expect(house.gateway.news.count == 0)
            _ = Follower(try await house.follow(as: other.text))
        }
    }

    @Test func `is shown only what the key may see now`() async throws {
        try await with { house, _ in
            let key = try await house.addKey()
            let follower = Follower(try await house.follow(as: key.text))
            let one = try await pay(house, 1)
            #expect(await follower.next(1) == [one])

            // From here on it sees what it asks for itself.
            _ = try await house.store.change(key.id, organization: house.organization) { $0.role = .user }
            house.gateway.directory.forget()
            house.clock.advance(.seconds(2))
            _ = try await pay(house, 2)
            let reply = await house.pipeline.serve(
                ToolCall(
                    id: CallID(house.clock.entropy.identifier()),
                    door: .rest,
                    credential: .token(key.text),
                    tool: "fake_collect",
                    arguments: ["phone": "254711000003", "amount": 100]
                )
            )
            let own = try #require(reply.record, "\(reply.result)")
            try await house.callback(own, says: House.success(100, "R3AAAAAAAA"))

            #expect(await follower.next(1) == [own.description])
        }
    }

    @Test func `is dropped where it takes too long, and told with the cursor to go on from`() async throws {
        try await with { house, _ in
            _ = try await pay(house, 1)
            let slow = Follower(try await house.follow()) { [clock = house.clock] told in
                if told.contains(where: { if case .event = $0 { true } else { false } }) { clock.advance(.seconds(17)) }
            }
            var last: LiveEvents.Part?
            for await part in slow.parts { last = part }

            guard case .note("dropped", let words, let cursor) = last else {
                Issue.record("\(String(describing: last))")
                return
            }
            #expect(words == ["reason": "slow", "after": .string(cursor)])
            let two = try await pay(house, 2)
            let again = Follower(try await house.follow(["after": .string(cursor)]))
            #expect(await again.next(1) == [two])
        }
    }

    @Test func `is told that it ends when the gateway stops, and gives its place back`() async throws {
        try await with { house, running in
            let follower = Follower(try await house.follow())
            _ = try await pay(house, 1)
            _ = await follower.next(1)

            running.cancel()

            #expect(await follower.next(2) == ["ended stopping"])
            await follower.task.value
            #expect(house.gateway.news.count == 0)
        }
    }

    @Test func `is refused where all places are taken, of its key or of its organization`() async throws {
        try await with { house, _ in
            let other = try await house.addKey()
            let (one, two) = (try await house.follow(), try await house.follow())

            let own = await #expect(throws: GatewayError.self) { try await house.follow() }
            #expect(own?.code == .rateLimited && own?.retryAfter != nil)
            let three = try await house.follow(as: other.text)
            let all = await #expect(throws: GatewayError.self) { try await house.follow(as: other.text) }
            #expect(all?.code == .rateLimited)
            _ = (one, two, three)
        }
    }

    @Test func `gives its place back when the client goes`() async throws {
        try await with { house, _ in
            for _ in 1...5 {
                let follower = Follower(try await house.follow())
                var parts = follower.parts.makeAsyncIterator()
                _ = await parts.next()
                follower.task.cancel()
                await follower.task.value
            }
            #expect(house.gateway.news.count == 0)
        }
    }

    @Test func `is given signs of life that move its cursor`() async throws {
        try await with { house, _ in
            let follower = Follower(try await house.follow(["types": "transaction.failed"]))
            var parts = follower.parts.makeAsyncIterator()
            let first = try #require(await parts.next())
            _ = try await pay(house, 1)
            var last = first
            repeat { last = try #require(await parts.next()) } while last == first
            guard case .life(let cursor) = last else {
                Issue.record("\(last)")
                return
            }
            #expect(await house.ask("events.list").beside("next_after") == .string(cursor))
        }
    }
}
