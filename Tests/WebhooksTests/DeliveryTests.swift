import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import Webhooks

struct `An event that is sent` {
    @Test func `arrives once, signed, as the feed has it`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        let ids = try await house.tell(3)

        try await house.runner.runOnce()
        try await house.runner.runOnce()

        #expect(house.receivers.requests.map(\.id).sorted() == ids.sorted() && house.receivers.requests.count == 3)
        let request = try #require(house.receivers.requests.first)
        let document = try JSON(parsing: request.body)
        #expect(document["id"]?.stringValue == request.id && document["type"] == "key.revoked")
        #expect(document["timestamp"] == "2027-01-15T08:00:00.000Z" && document["sequence"]?.integerValue != nil)
        let signed = Array("\(request.id).\(request.seconds).".utf8) + request.body
        let mac = HMACSHA256.authenticate(key: [UInt8](repeating: 7, count: 32), signed).bytes
        #expect(request.signatures == "v1," + Base64.encode(mac) && request.seconds == "1800000000")
        let deliveries = try await house.deliveries(endpoint)
        #expect(deliveries.map(\.state) == [.delivered, .delivered, .delivered])
        #expect(
            deliveries.first?.attempts.map(\.status) == [200]
                && deliveries.first?.attempts[0].beginning == Array("ok".utf8)
        )
        #expect(try await house.standing(endpoint).progress == WebhookProgress(place: 3))
    }

    @Test func `is of the types, the environment and the organization that were asked for, from then on`() async throws
    {
        let house = WebhookHouse()
        try await house.tell(2)
        try await house.addEndpoint("https://a.example/") { $0.kinds = [.succeeded] }
        try await house.addEndpoint("https://b.example/") { $0.kinds = [.keyRevoked, .failed] }
        try await house.addEndpoint("https://c.example/", of: theirs)
        let ids = try await house.tell(1)
        try await house.tell(1, in: .live)

        try await house.runner.runOnce()

        #expect(house.receivers.requests.map(\.url) == ["https://b.example/"])
        #expect(house.receivers.requests.map(\.id) == ids)
    }

    @Test func `is of an endpoint that was made while others are served, and not of one that is taken away`()
        async throws
    {
        let house = WebhookHouse()
        let first = try await house.addEndpoint("https://a.example/")
        try await house.runner.runOnce()
        try await house.addEndpoint("https://b.example/")
        try await house.tell()
        try await house.runner.runOnce()
        #expect(Set(house.receivers.requests.map(\.url)) == ["https://a.example/", "https://b.example/"])

        _ = try await house.store.removeWebhook(first.id, organization: ours)
        try await house.tell()
        try await house.runner.runOnce()
        #expect(house.receivers.requests.map(\.url).suffix(1) == ["https://b.example/"])
        let known = await house.runner.count
        #expect(house.receivers.requests.count == 3 && known == 1)
    }

    @Test func `bears two signatures while a secret is being changed`() async throws {
        let house = WebhookHouse()
        let end = house.time.now + .seconds(60)
        try await house.addEndpoint { endpoint in
            endpoint.secrets.append(
                WebhookSecret(
                    form: .asymmetric,
                    sealed: [UInt8](repeating: 9, count: 32),
                    keyVersion: 1,
                    endsAt: end
                )
            )
        }
        try await house.tell()
        try await house.runner.runOnce()
        house.time.advance(.seconds(60))
        try await house.tell()
        try await house.runner.runOnce()

        let signatures = house.receivers.requests.map { $0.signatures.split(separator: " ").map { $0.prefix(4) } }
        #expect(signatures.map { $0.map { $0.prefix { $0 != "," } } } == [["v1", "v1a"], ["v1"]])
    }

    @Test func `comes again with the same id and bytes, and another time, until it is taken`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        house.receivers.answer { _, number in
            number < 3 ? FakeReceivers.refused(500) : FakeReceivers.taken
        }
        try await house.tell()
        try await house.runner.runOnce()
        try await house.pass(2, each: .seconds(400))
        try await house.pass(3, each: .seconds(90_000))

        let requests = house.receivers.requests
        #expect(requests.count == 3 && Set(requests.map(\.id)).count == 1 && Set(requests.map(\.body)).count == 1)
        #expect(Set(requests.map(\.seconds)).count == 3 && Set(requests.map(\.signatures)).count == 3)
        let delivery = try await house.deliveries(endpoint).first
        #expect(delivery?.state == .delivered && delivery?.attempts.map(\.status) == [500, 500, 200])
        #expect(try await house.standing(endpoint).progress.failures == 0)
    }

    @Test func `holds nothing else up: what comes later goes on, in whatever order`() async throws {
        let house = WebhookHouse()
        try await house.addEndpoint()
        let ids = try await house.tell(4)
        house.receivers.answer { request, number in
            request.id == ids[0] && number < 5 ? .failed(fault: "late") : FakeReceivers.taken
        }
        try await house.runner.runOnce()
        #expect(Set(house.receivers.requests.map(\.id)) == Set(ids))
        try await house.pass(1, each: .seconds(10))
        #expect(house.receivers.requests.map(\.id).filter { $0 == ids[0] }.count == 2)
    }

    @Test func `is never more than eight at once at one endpoint, and one where the last failed`() async throws {
        let house = WebhookHouse()
        try await house.addEndpoint()
        try await house.tell(100)
        try await house.runner.runOnce()
        #expect(house.receivers.most <= 8 && house.receivers.requests.count == 100)
    }

    @Test func `that could not leave for too much that is under way is no attempt`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        try await house.tell()
        house.receivers.answer { _, _ in .busy }
        try await house.runner.runOnce()
        #expect(try await house.deliveries(endpoint).isEmpty)
        house.receivers.answer { _, _ in FakeReceivers.taken }
        try await house.pass(1, each: .seconds(2))
        #expect(try await house.deliveries(endpoint).map(\.state) == [.delivered])
        #expect(try await house.standing(endpoint).progress == WebhookProgress(place: 1))
    }

    @Test func `is given up where the feed has forgotten it`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        house.receivers.answer { _, _ in FakeReceivers.refused(500) }
        try await house.tell(2)
        try await house.runner.runOnce()
        let end = try await house.store.feedEnd(lane: FeedReader.lane)
        _ = try await house.store.moveCursor(of: FeedReader.rollups, lane: FeedReader.lane, from: 0, to: end)
        house.time.advance(.seconds(1))
        let later = house.time.now
        _ = try await house.store.forgetFeed(
            lane: FeedReader.lane,
            FeedAge(days: 90, before: later),
            exceptFor: [],
            limit: 1
        )

        try await house.pass(1, each: .seconds(10))

        let deliveries = try await house.deliveries(endpoint)
        #expect(deliveries.map(\.state).filter { $0 == .givenUp }.count == 1)
        #expect(deliveries.first { $0.state == .givenUp }?.attempts.count == 1)
    }
    @Test func `is kept for thirty days after it arrived`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        try await house.tell()
        try await house.runner.runOnce()
        try await house.pass(1, each: .seconds(30 * 86_400))
        #expect(try await house.deliveries(endpoint).count == 1)
        try await house.pass(1, each: .seconds(10))
        #expect(try await house.deliveries(endpoint).isEmpty)
    }
}

