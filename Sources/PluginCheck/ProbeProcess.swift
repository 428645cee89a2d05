import Foundation
import Glibc
import PluginLoader
import Synchronization

/// What is left of the time that all probes have together.
final class Allowance: Sendable {
    private let limits: PluginChecker.Limits
    private let spent = Mutex(0.0)
    private let end: Date

    init(_ limits: PluginChecker.Limits) {
        self.limits = limits
        end = Date() + limits.totalClockSeconds
    }

    /// Whether a probe may still begin.
    var isLeft: Bool { left > 0 && Date() < end }

    private var left: Double { limits.totalSeconds * Double(limits.atOnce) - spent.withLock { $0 } }

    /// Notes that a probe took some time; answers whether it may go on, which it has done for `soFar` and since `start`.
    func spend(_ seconds: Double, soFar: Double, since start: Date) -> Bool {
        spent.withLock { $0 += seconds }
        return soFar < limits.probeSeconds && Date() < start + limits.probeClockSeconds && isLeft
    }
}

/// One probe as a child; whatever the child writes to its output is the library's.
struct ProbeProcess {
    /// How it ended.
    struct End {
        /// What it said; empty where it said nothing.
        var said = ""
        /// What it wrote to its output.
        var written: [UInt8] = []
        /// How it ended otherwise than by saying something.
        var problem: String?
    }

    private let program: String
    private let probe: String
    private let seed: UInt64
    private let folder: ProbeFolder
    private let orders: [String]
    /// Of the two processes whose answers are compared, whether it is the second.
    private var isElsewhere = false

    init(program: String, probe: String, seed: UInt64, _ folder: ProbeFolder, _ orders: [String]) {
        self.program = program
        self.probe = probe
        self.seed = seed
        self.folder = folder
        self.orders = orders
    }

    /// The same in another place: another environment, folder and zone of time.
    var elsewhere: ProbeProcess {
        var other = self
        other.isElsewhere = true
        return other
    }

    /// Foundation looks at this process's descriptors as it starts another: one at a time.
    private static let starting = Mutex<Void>(())
    /// How often a child is looked at.
    private static let lookSeconds = 0.1

    /// Runs it, as long as it may.
    func run(_ allowance: Allowance) -> End {
        let result = folder.path + "/" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: result) }
        guard ProbeReport.make(result), let said = ChildOutput() else {
            return End(problem: "the probe could not be started: there is no room in \(NSTemporaryDirectory())")
        }
        let child = process(result, said)
        let hasEnded = DispatchSemaphore(value: 0)
        child.terminationHandler = { _ in hasEnded.signal() }
        do { try ProbeProcess.starting.withLock { _ in try child.run() } } catch {
            return End(problem: "the probe could not be started: \(error.localizedDescription)")
        }
        if let seconds = wait(for: child, hasEnded, allowance) {
            kill(child.processIdentifier, SIGKILL)
            hasEnded.wait()
            return End(problem: "it did not end within \(seconds) s" + trying(result))
        }
        if child.terminationReason == .uncaughtSignal {
            return End(problem: "it crashed with signal \(child.terminationStatus)" + trying(result))
        }
        guard let text = ProbeReport.read(result).found else {
            return End(problem: "it ended the process (status \(child.terminationStatus))" + trying(result))
        }
        return End(said: text, written: said.soFar())
    }

    private func process(_ result: String, _ said: borrowing ChildOutput) -> Process {
        let child = Process()
        child.executableURL = URL(filePath: program)
        child.arguments = ["plugin", "probe", probe, folder.library, String(seed), result] + orders
        // Swift would take seconds to tell the story of each crash, which is one line here; and what a thread has put by
        // for its next allocation would count as allocated.
        var environment = ["SWIFT_BACKTRACE": "enable=no", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"]
        if isElsewhere {
            environment["TZ"] = "Pacific/Auckland"
            environment["LANG"] = "sw_KE.UTF-8"
            environment["HOME"] = "/nonexistent"
            child.currentDirectoryURL = URL(filePath: "/")
        }
        child.environment = environment
        child.standardInput = FileHandle.nullDevice
        child.standardOutput = said.writing
        child.standardError = said.writing
        return child
    }

    /// Waits for a child's end; answers after how many seconds it must be ended instead.
    private func wait(for child: Process, _ hasEnded: DispatchSemaphore, _ allowance: Allowance) -> Int? {
        let start = Date()
        var (before, used, soFar) = (start, 0.0, 0.0)
        while hasEnded.wait(timeout: .now() + ProbeProcess.lookSeconds) == .timedOut {
            let (now, total) = (Date(), Double(max(0, gateway_process_used(child.processIdentifier))) / 1e9)
            // Where it did nothing it waits for something; otherwise what it did counts, and not what it waited for its turn.
            let worked = total > used ? total - used : now.timeIntervalSince(before)
            (before, used, soFar) = (now, max(used, total), soFar + worked)
            guard allowance.spend(worked, soFar: soFar, since: start) else { return Int(soFar.rounded(.up)) }
        }
        return nil
    }

    /// What the probe was trying when it ended.
    private func trying(_ result: String) -> String { ProbeReport.read(result).trying.map { ", with \($0)" } ?? "" }
}

/// What a child writes to its output, as far as it has room; more than that it must do without.
private struct ChildOutput: ~Copyable {
    let writing: FileHandle
    private let reading: Int32

    init?() {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        reading = ends[0]
        writing = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    }

    deinit { close(reading) }

    /// What was written so far.
    func soFar() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(reading, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }
}
