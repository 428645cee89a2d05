import Foundation

/// Seeds that are run one after another, and what came of them.
package struct Portion: Sendable, Equatable {
    /// Which: those that were run, once they were.
    package private(set) var seeds: ClosedRange<UInt64>
    /// On the real SQLite store, or in memory.
    package let onSQLite: Bool
    /// How many payments M-Pesa took, how often a host died, and how many jobs ran.
    package internal(set) var (payments, deaths, jobs) = (0, 0, UInt64(0))
    /// What a processor was busy for.
    package internal(set) var processorSeconds = 0
    /// How many seeds ended with something that must not be.
    package internal(set) var wrong = 0

    /// Nothing has been run.
    package init(_ seeds: ClosedRange<UInt64>, onSQLite: Bool = false) {
        self.seeds = seeds
        self.onSQLite = onSQLite
    }

    /// Runs them all on this thread, until twenty were wrong.
    ///
    /// - Parameter accuse: Told of each that was, with its seed.
    package mutating func run(fault: PlantedFault? = nil, accuse: (String) -> Void) throws {
        let plugin = try WrongPlugin.make(fault)
        let began = Self.processorTime()
        for seed in seeds {
            let outcome = try Simulation.run(seed: seed, plugin: plugin, fault: fault, onSQLite: onSQLite)
            payments += outcome.payments
            deaths += outcome.deaths
            jobs += outcome.jobs
            guard !outcome.violations.isEmpty else { continue }
            wrong += 1
            accuse("seed \(seed)\(onSQLite ? " on SQLite" : ""): \(outcome.violations.joined(separator: "; "))")
            guard wrong < 20 else {
                seeds = seeds.lowerBound...seed
                break
            }
        }
        processorSeconds = Self.processorTime() - began
    }

    /// What was said of them in one line.
    package var summary: String {
        "\(seeds.lowerBound)..\(seeds.upperBound)\(onSQLite ? " on SQLite" : ""): \(payments) paid, \(deaths) deaths, "
            + "\(jobs) jobs, \(processorSeconds) s of a processor, \(wrong) seeds wrong"
    }

    private static func processorTime() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return time.tv_sec
    }
}
