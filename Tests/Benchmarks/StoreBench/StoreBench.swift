import Foundation
import Gateway
import Store
import Synchronization

/// A payment's rows, as the money path has them written.
struct StoreBench: Sendable {
    let store: Store
    let organization = OrganizationID(Identifier(high: 1, low: 1))

    // MARK: Payments

    /// So many payments, by so many callers at once.
    func pay(_ count: Int, callers: Int) async throws {
        let start = ContinuousClock.now
        let each = try await cost(count, callers: callers)
        let seconds = start.duration(to: .now) / .seconds(1)
        print("\(Int(Double(count) / seconds)) payments/s, \(Int(each)) CPU-us of this process each")
    }

    /// So many payments; how many microseconds of this process's processor time each took.
    func cost(_ count: Int, callers: Int, isTold: Bool = true) async throws -> Double {
        let cpu = Self.cpu()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    for _ in 0..<(count / callers) {
                        var payment = Payment(of: caller, at: .now, organization)
                        payment.isTold = isTold
                        try await live(payment)
                    }
                }
            }
            try await group.waitForAll()
        }
        return (Self.cpu() - cpu) * 1e6 / Double(count)
    }

    private func live(_ payment: Payment) async throws {
        try await expect(.committed, store.commit(payment.beginning))
        try await expect(.applied, store.apply([payment.accepted]))
        try await store.receive(payment.callback)
        try await expect(.applied, store.apply([payment.settled]))
    }

    private func expect<Outcome: Equatable>(_ wanted: Outcome, _ outcome: Outcome) async throws {
        if outcome != wanted { throw GatewayError(.internalFault, "a payment did not hold: \(outcome)") }
    }

    // MARK: Lists

    /// Payments of 300,000 phones over a year; one in a thousand fails, one in a hundred thousand is cancelled.
    func fill(_ count: Int) async throws {
        let callers = 256
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    for number in stride(from: caller, to: count, by: callers) {
                        let age = Duration.seconds(365 * 86_400) * (count - number) / count
                        let end: RecordState =
                            number % 100_000 == 7 ? .cancelled : number % 1000 == 5 ? .failed : .succeeded
                        let phone = "2547" + String(10_000_000 + number % 300_000)
                        try await live(Payment(phone, at: .now + age * -1, organization, end: end))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    func list() async throws {
        let now = Timestamp.now
        for (name, change) in Self.filters(now) {
            var filter = RecordFilter(limit: 100)
            filter.recordClass = .transaction
            change(&filter)
            // Of SQLite the processor's time is told too, which a busy machine leaves as it is.
            var (times, work, found, isShort) = ([Double](), [Double](), 0, false)
            for _ in 0..<7 {
                let (start, cpu) = (ContinuousClock.now, Self.cpu())
                let page = try await store.page(matching: filter, organization: organization, environment: .live)
                times.append(start.duration(to: .now) / .milliseconds(1))
                work.append((Self.cpu() - cpu) * 1e3)
                (found, isShort) = (page.records.count, page.next != nil && page.records.count < filter.limit)
            }
            times.sort()
            work.sort()
            let shown = (times + work).map { String(format: "%.2f", $0) }
            let page = "\(found)\(isShort ? ", a short page" : "")"
            print("| \(name) | \(page) | \(shown[3]) ms, worst \(shown[6]) | \(shown[10]) CPU-ms here |")
        }
    }

    private static func filters(_ now: Timestamp) -> [(String, (inout RecordFilter) -> Void)] {
        let month = now + .seconds(-30 * 86_400)
        return [
            ("newest", { _ in }),
            ("a phone, a month", { ($0.party, $0.from) = ("254710000017", month) }),
            ("a phone, all", { $0.party = "254710000017" }),
            ("a phone that never paid, all", { $0.party = "254799999999" }),
            ("FAILED, a month", { ($0.status, $0.from) = ("FAILED", month) }),
            ("CANCELLED, all", { $0.status = "CANCELLED" }),
            ("PENDING, all", { $0.status = "PENDING" }),
            (
                "SUCCESS, a month half a year ago",
                {
                    ($0.status, $0.from, $0.until) = (
                        "SUCCESS", now + .seconds(-180 * 86_400), now + .seconds(-150 * 86_400)
                    )
                }
            ),
            ("an operation that nobody used, a month", { ($0.operation, $0.from) = ("none", month) }),
            ("a phone and FAILED, all", { ($0.party, $0.status) = ("254710000017", "FAILED") }),
        ]
    }

    static func cpu() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
}
