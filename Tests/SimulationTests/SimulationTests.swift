import Foundation
import Testing

// Seeds of the whole Gateway, on one thread, in virtual time: docs/adr/0024.
@Suite(.serialized)
struct `A simulation of all of Gateway` {
    /// How many seeds the suite runs; `GATEWAY_SIMULATE=from..to` runs others instead.
    private static let seeds: ClosedRange<UInt64> = {
        let bounds = (ProcessInfo.processInfo.environment["GATEWAY_SIMULATE"] ?? "").components(separatedBy: "..")
            .compactMap { UInt64($0) }
        guard let first = bounds.first, let last = bounds.last, first <= last else { return 1...2_000 }
        return first...last
    }()

    @Test func `finds nothing wrong, whatever the seed`() async throws {
        let failed = try await Self.aside {
            var failed: [String] = []
            var (payments, deaths, jobs) = (0, 0, UInt64(0))
            let began = ContinuousClock.now
            let plugin = try WrongPlugin.make(nil)
            for seed in Self.seeds {
                let outcome = try Simulation.run(seed: seed, plugin: plugin)
                payments += outcome.payments
                deaths += outcome.deaths
                jobs += outcome.jobs
                if !outcome.violations.isEmpty {
                    failed.append("GATEWAY_SIMULATE=\(seed)..\(seed): \(outcome.violations.joined(separator: "; "))")
                }
                if failed.count == 20 { break }
            }
            print("\(Self.seeds): \(payments) paid, \(deaths) deaths, \(jobs) jobs, \(ContinuousClock.now - began)")
            if Self.seeds.count == 1, let seed = Self.seeds.first {
                for line in try Simulation.run(seed: seed, plugin: plugin, keepsLines: true).lines { print(line) }
            }
            return failed
        }

        for seed in failed { Issue.record("\(seed)") }
    }

    @Test func `has the same history from the same seed`() async throws {
        let digests = try await Self.aside {
            let plugin = try WrongPlugin.make(nil)
            return try (1...20)
                .map { seed in
                    try (0..<2).map { _ in try Simulation.run(seed: seed, plugin: plugin).digest }
                }
        }

        #expect(digests.allSatisfy { $0[0] == $0[1] })
        #expect(Set(digests.map { $0[0] }).count == 20)
    }

    @Test(arguments: PlantedFault.allCases)
    func `finds a fault that was planted`(fault: PlantedFault) async throws {
        let found = try await Self.aside {
            let plugin = try WrongPlugin.make(fault)
            return try (UInt64(1)...2_000)
                .first { seed in
                    try Simulation.run(seed: seed, plugin: plugin, fault: fault).violations
                        .contains { $0.contains(fault.accusation) }
                }
        }

        print("\(fault): found by seed \(found.map { "\($0)" } ?? "none")")
        #expect(found != nil, "\(fault) was not found")
    }

    /// Runs work on a thread of its own, so that it takes none of those on which other tests run.
    private static func aside<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Swift.Result { try work() }) }
            thread.stackSize = 16 << 20
            thread.start()
        }
    }
}
