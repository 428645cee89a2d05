import Gateway
import GatewayTesting
import Testing

@testable import Webhooks

struct `A receiver that does not answer` {
    @Test func `slows no other down, however much waits for it`() async throws {
        let house = WebhookHouse()
        let dead = try await house.addEndpoint("https://dead.example/")
        try await house.addEndpoint("https://living.example/")
        house.receivers.answer { request, _ in
            request.url == "https://dead.example/" ? .failed(fault: "late") : FakeReceivers.taken
        }
        let ids = try await house.tell(1_000)
        try await house.runner.runOnce()

        #expect(Set(house.receivers.ids(at: "https://living.example/")) == Set(ids))
        // It is paused after the fifth; of the eight that were begun together all answers are known.
        #expect(house.receivers.ids(at: "https://dead.example/").count <= 12)
        #expect(try await house.standing(dead).progress.pausedUntil != nil)
        #expect(try await house.deliveries(dead).count <= 12)
    }

    @Test func `keeps nobody waiting, however many of them hang, and whoever's they are`() async throws {
        let house = WebhookHouse()
        // As many as an organization has in an environment.
        for number in 0..<19 { try await house.addEndpoint("https://hanging.example/\(number)") }
        try await house.addEndpoint("https://living.example/")
        try await house.addEndpoint("https://other.example/", of: theirs)
        let gate = Gate()
        house.receivers.hang { $0.url.hasPrefix("https://hanging") ? gate : nil }
        try await house.tell()
        try await house.tell(of: theirs)

        let sending = Task { await house.runner.run() }
        let living = ["https://living.example/", "https://other.example/"]
        var turns = 0
        while turns < 1_000_000, living.contains(where: { house.receivers.ids(at: $0).isEmpty }) {
            house.time.advance(.seconds(2))
            await Task.yield()
            turns += 1
        }
        #expect(living.allSatisfy { !house.receivers.ids(at: $0).isEmpty })
        #expect(house.receivers.hanging > 0 && house.receivers.hanging <= 19)
        gate.open()
        sending.cancel()
        await sending.value
    }

    @Test func `is asked now and then, and sent everything once it answers`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        house.receivers.answer { _, _ in .failed(fault: "connection") }
        let ids = try await house.tell(50)
        try await house.runner.runOnce()
        try await house.pass(20, each: .seconds(60))
        let asked = house.receivers.requests.count
        #expect(asked < 40)

        house.receivers.answer { _, _ in FakeReceivers.taken }
        try await house.pass(40, each: .seconds(600))
        try await house.pass(4, each: .seconds(90_000))
        let taken = Set(house.receivers.requests.dropFirst(asked).map(\.id))
        #expect(taken == Set(ids))
        #expect(Set(try await house.deliveries(endpoint).map(\.state)) == [.delivered])
        #expect(try await house.standing(endpoint).progress.failures == 0)
    }

    @Test func `is switched off after days, and its people are told a day before and then`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint("https://example.com/secret?token=1")
        house.receivers.answer { _, _ in FakeReceivers.refused(500) }
        for _ in 0..<(6 * 24) {
            try await house.tell()
            try await house.pass(1, each: .seconds(3_600))
        }

        let (failing, disabled) = (try await house.told(.webhookFailing), try await house.told(.webhookDisabled))
        #expect(failing.count == 1 && disabled.count == 1)
        #expect(disabled.first?.payload["why"] == "failing" && disabled.first?.subject == endpoint.id.description)
        #expect(disabled.first?.payload["address"] == "https://example.com/…")
        let apart = (disabled.first?.at ?? house.time.now) - (failing.first?.at ?? house.time.now)
        #expect(apart >= .seconds(3 * 86_400))
        let standing = try await house.standing(endpoint)
        #expect(standing.endpoint.off == .failing)
        let asked = house.receivers.requests.count
        try await house.pass(5, each: .seconds(90_000))
        #expect(house.receivers.requests.count == asked)
    }

    @Test func `is switched off at once where it says that it is gone`() async throws {
        let house = WebhookHouse()
        let endpoint = try await house.addEndpoint()
        house.receivers.answer { _, _ in FakeReceivers.refused(410) }
        try await house.tell(20)
        try await house.runner.runOnce()
        try await house.pass(3, each: .seconds(90_000))

        #expect(house.receivers.requests.count <= 8)
        #expect(try await house.standing(endpoint).endpoint.off == .gone)
        #expect(try await house.told(.webhookDisabled).map { $0.payload["why"] } == ["gone"])
    }

    @Test func `is left alone for as long as it asks`() async throws {
        let house = WebhookHouse()
        try await house.addEndpoint()
        house.receivers.answer { _, _ in
            .answered(status: 429, beginning: [], retryAfter: .seconds(3_600))
        }
        try await house.tell(1)
        try await house.runner.runOnce()
        try await house.tell(1)
        try await house.pass(59, each: .seconds(60))
        #expect(house.receivers.requests.count == 1)
        house.receivers.answer { _, _ in FakeReceivers.taken }
        try await house.pass(2, each: .seconds(60))
        #expect(Set(house.receivers.requests.map(\.id)).count == 2 && house.receivers.requests.count == 3)
    }
}

struct `The turns of endpoints` {
    private func place(_ organization: UInt64, _ endpoint: UInt64) -> WebhookPlace {
        WebhookPlace(
            WebhookEndpoint(
                id: Identifier(high: 0, low: endpoint),
                organization: OrganizationID(Identifier(high: 0, low: organization)),
                environment: .test,
                madeBy: "",
                madeAt: Timestamp(milliseconds: 0),
                url: "",
                secrets: []
            )
        )
    }

    @Test func `go round the organizations, however many endpoints one has`() {
        var queue = WebhookQueue()
        for endpoint: UInt64 in 1...3 { queue.add(place(1, endpoint), isSlow: false) }
        queue.add(place(1, 1), isSlow: false)
        queue.add(place(2, 4), isSlow: false)

        var turns: [WebhookPlace] = []
        while let next = queue.next(quick: { _ in true }, slow: { _ in true }) { turns.append(next) }

        #expect(turns == [place(1, 1), place(2, 4), place(1, 2), place(1, 3)])
        #expect(queue.isEmpty)
    }

    @Test func `leave out those that are slow where there are enough of them`() {
        var queue = WebhookQueue()
        queue.add(place(1, 1), isSlow: true)
        queue.add(place(2, 2), isSlow: false)

        #expect(queue.next(quick: { _ in true }, slow: { _ in false }) == place(2, 2))
        #expect(queue.next(quick: { _ in true }, slow: { _ in false }) == nil)
        #expect(!queue.isEmpty)
        #expect(queue.next(quick: { _ in false }, slow: { _ in true }) == place(1, 1))
    }

    @Test func `leave out an organization that has enough of them`() {
        var queue = WebhookQueue()
        for endpoint: UInt64 in 1...3 { queue.add(place(1, endpoint), isSlow: false) }
        queue.add(place(2, 4), isSlow: false)

        let other = OrganizationID(Identifier(high: 0, low: 2))
        #expect(queue.next(quick: { $0 == other }, slow: { _ in false }) == place(2, 4))
        #expect(queue.next(quick: { $0 == other }, slow: { _ in false }) == nil && !queue.isEmpty)
    }
}
