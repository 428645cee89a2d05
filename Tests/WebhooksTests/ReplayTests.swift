import Gateway
import GatewayTesting
import Testing

@testable import Webhooks

struct `An event that is sent once more` {
    @Test func `is the same id and bytes, whether it had arrived or not`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        let ids = try await house.tell(2)
        try await house.runner.runOnce()
        house.time.advance(.seconds(60))
        try await house.wish(.event(try #require(Identifier(ids[0]))), of: endpoint)
        try await house.runner.runOnce()

        let requests = house.receivers.requests.filter { $0.id == ids[0] }
        #expect(house.receivers.requests.count == 3 && requests.count == 2 && requests[0].body == requests[1].body)
        #expect(requests[0].seconds != requests[1].seconds)
        let delivery = try await house.deliveries(endpoint).first { $0.event.description == ids[0] }
        #expect(delivery?.state == .delivered && delivery?.attempts.map(\.isReplay) == [false, true])
        #expect(try await house.store.openReplays(limit: 9).isEmpty)
    }

    @Test func `may be of before the endpoint was made`() async throws {
        let house = WebhookHouse()
        let ids = try await house.tell(3)
        let endpoint = try await house.addEndpoint()
        try await house.wish(.event(try #require(Identifier(ids[1]))), of: endpoint)
        try await house.runner.runOnce()
        #expect(house.receivers.requests.map(\.id) == [ids[1]])
    }

    @Test func `is found by type and time`() async throws {
        let house = WebhookHouse()
        var ids: [String] = []
        for _ in 0..<5 {
            house.time.advance(.seconds(7_200))
            ids += try await house.tell()
        }
        let endpoint = try await house.addEndpoint()
        let now = house.time.now
        let span = { (kinds: [FeedEvent.Kind]) in
            WebhookReplay.Wish.span(
                from: now + .seconds(-3 * 7_200),
                to: now + .seconds(-7_200),
                kinds: kinds,
                onlyMissing: false
            )
        }
        try await house.wish(span([.succeeded]), of: endpoint)
        try await house.runner.runOnce()
        #expect(house.receivers.requests.isEmpty)
        try await house.wish(span([.keyRevoked]), of: endpoint)
        try await house.runner.runOnce()
        #expect(house.receivers.requests.map(\.id).sorted() == ids[1...3].sorted())
    }

    @Test func `is found however many there are, some in each commit`() async throws {
        var settings = WebhookSettings()
        settings.replayMax = 7
        let house = WebhookHouse(settings: settings)
        let ids = try await house.tell(50)
        let endpoint = try await house.addEndpoint()
        let now = house.time.now
        try await house.wish(
            .span(from: now + .seconds(-60), to: now, kinds: [], onlyMissing: false),
            of: endpoint
        )
        for _ in 0..<10 { try await house.runner.runOnce() }
        #expect(house.receivers.requests.map(\.id).sorted() == ids.sorted())
        let replay = try await house.store.replays(to: endpoint.id, organization: ours, limit: 1).first
        #expect(replay?.found == 50 && replay?.endedAt != nil)
    }

    @Test func `is what did not arrive, where that is asked for`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        let ids = try await house.tell(4)
        house.receivers.answer { request, _ in
            request.id == ids[2] ? FakeReceivers.refused(500) : FakeReceivers.taken
        }
        try await house.runner.runOnce()
        try await house.pass(12, each: .seconds(90_000))
        #expect(try await house.deliveries(endpoint).first { $0.event.description == ids[2] }?.state == .givenUp)

        house.receivers.answer { _, _ in FakeReceivers.taken }
        let (asked, now) = (house.receivers.requests.count, house.time.now)
        try await house.wish(
            .span(from: now + .seconds(-2_000_000), to: now, kinds: [], onlyMissing: true),
            of: endpoint
        )
        try await house.runner.runOnce()
        #expect(house.receivers.requests.dropFirst(asked).map(\.id) == [ids[2]])
    }

    @Test func `is nothing that may have arrived longer ago than that is known of`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        try await house.tell(2)
        try await house.runner.runOnce()
        try await house.pass(2, each: .seconds(31 * 86_400))
        #expect(try await house.deliveries(endpoint).isEmpty)
        let now = house.time.now
        try await house.wish(.span(from: endpoint.madeAt, to: now, kinds: [], onlyMissing: true), of: endpoint)
        try await house.runner.runOnce()
        #expect(house.receivers.requests.count == 2)
    }

    @Test(arguments: [200, 410, 500])
    func `says nothing of the endpoint's health`(status: Int) async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        let ids = try await house.tell(2)
        // The first arrives, the second does not.
        house.receivers.answer { _, number in
            number == 1 ? FakeReceivers.taken : FakeReceivers.refused(number == 2 ? 500 : status)
        }
        try await house.runner.runOnce()
        let before = try await house.standing(endpoint)
        try await house.wish(.event(try #require(Identifier(ids[0]))), of: endpoint)
        try await house.runner.runOnce()
        let after = try await house.standing(endpoint)
        #expect(house.receivers.requests.count == 3 && before.progress.failures == 1)
        #expect(after.progress == before.progress && after.endpoint == before.endpoint)
    }

    @Test func `is tried sooner where it waits by itself, and stays the endpoint's own`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        try await house.tell(3)
        house.receivers.answer { _, _ in FakeReceivers.refused(500) }
        try await house.runner.runOnce()
        let now = house.time.now
        try await house.wish(.span(from: endpoint.madeAt, to: now, kinds: [], onlyMissing: true), of: endpoint)
        try await house.runner.runOnce()
        // The fifth failure pauses the endpoint.
        #expect(house.receivers.requests.count == 5)
        try await house.pass(3, each: .seconds(3_600))

        let waiting = try await house.deliveries(endpoint)
        #expect(waiting.map(\.state) == [.waiting, .waiting, .waiting])
        #expect(!waiting.contains { $0.isReplay || $0.replay != nil } && waiting.contains { $0.tries > 2 })
        let replay = try await house.store.replays(to: endpoint.id, organization: ours, limit: 1).first
        #expect(replay?.found == 3 && replay?.endedAt != nil && replay?.stoppedAt == nil)
        house.receivers.answer { _, _ in FakeReceivers.taken }
        try await house.pass(2, each: .seconds(90_000))
        #expect(try await house.deliveries(endpoint).allSatisfy { $0.state == .delivered })
    }

    @Test func `is given up by what failed of its own wish, not of the wishes before it`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        let ids = try await house.tell(2).compactMap { Identifier($0) }
        try await house.runner.runOnce()
        house.receivers.answer { _, _ in FakeReceivers.refused(500) }
        try await house.wish(.event(ids[0]), of: endpoint)
        try await house.runner.runOnce()
        try await house.pass(3, each: .seconds(90_000))
        #expect(house.receivers.requests.count == 2 + 4)
        try await house.wish(.event(ids[1]), of: endpoint)
        try await house.runner.runOnce()

        #expect(house.receivers.requests.count == 2 + 5)
        let replays = try await house.store.replays(to: endpoint.id, organization: ours, limit: 9)
        #expect(replays.count == 2 && replays.allSatisfy { $0.stoppedAt == nil })
        #expect(try await house.deliveries(endpoint).map(\.state) == [.waiting, .waiting])
    }

