import Simulation
import Testing

// What `Scripts/simulate --portions` counts, and where it goes on.
@Suite
struct `A tally of seeds` {
    private static func tally(_ portions: [(ClosedRange<UInt64>, onSQLite: Bool)]) throws -> Tally {
        let lines = portions.map { seeds, onSQLite in
            Tally.Entry(Portion(seeds, onSQLite: onSQLite), commit: "882c93ad", day: "2026-11-28").line
        }
        return try Tally(([Tally.heading] + lines).joined(separator: "\n") + "\n")
    }

    @Test func `begins with the first seed`() throws {
        let tally = try Tally("")

        #expect(tally.next(10, onSQLite: false) == 1...10)
        #expect(tally.count(onSQLite: false) == 0)
    }

    @Test func `goes on after what was run on the same store, and is running`() throws {
        let tally = try Self.tally([(1...10, onSQLite: false), (11...20, onSQLite: false), (1...5, onSQLite: true)])

        #expect(tally.next(10, onSQLite: false) == 21...30)
        #expect(tally.next(10, onSQLite: false, besides: [21...30]) == 31...40)
        #expect(tally.next(10, onSQLite: true) == 6...15)
        #expect(tally.count(onSQLite: false) == 20)
        #expect(tally.count(onSQLite: true) == 5)
    }

    @Test func `fills the gap that a portion left which was stopped`() throws {
        let tally = try Self.tally([(11...20, onSQLite: false), (31...40, onSQLite: false), (1...4, onSQLite: false)])

        #expect(tally.next(10, onSQLite: false) == 5...10)
        #expect(tally.next(3, onSQLite: false) == 5...7)
        #expect(tally.next(10, onSQLite: false, besides: [5...10]) == 21...30)
    }

    @Test func `counts a seed once that was run twice`() throws {
        let tally = try Self.tally([(1...10, onSQLite: false), (1...10, onSQLite: false), (6...15, onSQLite: false)])

        #expect(tally.count(onSQLite: false) == 15)
        #expect(tally.next(10, onSQLite: false) == 16...25)
    }

    @Test func `keeps what it is told`() throws {
        let line = "1\t10000\tsqlite\t882c93ad+\t2026-11-28\t37121\t12000\t99000111\t512\t3"
        let tally = try Tally(Tally.heading + "\n" + line + "\n")

        #expect(tally.entries.map(\.line) == [line])
        #expect(tally.wrong(onSQLite: true) == 3)
        #expect(tally.wrong(onSQLite: false) == 0)
    }

    @Test(arguments: ["1\t10", "2\t1\tmemory\ta\tb\t0\t0\t0\t0\t0", "1\t2\tpaper\ta\tb\t0\t0\t0\t0\t0"])
    func `does not guess at a line that it cannot read`(line: String) throws {
        let thrown = #expect(throws: Tally.Unreadable.self) { try Tally(Tally.heading + "\n" + line + "\n") }

        #expect(thrown?.line == 2)
    }

    @Test func `has what was wrong in a portion, whose seeds are named`() async throws {
        let (portion, accused) = try await SimulationThread.aside {
            var (portion, accused) = (Portion(1...400), [String]())
            try portion.run(fault: .showsOthersRecords) { accused.append($0) }
            return (portion, accused)
        }

        #expect(portion.wrong > 0)
        #expect(portion.wrong == accused.count)
        #expect(accused.allSatisfy { $0.hasPrefix("seed ") && $0.contains(PlantedFault.showsOthersRecords.accusation) })
        // Twenty are enough; what comes after them was not run.
        if portion.wrong == 20 { #expect(accused.last?.hasPrefix("seed \(portion.seeds.upperBound):") == true) }
        let entry = Tally.Entry(portion, commit: "882c93ad", day: "2026-11-28")
        let tally = try Tally(entry.line)
        #expect(tally.wrong(onSQLite: false) == portion.wrong)
        #expect(tally.next(10, onSQLite: false).lowerBound == portion.seeds.upperBound + 1)
    }
}
