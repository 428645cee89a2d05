import Foundation

/// Durations, and what is said of them.
struct Samples {
    private var microseconds: [Double] = []

    mutating func add(_ duration: Duration) { microseconds.append(duration.microsecondsExactly) }

    mutating func measure(_ work: () async throws -> Void) async rethrows {
        let start = ContinuousClock.now
        try await work()
        add(ContinuousClock.now - start)
    }

    /// Runs a piece of work so often that the clock does not matter, five times; each sample is one call's share.
    static func batches(of count: Int, _ work: () async throws -> Void) async rethrows -> Samples {
        var samples = Samples()
        for _ in 0..<5 {
            let start = ContinuousClock.now
            for _ in 0..<count { try await work() }
            samples.add((ContinuousClock.now - start) / count)
        }
        return samples
    }

    private func quantile(_ share: Double) -> Double {
        let sorted = microseconds.sorted()
        guard !sorted.isEmpty else { return .nan }
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    private static func text(_ value: Double) -> String { String(format: value < 10 ? "%.2f us" : "%.0f us", value) }

    /// Median and 99th percentile.
    var quantiles: String { "median \(Samples.text(quantile(0.5))), p99 \(Samples.text(quantile(0.99)))" }

    /// The middle of the batches, and the best.
    var perCall: String { "median \(Samples.text(quantile(0.5))), best \(Samples.text(quantile(0)))" }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
    var microsecondsExactly: Double { seconds * 1e6 }
    var microseconds: Int { Int(microsecondsExactly) }
}

extension Process {
    /// This process's resident memory.
    static var residentBytes: Int {
        let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
    }
}