struct `An event's bytes` {
    private let endpoint = WebhookEndpoint(
        id: Identifier(high: 2, low: 2),
        organization: ours,
        environment: .test,
        madeBy: "user:1",
        madeAt: Timestamp(milliseconds: 0),
        url: "https://example.com",
        secrets: []
    )

    private let event = FeedEvent(
        organization: ours,
        id: Identifier(high: 3, low: 3),
        kind: .succeeded,
        subject: "s",
        version: 4,
        at: Timestamp(milliseconds: 1_800_000_000_001),
        payload: ["environment": "test", "amount": 10]
    )

    private func text(_ party: WebhookDocuments.Party, showsPhones: Bool = false) -> String {
        var endpoint = endpoint
        endpoint.showsPhones = showsPhones
        return String(decoding: WebhookDocuments.render(event, party: party, for: endpoint), as: UTF8.self)
    }

    private static let head = """
        {"type":"transaction.succeeded","timestamp":"2027-01-15T08:00:00.001Z",\
        "id":"00000000-0000-0003-0000-000000000003","subject":"s","sequence":4,"at_ms":1800000000001,\
        "data":{"environment":"test","amount":10
        """

    @Test func `are always these`() {
        #expect(text(.none) == Self.head + "}}")
        #expect(text(.known(nil)) == Self.head + "}}")
        #expect(text(.known("254712345678")) == Self.head + #","party":"2547•••••678"}}"#)
        #expect(text(.known("254712345678"), showsPhones: true) == Self.head + #","party":"254712345678"}}"#)
        #expect(text(.known("174379")) == Self.head + #","party":"174379"}}"#)
        #expect(text(.erased) == Self.head + #","erased":true}}"#)
    }
}
