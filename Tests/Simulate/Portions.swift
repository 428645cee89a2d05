import Foundation
import Simulation
import Synchronization

/// Goes on where the tally stops, a process a portion.
struct Portions: Sendable {
    let onSQLite: Bool
    let path: String
    let commit: String
    let each: UInt64
    let until: UInt64
    /// When no portion begins any more.
    let end: ContinuousClock.Instant?
    private let state = State()

    private final class State: Sendable {
        let running = Mutex<[ClosedRange<UInt64>]>([])
        let hasFailed = Atomic(false)
    }

    init?(_ orders: Orders) {
        guard let tally = orders.tally else { return nil }
        (onSQLite, each, until) = (orders.onSQLite, orders.each, orders.until)
        (path, commit) = tally
        end = orders.minutes.map { .now + .seconds(60 * $0) }
    }

    /// Runs them, so many at once; false where a seed was wrong or a process failed.
    func run(atOnce: Int) async throws -> Bool {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<atOnce { group.addTask { try await runInTurn() } }
            try await group.waitForAll()
        }
        let tally = try Tally.file(at: path)
        Simulate.say("\(tally.count(onSQLite: onSQLite)) of \(until) seeds, \(tally.wrong(onSQLite: onSQLite)) wrong")
        return !state.hasFailed.load(ordering: .relaxed)
    }

    private func runInTurn() async throws {
        while !state.hasFailed.load(ordering: .relaxed), end.map({ .now < $0 }) ?? true, let seeds = try take() {
            let status = try await SimulationThread.aside {
                try Self.process(
                    (onSQLite ? ["--sqlite"] : [])
                        + ["--seeds", "\(seeds.lowerBound)..\(seeds.upperBound)", "--tally", path, "--commit", commit]
                )
            }
            state.running.withLock { $0.removeAll { $0 == seeds } }
            guard status != 0 else { continue }
            Simulate.say("\(seeds.lowerBound)..\(seeds.upperBound): its process ended with \(status)")
            state.hasFailed.store(true, ordering: .relaxed)
        }
    }

    /// The next portion; nil where there are enough.
    private func take() throws -> ClosedRange<UInt64>? {
        try state.running.withLock { running in
            let tally = try Tally.file(at: path)
            let taken = running.reduce(tally.count(onSQLite: onSQLite)) { $0 + UInt64($1.count) }
            guard taken < until else { return nil }
            let seeds = tally.next(min(each, until - taken), onSQLite: onSQLite, besides: running)
            running.append(seeds)
            return seeds
        }
    }

    /// Runs this very program on other arguments, in this process's group, so that what ends one at a terminal ends all.
    private static func process(_ arguments: [String]) throws -> Int32 {
        var words = ([CommandLine.arguments[0]] + arguments).map { strdup($0) } + [nil]
        var environment = ProcessInfo.processInfo.environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + environment { free(word) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, "/proc/self/exe", nil, nil, &words, &environment)
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) == -1 && errno == EINTR {}
        // As a shell tells it: what it ended with, or the signal that ended it and 128.
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }
}
