import Foundation
import Gateway
import Glibc
import Synchronization

/// Tries a plugin's library with every probe, each in a process of its own, so that one that crashes or loops is one
/// finding and not the end.
package struct PluginChecker: Sendable {
    /// What one probe found.
    package struct Finding: Sendable {
        /// The probe.
        package let probe: String
        /// The rule that it tries.
        package let rule: String
        /// What should hold.
        package let claim: String
        /// Why it does not; nil when it does.
        package let problem: String?
        /// Whether it was tried: what does not open is asked nothing else.
        package var isTried = true
        /// Why it had nothing to try, where nothing is wrong for that reason only.
        package var nothing: String?
        /// How long it took.
        package let seconds: Double
    }

    /// How its processes are confined, beside what every sandbox is.
    package struct Confinement: Sendable {
        /// Folders that may be read besides the system's libraries: Swift's runtime.
        package var readable: [String]
        /// Who they become; 0 to stay who this is.
        package var user: UInt32
        /// What the library may allocate.
        package var memoryBytes: Int
        /// How many threads all of them together may have.
        package var threadsMax: Int

        /// States all of it.
        package init(readable: [String], user: UInt32, memoryBytes: Int, threadsMax: Int) {
            self.readable = readable
            self.user = user
            self.memoryBytes = memoryBytes
            self.threadsMax = threadsMax
        }
    }

    /// How long it takes at most.
    package struct Limits: Sendable {
        /// One probe.
        ///
        /// Default 10 s: whoever waits for it is answered, whatever the library does.
        package var probeSeconds: Double = 10
        /// All of them.
        ///
        /// Default 25 s, so that a person or a build server is answered within half a minute.
        package var totalSeconds: Double = 25
        /// How many run at once.
        ///
        /// Default 2.
        package var atOnce = 2

        /// The defaults.
        package init() {}
    }

    private let bytes: [UInt8]
    private let seed: UInt64
    private let program: String
    private let confinement: Confinement?
    private let limits: Limits

    /// Makes a checker of a library's bytes; `program` is this executable, which runs the probes.
    ///
    /// Without a confinement the probes are who this process is, and may do what it may.
    package init(
        _ bytes: [UInt8],
        seed: UInt64,
        program: String,
        confinement: Confinement? = nil,
        limits: Limits = Limits()
    ) {
        self.bytes = bytes
        self.seed = seed
        self.program = program
        self.confinement = confinement
        self.limits = limits
    }

    /// The names of the probes, or those that begin with `only`.
    package static func names(only: String? = nil) -> [String] {
        Probe.all.map(\.name).filter { only == nil || $0.hasPrefix(only ?? "") }
    }

    /// Runs the probes, a few at a time, and answers what they found, in order.
    ///
    /// Where the library does not open, or its tables are not whole, no later probe could say anything of its own, so
    /// none is run.
    package func run(only: String? = nil) -> [Finding] {
        let end = Date() + limits.totalSeconds
        guard let folder = ProbeFolder(bytes) else {
            return Probe.all.map { notTried($0, "there is no room in \(NSTemporaryDirectory())") }
        }
        defer { folder.remove() }
        var findings: [Finding] = []
        for (stage, gate) in Probe.stages {
            let probes = stage.filter { only == nil || $0.name.hasPrefix(only ?? "") }
            let broken = findings.first { finding in
                finding.problem != nil && Probe.stages.contains { $0.gate == finding.probe && $0.gate != gate }
            }
            if let broken {
                findings += probes.map { notTried($0, "\(broken.probe) failed") }
            } else {
                findings += run(probes, in: folder, until: end)
            }
        }
        return findings
    }

    private func run(_ probes: [Probe], in folder: ProbeFolder, until end: Date) -> [Finding] {
        let findings = Mutex([Int: Finding]())
        let next = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: limits.atOnce) { _ in
            while true {
                let index = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard index < probes.count else { return }
                let finding = find(probes[index], in: folder, until: end)
                findings.withLock { $0[index] = finding }
            }
        }
        return findings.withLock { found in probes.indices.compactMap { found[$0] } }
    }

    private func notTried(_ probe: Probe, _ reason: String) -> Finding {
        Finding(
            probe: probe.name,
            rule: probe.rule,
            claim: probe.claim,
            problem: "not tried, because \(reason)",
            isTried: false,
            seconds: 0
        )
    }

    private func find(_ probe: Probe, in folder: ProbeFolder, until end: Date) -> Finding {
        let start = Date()
        let left = end.timeIntervalSince(start)
        guard left > 0 else { return notTried(probe, "\(Int(limits.totalSeconds)) s had passed") }
        let (problem, nothing) = outcome(of: probe, in: folder, within: min(left, limits.probeSeconds))
        return Finding(
            probe: probe.name,
            rule: probe.rule,
            claim: probe.claim,
            problem: problem,
            nothing: nothing,
            seconds: Date().timeIntervalSince(start)
        )
    }

    private func outcome(
        of probe: Probe,
        in folder: ProbeFolder,
        within seconds: Double
    ) -> (problem: String?, nothing: String?) {
        var nothing: String?
        let problem = problem(of: probe, in: folder, within: seconds, &nothing)
        return (problem, problem == nil ? nothing : nil)
    }

    /// Runs one probe as a child; whatever the child writes to its output is the library's.
    private func problem(
        of probe: Probe,
        in folder: ProbeFolder,
        within seconds: Double,
        _ nothing: inout String?
    ) -> String? {
        let result = folder.path + "/" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: result) }
        guard ProbeReport.make(result), let said = ChildOutput() else {
            return "the probe could not be started: there is no room in \(NSTemporaryDirectory())"
        }
        let child = Process()
        child.executableURL = URL(filePath: program)
        child.arguments = ["plugin", "probe", probe.name, folder.library, String(seed), result] + orders(folder)
        // Swift would take seconds to tell the story of each crash, which is one line here; and what a thread has put by
        // for its next allocation would count as allocated.
        child.environment = ["SWIFT_BACKTRACE": "enable=no", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"]
        child.standardInput = FileHandle.nullDevice
        child.standardOutput = said.writing
        child.standardError = said.writing
        let hasEnded = DispatchSemaphore(value: 0)
        child.terminationHandler = { _ in hasEnded.signal() }
        do { try PluginChecker.starting.withLock { _ in try child.run() } } catch {
            return "the probe could not be started: \(error.localizedDescription)"
        }
        if hasEnded.wait(timeout: .now() + seconds) == .timedOut {
            kill(child.processIdentifier, SIGKILL)
            hasEnded.wait()
            return "it did not end within \(Int(seconds.rounded(.up))) s" + trying(result)
        }
        if child.terminationReason == .uncaughtSignal {
            return "it crashed with signal \(child.terminationStatus)" + trying(result)
        }
        guard let text = ProbeReport.read(result).found else {
            return "it ended the process (status \(child.terminationStatus))" + trying(result)
        }
        let hadNothing = text.hasPrefix(PluginChecker.nothingToTry)
        guard text == "ok" || hadNothing else { return text }
        if hadNothing { nothing = String(text.dropFirst("ok: ".count)) }
        let written = said.soFar()
        return written.isEmpty ? nil : "rule T6: it wrote to standard output or error: \(PluginChecker.quoted(written))"
    }

    /// Foundation looks at this process's descriptors as it starts another: one at a time.
    private static let starting = Mutex<Void>(())

    /// What the child is told of how to confine itself: the arguments that probe.c reads.
    private func orders(_ folder: ProbeFolder) -> [String] {
        guard let confinement else { return [] }
        // The probe's own libdispatch looks at its threads in /proc, and ends the process where it cannot.
        return [
            "confined", "\(getpid())", "\(confinement.user)", "\(confinement.memoryBytes)", "\(confinement.threadsMax)",
            folder.path, "/proc",
        ] + confinement.readable
    }

    /// What the probe was trying when it ended.
    private func trying(_ result: String) -> String { ProbeReport.read(result).trying.map { ", with \($0)" } ?? "" }

    /// How a child says that it had nothing to try.
    private static let nothingToTry = "ok: nothing to try"

    private static func quoted(_ data: [UInt8]) -> String {
        String(decoding: data.prefix(80), as: UTF8.self).debugDescription
    }

    /// Runs one probe in this process and leaves its result in a file: what the child does.
    ///
    /// - Returns: False when there is no such probe.
    package static func runProbe(_ name: String, library: String, seed: UInt64, result: String) -> Bool {
        guard let probe = Probe.all.first(where: { $0.name == name }) else { return false }
        guard let report = ProbeReport(mapping: result) else { return false }
        ProbeReport.current.withLock { $0 = report }
        var problem = "ok"
        do {
            var context = try ProbeContext(library: library, seed: seed)
            try probe.run(&context)
            if let reason = context.nothing(for: probe) { problem = "\(nothingToTry), because \(reason)" }
        } catch let failure as Probe.Failure {
            problem = failure.message
        } catch { problem = "\(error)" }
        report.found(problem)
        return true
    }
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
