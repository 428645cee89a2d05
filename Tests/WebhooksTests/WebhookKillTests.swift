import Gateway
import GatewayTesting
import Synchronization
import Testing

@testable import Webhooks

struct `A process that dies while it sends` {
    /// Dies at its n-th job of the store: before it, or after it was written and before its answer came.
    private final class Death: Sendable {
        private let left: Mutex<Int>
        private let isAfter: Bool
        let hasCome = Mutex(false)

        init(at job: Int, isAfter: Bool) {
            left = Mutex(job)
            self.isAfter = isAfter
        }

        var way: MemoryStore.Way {
            MemoryStore.Way(
                before: { [self] _ throws(GatewayError) in try check(isAfter: false) },
                after: { [self] _ throws(GatewayError) in try check(isAfter: true) }
            )
        }

        /// Once it has come nothing more reaches the disk: the process is gone.
        private func check(isAfter now: Bool) throws(GatewayError) {
            let isDead = hasCome.withLock { hasCome in
                if !hasCome, now == isAfter {
                    hasCome = left.withLock {
                        $0 -= 1; return $0 == 0
                    }
                }
                return hasCome
            }
            if isDead { throw GatewayError(.unavailable, "The process is gone.") }
        }
    }

    @Test(arguments: [false, true])
    func `loses nothing, and sends the same bytes again at most`(isAfter: Bool) async throws {
        var job = 0
        while true {
            job += 1
            let house = WebhookHouse()
            let endpoint = try await house.addEndpoint()
            let other = try await house.addEndpoint("https://other.example/")
            let ids = try await house.tell(12)
            // Some are refused first, so that deliveries wait; one is wished once more.
            house.receivers.answer { request, number in
                number % 5 == 0 ? FakeReceivers.refused(503) : FakeReceivers.taken
            }
            try await house.wish(.event(try #require(Identifier(ids[3]))), of: endpoint)

            let death = Death(at: job, isAfter: isAfter)
            let dying = house.again(death.way)
            for _ in 0..<3 {
                try? await dying.runner.runOnce()
                house.time.advance(.seconds(10))
            }
            house.receivers.answer { _, _ in FakeReceivers.taken }
            let next = house.again()
            try await next.runner.runOnce()
            try await next.pass(6, each: .seconds(90_000))

            for each in [endpoint, other] {
                let got = house.receivers.requests.filter { $0.url == each.url }
                #expect(Set(got.map(\.id)) == Set(ids), "at job \(job)")
                let bodies = Dictionary(grouping: got, by: \.id).mapValues { Set($0.map(\.body)).count }
                #expect(bodies.values.allSatisfy { $0 == 1 }, "at job \(job)")
                let states = try await next.deliveries(each).map(\.state)
                #expect(states.count == 12 && Set(states) == [.delivered], "at job \(job)")
            }
            #expect(try await next.store.openReplays(limit: 9).isEmpty)
            if !death.hasCome.withLock({ $0 }) { break }
        }
        // Every job of the store that it makes has been its last; of those that only read nothing is lost afterwards.
        #expect(job > (isAfter ? 5 : 15))
    }
}
