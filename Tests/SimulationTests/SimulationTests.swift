import Simulation
import Testing

// Seeds of the whole Gateway, on one thread, in virtual time: docs/adr/0024.
@Suite(.serialized)
struct `A simulation of all of Gateway` {
    @Test func `finds nothing wrong, whatever the seed`() async throws {
        try await Self.look(at: Portion(1...2_000))
    }

    @Test func `finds nothing wrong on the store that hosts have, SQLite`() async throws {
        try await Self.look(at: Portion(1...200, onSQLite: true))
    }

    private static func look(at seeds: Portion) async throws {
        let (portion, accused) = try await SimulationThread.aside {
            var (portion, accused) = (seeds, [String]())
            try portion.run { accused.append($0) }
            return (portion, accused)
        }

        print(portion.summary)
        for seed in accused { Issue.record("\(seed)") }
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
