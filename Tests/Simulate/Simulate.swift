import Foundation
import Simulation

// Seeds of the whole Gateway from the command line, quicker than tests run them: docs/adr/0024.
@main
enum Simulate {
    static func main() async {
        do {
            let orders = try Orders(Array(CommandLine.arguments.dropFirst()))
            exit(try await run(orders) ? 0 : 1)
        } catch is Orders.Misunderstood {
            complain(Orders.usage)
            exit(64)
        } catch {
            complain("simulate: \(error)")
            exit(70)
        }
    }

    /// Whether nothing was wrong.
    private static func run(_ orders: Orders) async throws -> Bool {
        guard let seeds = orders.seeds else {
            let atOnce = orders.atOnce ?? ProcessInfo.processInfo.activeProcessorCount
            guard let portions = Portions(orders) else { throw Orders.Misunderstood() }
            return try await portions.run(atOnce: atOnce)
        }
        let portion = try await SimulationThread.aside {
            var portion = Portion(seeds, onSQLite: orders.onSQLite)
            try portion.run(fault: orders.fault, accuse: say)
            if seeds.count == 1 {
                let told = try Simulation.run(
                    seed: seeds.lowerBound,
                    plugin: WrongPlugin.make(orders.fault),
                    fault: orders.fault,
                    keepsLines: true,
                    onSQLite: orders.onSQLite
                )
                for line in told.lines { say(line) }
            }
            return portion
        }
        say(portion.summary)
        if let (path, commit) = orders.tally {
            let day = String(Date.now.formatted(.iso8601).prefix(10))
            try Tally.add(Tally.Entry(portion, commit: commit, day: day), to: path)
        }
        return portion.wrong == 0
    }

    /// Says a line at once, whoever reads.
    static func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

    private static func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

extension Tally {
    /// Reads a file; where there is none, nothing has been run.
    static func file(at path: String) throws -> Tally {
        guard FileManager.default.fileExists(atPath: path) else { return try Tally("") }
        return try Tally(String(contentsOfFile: path, encoding: .utf8))
    }

    /// Adds a line in one piece, so that several processes may do so at once.
    static func add(_ entry: Entry, to path: String) throws {
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        guard file >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { close(file) }
        let isNew = lseek(file, 0, SEEK_END) == 0
        let bytes = Array(((isNew ? heading + "\n" : "") + entry.line + "\n").utf8)
        guard write(file, bytes, bytes.count) == bytes.count else { throw POSIXError(.EIO) }
    }
}