    /// An endpoint that has taken so many events, another one, and the wish that all are sent to the first once more.
    private func again(
        _ count: Int,
        atOnce: Int = 8,
        _ answer: @escaping @Sendable (WebhookHouse, Int) -> WebhookOutcome
    ) async throws -> (house: WebhookHouse, endpoint: WebhookEndpoint, sent: Int) {
        var settings = WebhookSettings()
        settings.atOnceMax = atOnce
        let house = WebhookHouse(settings: settings)
        let endpoint = try await house.addEndpoint("https://away.example/")
        try await house.tell(count)
        try await house.runner.runOnce()
        try await house.addEndpoint("https://living.example/")
        let sent = house.receivers.requests.count
        house.receivers.answer { request, number in
            request.url == "https://away.example/" ? answer(house, number - sent) : FakeReceivers.taken
        }
        try await wishAll(house, endpoint)
        return (house, endpoint, sent)
    }

    private func wishAll(_ house: WebhookHouse, _ endpoint: WebhookEndpoint) async throws {
        let now = house.time.now
        let all = WebhookReplay.Wish.span(from: endpoint.madeAt, to: now, kinds: [.keyRevoked], onlyMissing: false)
        try await house.wish(all, of: endpoint)
    }

    @Test(arguments: [0, 15] as [Int64])
    func `is given up where nothing arrives, however long each attempt takes, and says so`(seconds: Int64)
        async throws
    {
        let (house, endpoint, sent) = try await again(1_200) { house, _ in
            house.time.advance(.seconds(seconds))
            return .failed(fault: "late")
        }
        let before = try await house.standing(endpoint)
        try await house.pass(8, each: .seconds(1))

        #expect(sent == 1_200 && house.receivers.ids(at: endpoint.url).count == sent + 5)
        let replay = try await house.store.replays(to: endpoint.id, organization: ours, limit: 1).first
        #expect(replay?.stoppedAt != nil && replay?.endedAt != nil && replay?.found == 500)
        let deliveries = try await house.deliveries(endpoint)
        #expect(deliveries.count { $0.state == .givenUp } == 500 && !deliveries.contains { $0.state == .waiting })
        #expect(try await house.standing(endpoint).progress == before.progress)
        try await house.pass(9, each: .seconds(90_000))
        #expect(house.receivers.ids(at: endpoint.url).count == sent + 5)
        // The endpoint's own events go on, and so does what is asked for then.
        house.receivers.answer { _, _ in FakeReceivers.taken }
        try await wishAll(house, endpoint)
        house.time.advance(.seconds(1))
        let ids = try await house.tell(1)
        try await house.pass(4, each: .seconds(1))
        #expect(house.receivers.ids(at: endpoint.url).count == sent + 5 + 1 + 1_200)
        #expect(house.receivers.ids(at: "https://living.example/") == ids)
        let again = try await house.store.replays(to: endpoint.id, organization: ours, limit: 1).first
        #expect(again?.stoppedAt == nil && again?.endedAt != nil && again?.found == 1_200)
    }

