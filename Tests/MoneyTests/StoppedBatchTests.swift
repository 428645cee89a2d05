import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `Batches that were stopped` {
    @Test func `are withdrawn in portions, between which others are sent`() async throws {
        try await House.forBatches(change: { ($0.sliceMax, $0.withdrawnMax) = (5, 8) }) { (house) async throws in
            let who = try await house.releaser()
            for number in 1...4 {
                _ = await house.batch("stopped-\(number)", of: House.payments(10, amount: Int64(number)))
                _ = try await house.gateway.batches.cancel("stopped-\(number)", by: who, because: "The wrong list.")
            }
            try await house.run("runs", 1, amount: 9)
            let withdrawn = Kept(0)
            house.upstream.whenPrepared {
                var count = 0
                for number in 1...4 {
                    let items = (try? await house.items("stopped-\(number)")) ?? []
                    count += items.count { $0.state == .withdrawn }
                }
                withdrawn.value = count
            }
            await house.sendBatches()

            #expect(withdrawn.value.map { $0 <= 8 } == true, "\(withdrawn.value ?? 0)")
            #expect(house.upstream.count("pay") == 1)
            for number in 1...4 { #expect(try await house.batch("stopped-\(number)").endedAt != nil, "\(number)") }
        }
    }
}
