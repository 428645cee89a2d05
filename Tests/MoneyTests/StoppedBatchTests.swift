import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `Batches that were stopped` {
    @Test func `are withdrawn in portions, between which others are sent`() async throws {
        let bounds = { (settings: inout BatchRunner.Settings) in (settings.sliceMax, settings.withdrawnMax) = (5, 8) }
        try await House.forBatches(inFlightMax: 1, change: bounds) { (house) async throws in
            let (who, stopped) = (try await house.releaser(), (1...4).map { "stopped-\($0)" })
            for (number, id) in stopped.enumerated() {
                _ = await house.batch(id, of: House.payments(10, amount: Int64(number + 1)))
                _ = try await house.gateway.batches.cancel(id, by: who, because: "The wrong list.")
            }
            try await house.run("runs", 2, amount: 9)
            house.upstream.answer(with: ["verdict": "failed", "code": "9", "meaning": "No such customer."])
            let counts = Kept<[Int]>([])
            house.upstream.whenPrepared {
                var count = 0
                for id in stopped {
                    count += ((try? await house.items(id)) ?? []).count { $0.state == .withdrawn }
                }
                counts.value?.append(count)
            }
            await house.sendBatches()

            // The second leaves after one turn, while another may be under way.
            #expect(counts.value?.count == 2 && counts.value.map { $0[1] <= 16 } == true, "\(counts.value ?? [])")
            for id in stopped { #expect(try await house.batch(id).endedAt != nil, "\(id)") }
        }
    }
}
