import Foundation
import Testing

// Seeds of the whole Gateway, on one thread, in virtual time: docs/adr/0024.
@Suite(.serialized)
struct `A simulation of all of Gateway` {
    /// How many seeds the suite runs; `GATEWAY_SIMULATE=from..to` runs others instead.
    private static let seeds = range("GATEWAY_SIMULATE") ?? 1...2_000
    /// How many run on the real SQLite store; `GATEWAY_SIMULATE_SQLITE=from..to` runs others instead.
    private static let storeSeeds = range("GATEWAY_SIMULATE_SQLITE") ?? 1...200

    private static func range(_ variable: String) -> ClosedRange<UInt64>? {
        let bounds = (ProcessInfo.processInfo.environment[variable] ?? "").components(separatedBy: "..")
            .compactMap { UInt64($0) }
        guard let first = bounds.first, let last = bounds.last, first <= last else { return nil }
        return first...last
    }

    @Test func `finds nothing wrong, whatever the seed`() async throws {
        try await Self.look(Self.seeds, "GATEWAY_SIMULATE", onSQLite: false)
    }

    @Test func `finds nothing wrong on the store that hosts have, SQLite`() async throws {
        try await Self.look(Self.storeSeeds, "GATEWAY_SIMULATE_SQLITE", onSQLite: true)
    }

    private static func look(_ seeds: ClosedRange<UInt64>, _ variable: String, onSQLite: Bool) async throws {
        let failed = try await SimulationThread.aside {
            var failed: [String] = []
            var (payments, deaths, jobs) = (0, 0, UInt64(0))
            let began = ContinuousClock.now
            let plugin = try WrongPlugin.make(nil)
            for seed in seeds {
                let outcome = try Simulation.run(seed: seed, plugin: plugin, onSQLite: onSQLite)
                payments += outcome.payments
                deaths += outcome.deaths
                jobs += outcome.jobs
                if !outcome.violations.isEmpty {
                    failed.append("\(variable)=\(seed)..\(seed): \(outcome.violations.joined(separator: "; "))")
                }
                if failed.count == 20 { break }
            }
            print(
                "\(seeds)\(onSQLite ? " on SQLite" : ""): \(payments) paid, \(deaths) deaths, \(jobs) jobs, \(ContinuousClock.now - began)"
            )
            if seeds.count == 1, let seed = seeds.first {
                let told = try Simulation.run(seed: seed, plugin: plugin, keepsLines: true, onSQLite: onSQLite)
                for line in told.lines { print(line) }
            }
            return failed
        }

        for seed in failed { Issue.record("\(seed)") }
    }

    @Test func `has the same history from the same seed`() async throws {
        let digests = try await SimulationThread.aside {
            let plugin = try WrongPlugin.make(nil)
            return try (1...20)
                .map { seed in
                    try (0..<2).map { _ in try Simulation.run(seed: seed, plugin: plugin).digest }
                }
        }

        #expect(digests.allSatisfy { $0[0] == $0[1] })
        #expect(Set(digests.map { $0[0] }).count == 20)
    }

    @Test func `has the same history from the same seed on SQLite too`() async throws {
        let digests = try await SimulationThread.aside {
            let plugin = try WrongPlugin.make(nil)
            return try (1...12)
                .map { seed in
                    try (0..<2).map { _ in try Simulation.run(seed: seed, plugin: plugin, onSQLite: true).digest }
                }
        }

        #expect(digests.allSatisfy { $0[0] == $0[1] })
        #expect(Set(digests.map { $0[0] }).count == 12)
    }

    @Test(arguments: PlantedFault.allCases)
    func `finds a fault that was planted`(fault: PlantedFault) async throws {
        #expect(try await Self.seed(finding: fault, among: 1...2_000) != nil, "\(fault) was not found")
    }

    @Test(arguments: [PlantedFault.ignoresVersions, .showsOthersRecords, .sendsAgainUnasked])
    func `finds a fault that was planted on SQLite too`(fault: PlantedFault) async throws {
        #expect(try await Self.seed(finding: fault, among: 1...400, onSQLite: true) != nil, "\(fault) was not found")
    }

    private static func seed(
        finding fault: PlantedFault,
        among seeds: ClosedRange<UInt64>,
        onSQLite: Bool = false
    ) async throws -> UInt64? {
        let found = try await SimulationThread.aside {
            let plugin = try WrongPlugin.make(fault)
            return try seeds.first { seed in
                try Simulation.run(seed: seed, plugin: plugin, fault: fault, onSQLite: onSQLite).violations
                    .contains { $0.contains(fault.accusation) }
            }
        }
        print("\(fault)\(onSQLite ? " on SQLite" : ""): found by seed \(found.map { "\($0)" } ?? "none")")
        return found
    }
}
