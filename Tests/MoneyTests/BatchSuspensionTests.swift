import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `Batches of a suspended organization` {
    @Test func `pause in their middle, and go on when a person lets them`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 3)
            await house.sendBatches()
            try await house.suspend(true)
            try await house.payAll("b")
            for _ in 0..<3 { await house.sendBatches() }

            let batch = try await house.batch("b")
            #expect(batch.state == .paused && batch.reason?.contains("suspended") == true, "\(batch)")
            #expect(
                try await house.items("b").map(\.state) == [.succeeded, .draft, .draft],
                "what M-Pesa says is heard"
            )
            #expect(
                await house.ask("batches.show", ["id": "b"]).data["reason"]?.stringValue?.contains("suspended") == true
            )
            #expect(await house.ask("batches.list", [:]).data[0]?["state"] == "paused")

            try await house.suspend(false)
            for _ in 0..<3 { await house.sendBatches(after: .seconds(25 * 3_600)) }
            #expect(house.upstream.count("pay") == 1 && batch.endedAt == nil)
            _ = try await house.gateway.batches.resume("b", by: try await house.releaser("atieno"))
            for _ in 0..<3 {
                await house.sendBatches()
                try await house.payAll("b")
            }
            await house.sendBatches()
            #expect(try await house.batch("b").state == .completed && house.upstream.count("pay") == 3)
        }
    }

    @Test func `wait for their moment, and end where all has left`() async throws {
        try await House.forBatches { (house) async throws in
            let far = house.clock.entropy.wall().milliseconds + 3_600_000
            try await house.run("later", 1, amount: 5, ["not_before_ms": .integer(far)])
            try await house.run("left", 2)
            await house.sendBatches()
            try await house.suspend(true)
            await house.sendBatches()
            #expect(try await house.batch("later").state == .running && house.upstream.count("pay") == 2)
            try await house.payAll("left")
            await house.sendBatches()
            #expect(try await house.batch("left").state == .completed)

            try await house.suspend(false)
            await house.sendBatches(after: .seconds(3_600))
            #expect(house.upstream.count("pay") == 3)
        }
    }
}
