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
        /// What is no mistake, and worth knowing.
        package var notes: [String] = []
        /// How long it took.
        package let seconds: Double

        /// The rule of what is no rule of the protocol, but what plugins.json says.
        static let declaration = "plugins.json"
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
    ///
    /// Time is what a probe works: the processor time of its process, and time in which that does nothing. What it waits
    /// for a processor on a busy machine does not count, but for the limits by the clock.
    package struct Limits: Sendable {
        /// One probe.
        ///
        /// Default 10 s: whoever waits for it is answered, whatever the library does.
        package var probeSeconds: Double = 10
        /// All of them, as many at once as run at once.
        ///
        /// Default 25 s, so that a person or a build server is answered within half a minute.
        package var totalSeconds: Double = 25
        /// One probe by the clock, however busy the machine is.
        ///
        /// Default 60 s.
        package var probeClockSeconds: Double = 60
        /// All of them by the clock.
        ///
        /// Default 120 s.
        package var totalClockSeconds: Double = 120
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

    /// The names of the probes, or those that begin with one of `only`, which commas part.
    package static func names(only: String? = nil) -> [String] {
        Probe.all.map(\.name).filter { isMeant($0, only) }
    }

    private static func isMeant(_ name: String, _ only: String?) -> Bool {
        guard let only else { return true }
        return only.split(separator: ",", omittingEmptySubsequences: false).contains { name.hasPrefix($0) }
    }

    /// Runs the probes, a few at a time, and answers what they found, in order.
    ///
    /// Where the library does not open, or its tables are not whole, no later probe could say anything of its own, so
    /// none is run.
    package func run(only: String? = nil) -> [Finding] {
        let allowance = Allowance(limits)
        guard let folder = ProbeFolder(bytes) else {
            return Probe.all.map { notTried($0, "there is no room in \(NSTemporaryDirectory())") }
        }
        defer { folder.remove() }
        var findings: [Finding] = []
        for (stage, gate) in Probe.stages {
            let probes = stage.filter { PluginChecker.isMeant($0.name, only) }
            let broken = findings.first { finding in
                finding.problem != nil && Probe.stages.contains { $0.gate == finding.probe && $0.gate != gate }
            }
            if let broken {
                findings += probes.map { notTried($0, "\(broken.probe) failed") }
            } else {
                findings += run(probes, in: folder, allowance)
            }
        }
        return findings
    }

    private func run(_ probes: [Probe], in folder: ProbeFolder, _ allowance: Allowance) -> [Finding] {
        let findings = Mutex([Int: Finding]())
        let next = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: limits.atOnce) { _ in
            while true {
                let index = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard index < probes.count else { return }
                let finding = find(probes[index], in: folder, allowance)
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

    private func find(_ probe: Probe, in folder: ProbeFolder, _ allowance: Allowance) -> Finding {
        let start = Date()
        guard allowance.isLeft else { return notTried(probe, "\(Int(limits.totalSeconds)) s had passed") }
        let (problem, nothing) = outcome(of: probe, in: folder, allowance)
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
        _ allowance: Allowance
    ) -> (problem: String?, nothing: String?) {
        let child = ProbeProcess(program: program, probe: probe.name, seed: seed, folder, orders(folder))
        var end = child.run(allowance)
        if probe.isComparedAmongProcesses, end.problem == nil, end.said.hasPrefix(PluginChecker.answersSaid) {
            folder.keep(String(end.said.dropFirst(PluginChecker.answersSaid.count)), to: probe.name)
            end = child.elsewhere.run(allowance)
        }
        if let problem = end.problem { return (problem, nil) }
        let hadNothing = end.said.hasPrefix(PluginChecker.nothingToTry)
        guard end.said == "ok" || hadNothing || end.said.hasPrefix(PluginChecker.answersSaid) else {
            return (end.said, nil)
        }
        guard end.written.isEmpty else {
            return ("rule T6: it wrote to standard output or error: \(PluginChecker.quoted(end.written))", nil)
        }
        return (nil, hadNothing ? String(end.said.dropFirst("ok: ".count)) : nil)
    }

    /// What the child is told of how to confine itself: the arguments that probe.c reads.
    private func orders(_ folder: ProbeFolder) -> [String] {
        guard let confinement else { return [] }
        // The probe's own libdispatch looks at its threads in /proc, and ends the process where it cannot.
        return [
            "confined", "\(getpid())", "\(confinement.user)", "\(confinement.memoryBytes)", "\(confinement.threadsMax)",
            folder.path, "/proc",
        ] + confinement.readable
    }

    /// How a child says that it had nothing to try.
    private static let nothingToTry = "ok: nothing to try"
    /// How a child leaves its answers for another process.
    private static let answersSaid = "ok: answers "

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
            if !context.answers.isEmpty {
                problem = answersSaid + context.answers.map(\.digest).joined(separator: " ")
            }
            if let reason = context.nothing(for: probe) { problem = "\(nothingToTry), because \(reason)" }
        } catch let failure as Probe.Failure {
            problem = failure.message
        } catch { problem = "\(error)" }
        report.found(problem)
        return true
    }
}
