import Foundation
import Gateway
import Logging
import Store
import Synchronization

/// What the feed costs, and what is made of it.
extension StoreBench {
    private static let turns = 5

    private var reader: RollupReader {
        RollupReader(
            feed: store,
            rollups: store,
            entropy: entropy,
            logger: Logger(label: "bench"),
            settings: RollupReader.Settings()
        )
    }

    private var entropy: Entropy { Entropy(now: { .now }, random: { .random(in: 0...UInt64.max) }) }

    /// Payments with events and without, in turns; then all that the reader does about them.
    func feed(_ count: Int, callers: Int) async throws {
        var costs: (silent: [Double], told: [Double], reader: [Double]) = ([], [], [])
        _ = try await cost(count / 4, callers: callers)
        try await reader.catchUp()
        for _ in 0..<Self.turns {
            costs.silent.append(try await cost(count, callers: callers, isTold: false))
            costs.told.append(try await cost(count, callers: callers))
            let cpu = Self.cpu()
            try await reader.catchUp()
            costs.reader.append((Self.cpu() - cpu) * 1e6 / Double(count))
        }
        let (silent, told, read) = (Self.median(costs.silent), Self.median(costs.told), Self.median(costs.reader))
        print("a payment without events: \(Int(silent)) CPU-us; with: \(Int(told)), which is", terminator: " ")
        print(String(format: "%.3f", told / silent), "times; the reader, apart: \(Int(read)) an event")
    }

    /// The last 30 days as a report asks for them, and a file of everything.
    func report() async throws {
        var (start, cpu) = (ContinuousClock.now, Self.cpu())
        try await reader.catchUp()
        let caughtUp = start.duration(to: .now) / .seconds(1)
        print("| summed up | \(String(format: "%.1f", caughtUp)) s | \(Int((Self.cpu() - cpu) * 1e3)) CPU-ms |")
        let today = RollupPlace.day(of: .now)
        let question = ReportQuestion(
            organization: organization,
            environment: .live,
            days: (today - 29)...today,
            madeBy: nil,
            accounts: nil
        )
        let ways: [[ReportGroup]] = [[], [.tool], [.account], [.madeBy], [.day], [.hour]]
        let asked = ReportTotals.Asked(
            question,
            by: ways.map { $0 + [.direction, .state, .status] },
            hasOpen: true
        )
        var times: [Double] = []
        var found: Int64 = 0
        for _ in 0..<7 {
            start = .now
            let totals = try await store.totals(asked)
            times.append(start.duration(to: .now) / .milliseconds(1))
            found = totals.groups[0].values.reduce(0) { $0 + $1.transactions }
        }
        let (median, worst) = (Self.median(times), times.max() ?? 0)
        print(String(format: "| a month's report of %d | %.1f ms, worst %.1f |", found, median, worst))
        try await save()
    }

    private func save() async throws {
        let before = Self.peak()
        let size = Mutex((rows: 0, bytes: 0))
        var filter = RecordFilter(limit: 1)
        filter.recordClass = .transaction
        let (start, cpu) = (ContinuousClock.now, Self.cpu())
        try await TransactionFile(records: store, entropy: entropy)
            .write(filter, of: organization, in: .live, mayGoOn: {}) { piece in
                let rows = piece.count { $0 == UInt8(ascii: "\n") }
                size.withLock { $0 = ($0.rows + rows, $0.bytes + piece.count) }
            }
        let (rows, bytes) = size.withLock { $0 }
        let seconds = start.duration(to: .now) / .seconds(1)
        print("| a CSV of \(rows) rows, \(bytes >> 20) MiB | \(String(format: "%.1f", seconds)) s |", terminator: " ")
        print("\(Int((Self.cpu() - cpu) * 1e3)) CPU-ms | \((Self.peak() - before) >> 10) MiB more memory at most |")
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// The most memory that this process has had, in KiB.
    private static func peak() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return Int(line.filter(\.isNumber)) ?? 0
    }
}
