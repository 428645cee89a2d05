import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

struct `A batch while M-Pesa is away` {
    /// An M-Pesa that may be away for one organization.
    private final class Line: Sendable {
        private let state = Mutex((outcome: UpstreamOutcome?.none, taken: [String]()))

        /// The ids of what it took, in order.
        var taken: [String] { state.withLock { $0.taken } }

        /// Answers so from now on, and takes nothing; nil once it is back.
        func stay(away outcome: UpstreamOutcome?) { state.withLock { $0.outcome = outcome } }

        func answer(_ request: PreparedRequest, away organization: OrganizationID) -> UpstreamOutcome {
            let id = (try? JSON(parsing: request.body.reveal()))?["id"]?.stringValue ?? ""
            return state.withLock { state in
                if let outcome = state.outcome, request.request.organization == organization { return outcome }
                state.taken.append(id)
                let document: JSON = [
                    "verdict": "accepted", "external_ids": ["fake_id": .string("F\(state.taken.count)")],
                ]
                return .answered(status: 200, body: document.bytes)
            }
        }
    }

    /// Ten payments, three at once, of which three have been paid.
    private func begun(_ body: (House, Line) async throws -> Void) async throws {
        try await House.forBatches(inFlightMax: 3) { (house) async throws in
            let (line, own) = (Line(), house.organization)
            house.upstream.answer { line.answer($0, away: own) }
            try await house.run("b", 10)
            await house.sendBatches()
            try await house.payAll("b")
            #expect(line.taken.count == 3)
            try await body(house, line)
        }
    }

    /// Once it is back, everything is paid, and each once.
    private func endsPaid(_ house: House, _ line: Line) async throws {
        line.stay(away: nil)
        for _ in 0..<12 {
            await house.sendBatches(after: .seconds(61))
            try await house.payAll("b")
        }
        await house.sendBatches()

        let items = try await house.items("b")
        #expect(items.map(\.state) == Array(repeating: .succeeded, count: 10))
        #expect(try await house.batch("b").state == .completed)
    }

    @Test func `for an hour fails nothing, and is paid whole once there are connections again`() async throws {
        try await begun { house, line in
            let theirs = try await house.neighbour()
            line.stay(away: .notSent("There was no connection."))
            for minute in 0..<60 {
                await house.sendBatches(after: .seconds(60))
                guard minute == 30 else { continue }
                let other = await house.call("fake_pay", ["phone": "254722000001", "amount": 5], as: theirs)
                #expect(other.state == .accepted)
            }
            let waiting = try await house.items("b").filter { $0.state != .succeeded }
            #expect(waiting.count == 7 && waiting.allSatisfy(\.state.isHeld))
            #expect(waiting.allSatisfy { $0.sentAt == nil })
            #expect(try await house.batch("b").state == .running && line.taken.count == 4)

            try await endsPaid(house, line)
            #expect(line.taken.count == 11 && Set(line.taken).count == 11)
        }
    }

    @Test func `for an hour of lost answers waits for a person, and pays the rest once they let it`() async throws {
        try await begun { house, line in
            line.stay(away: .unknown("The answer was lost."))
            for _ in 0..<60 { await house.sendBatches(after: .seconds(60)) }
            #expect(try await house.batch("b").state == .paused && line.taken.count == 3)
            let lost = try await house.items("b").filter { $0.state == .unknown }
            #expect(lost.count == 3 && house.upstream.count("pay") == 6)

            _ = try await house.gateway.batches.resume("b", by: try await house.releaser("atieno"))
            for item in lost {
                try await house.callback(
                    item.id,
                    says: ["verdict": "succeeded", "amount": 100, "receipt": .string("L\(item.id)")]
                )
            }
            try await endsPaid(house, line)
            #expect(line.taken.count == 7 && Set(line.taken).count == 7 && house.upstream.count("pay") == 10)
        }
    }
}