    @Test func `goes on where some of it arrives`() async throws {
        let (house, endpoint, _) = try await again(60, atOnce: 1) { _, number in
            number % 3 == 0 ? FakeReceivers.taken : FakeReceivers.refused(500)
        }
        try await house.pass(3, each: .seconds(10))
        let replay = try await house.store.replays(to: endpoint.id, organization: ours, limit: 1).first
        #expect(replay?.stoppedAt == nil && replay?.found == 60)
        let deliveries = try await house.deliveries(endpoint)
        #expect(deliveries.count { $0.state == .delivered } >= 20 && !deliveries.contains { $0.state == .givenUp })
    }

    @Test func `is a test, which is in nobody's feed and is tried once`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint { $0.kinds = [.succeeded] }
        house.receivers.answer { _, _ in FakeReceivers.refused(500) }
        try await house.wish(.test, of: endpoint)
        try await house.runner.runOnce()
        try await house.pass(3, each: .seconds(90_000))

        #expect(house.receivers.requests.count == 1)
        #expect(String(decoding: house.receivers.requests[0].body, as: UTF8.self).contains("webhook.test"))
        #expect(try await house.store.feedEnd(lane: FeedReader.lane) == 0)
        #expect(try await house.deliveries(endpoint).map(\.state) == [.givenUp])
        #expect(try await house.standing(endpoint).progress.failures == 0)
    }
}
