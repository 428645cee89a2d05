import GatewayTesting
import Logging
import Testing

@testable import Gateway

struct `The proof of a report` {
    private func question(_ number: UInt64) -> ReportQuestion {
        ReportQuestion(
            organization: OrganizationID(Identifier(high: 1, low: number)),
            environment: .test,
            days: 0...1,
            madeBy: nil,
            accounts: nil
        )
    }

    @Test(.timeLimit(.minutes(15)))
    func `is made once at a time for an organization, and for few organizations`() async throws {
        let gate = Gate()
        let way = MemoryStore.Way(before: { job async throws(GatewayError) in
            if job.name.hasPrefix("counted") { await gate.pass() }
        })
        let store = MemoryStore(way: way)
        let reader = RollupReader(
            feed: store,
            rollups: store,
            entropy: ManualEntropy().entropy,
            logger: .quiet,
            settings: RollupReader.Settings()
        )
        let verification = Verification(reports: store, sums: store, reader: reader)

        async let first = verification.verify(question(1))
        async let second = verification.verify(question(2))
        await gate.holds(2)
        for number: UInt64 in [1, 3] {
            let refusal = await #expect(throws: GatewayError.self) { try await verification.verify(question(number)) }
            #expect(refusal?.code == .rateLimited)
        }
        gate.open()

        #expect(try await first.isProven)
        #expect(try await second.isProven)
        #expect(try await verification.verify(question(1)).isProven, "the place was given back")
    }
}
