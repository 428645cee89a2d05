import Simulation
import Testing

// One reversal, and a host that dies at each of its awaits in turn, on both disks of the simulation.
@Suite(.serialized)
struct `A reversal whose host dies` {
    @Test(arguments: Script.Way.allCases)
    func `at any of its awaits gives back what was asked for, once`(way: Script.Way) async throws {
        try await Self.killEach(way, onSQLite: false)
    }

    @Test(arguments: [Script.Way.told, .answerLost])
    func `at any of its awaits gives it back once on SQLite too`(way: Script.Way) async throws {
        try await Self.killEach(way, onSQLite: true)
    }

    /// First with no death, which says how many awaits there are, then with one at each.
    private static func killEach(_ way: Script.Way, onSQLite: Bool) async throws {
        let (wrong, awaits) = try await SimulationThread.aside {
            let plugin = try WrongPlugin.make(nil)
            func run(_ number: Int) throws -> Simulation.Reversal {
                try Simulation.runReversal(Script(way: way, diesAt: number), plugin: plugin, onSQLite: onSQLite)
            }
            let whole = try run(0)
            var wrong = whole.wrongs(at: "no await")
            // What was about to leave when its host died is not sent by another, which cannot know that it had not.
            let leaving = whole.awaits.firstIndex(of: "before_send").map { [$0 - 1, $0] } ?? []
            for number in whole.awaits.indices {
                let place = "\(number + 1), \(whole.awaits[number])"
                wrong += try run(number + 1).wrongs(at: place, hasLeft: !leaving.contains(number))
            }
            return (wrong, whole.awaits)
        }

        print("\(way)\(onSQLite ? " on SQLite" : ""): \(awaits.count) awaits, \(Set(awaits).count) places")
        for one in wrong.prefix(10) { Issue.record("\(one)") }
        // The reversal's own are among them, and not only what runs by itself.
        for place in ["before_commit", "before_send", "after_send"] { #expect(awaits.contains(place)) }
        #expect(awaits.contains("after_callback_commit") == (way != .neverTold))
    }
}

extension Simulation.Reversal {
    /// What is not as it should be after a death.
    fileprivate func wrongs(at place: String, hasLeft: Bool = true) -> [String] {
        var wrong = violations
        if returned != (hasLeft ? Simulation.part : 0) { wrong.append("\(returned) shillings went back") }
        if shown != returned { wrong.append("\(shown) shillings are shown as given back, and \(returned) were") }
        return wrong.map { "at await \(place): \($0)" }
    }
}
