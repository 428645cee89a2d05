import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `The counts of a batch` {
    @Test func `say of which payments M-Pesa has let the time pass`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 3)
            await house.sendBatches()
            let first = try await house.items("b")[0].id
            try await house.callback(first, says: ["verdict": "succeeded", "amount": 100, "receipt": "R1"])
            let early = await house.ask("batches.show", ["id": "b"]).data
            #expect(early["counts"]?["undecided"] == 2 && early["counts"]?["overdue"] == 0)

            house.clock.advance(.seconds(25 * 3_600))
            let shown = await house.ask("batches.show", ["id": "b"]).data
            let listed = await house.ask("batches.list", [:]).data[0] ?? .null
            for batch in [shown, listed] {
                #expect(batch["counts"]?["undecided"] == 0 && batch["counts"]?["overdue"] == 2, "\(batch.text)")
                #expect(batch["next"]?.stringValue?.contains("GET /unknowns") == true)
            }
        }
    }
}
