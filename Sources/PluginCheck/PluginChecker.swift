import Foundation
import Gateway
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

    private let library: String
    private let seed: UInt64
    private let program: String
    /// How long one probe may take, and all of them.
    ///
    /// Whoever waits for it, a person or a build server, is answered within half a minute, whatever the library does.
    private let probeSeconds: Double = 10
    private let totalSeconds: Double = 25

    /// Makes a checker of one library; `program` is this executable, which runs the probes.
    package init(library: String, seed: UInt64, program: String) {
        self.library = library
        self.seed = seed
        self.program = program
    }

    /// The names of the probes, or those that begin with `only`.
    package static func names(only: String? = nil) -> [String] {
        Probe.all.map(\.name).filter { only == nil || $0.hasPrefix(only ?? "") }
    }

    /// Runs the probes, two at a time, and answers what they found, in order.
    ///
    /// Where the library does not open, or its tables are not whole, no later probe could say anything of its own, so
    /// none is run.
    package func run(only: String? = nil) -> [Finding] {
        let end = Date() + totalSeconds
        var findings: [Finding] = []
        for (stage, gate) in Probe.stages {
            let probes = stage.filter { only == nil || $0.name.hasPrefix(only ?? "") }
            let broken = findings.first { finding in
                finding.problem != nil && Probe.stages.contains { $0.gate == finding.probe && $0.gate != gate }
            }
            if let broken {
                findings += probes.map { notTried($0, "\(broken.probe) failed") }
            } else {
                findings += run(probes, until: end)
            }
        }
        return findings
    }

    private func run(_ probes: [Probe], until end: Date) -> [Finding] {
        let findings = Mutex([Int: Finding]())
        let next = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            while true {
                let index = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard index < probes.count else { return }
                let finding = find(probes[index], until: end)
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

    private func find(_ probe: Probe, until end: Date) -> Finding {
        let start = Date()
        let left = end.timeIntervalSince(start)
        guard left > 0 else { return notTried(probe, "\(Int(totalSeconds)) s had passed") }
        let (problem, nothing) = outcome(of: probe, within: min(left, probeSeconds))
        return Finding(
            probe: probe.name,
            rule: probe.rule,
            claim: probe.claim,
            problem: problem,
            nothing: nothing,
            seconds: Date().timeIntervalSince(start)
        )
    }

    private func outcome(of probe: Probe, within seconds: Double) -> (problem: String?, nothing: String?) {
        var nothing: String?
        let problem = problem(of: probe, within: seconds, &nothing)
        return (problem, problem == nil ? nothing : nil)
    }

    /// Runs one probe as a child; whatever the child writes to its output is the library's.
    private func problem(of probe: Probe, within seconds: Double, _ nothing: inout String?) -> String? {
        let result = NSTemporaryDirectory() + "/check-\(UUID().uuidString)"
        let said = result + ".out"
        defer { for file in [result, said] { try? FileManager.default.removeItem(atPath: file) } }
        _ = FileManager.default.createFile(atPath: said, contents: nil)
        let child = Process()
        child.executableURL = URL(filePath: program)
        child.arguments = ["plugin", "probe", probe.name, library, String(seed), result]
        // Swift would take seconds to tell the story of each crash, which is one line here.
        child.environment = ["SWIFT_BACKTRACE": "enable=no"]
        child.standardInput = FileHandle.nullDevice
        let output = FileHandle(forWritingAtPath: said)
        child.standardOutput = output
        child.standardError = output
        let hasEnded = DispatchSemaphore(value: 0)
        child.terminationHandler = { _ in hasEnded.signal() }
        do { try child.run() } catch { return "the probe could not be started: \(error.localizedDescription)" }
        if hasEnded.wait(timeout: .now() + seconds) == .timedOut {
            kill(child.processIdentifier, SIGKILL)
            hasEnded.wait()
            return "it did not end within \(Int(seconds.rounded(.up))) s"
        }
        if child.terminationReason == .uncaughtSignal { return "it crashed with signal \(child.terminationStatus)" }
        guard let text = try? String(contentsOfFile: result, encoding: .utf8) else {
            return "it ended the process (status \(child.terminationStatus))"
        }
        let hadNothing = text.hasPrefix(PluginChecker.nothingToTry)
        guard text == "ok" || hadNothing else { return text }
        if hadNothing { nothing = String(text.dropFirst("ok: ".count)) }
        let written = FileManager.default.contents(atPath: said) ?? Data()
        return written.isEmpty ? nil : "rule T6: it wrote to standard output or error: \(PluginChecker.quoted(written))"
    }

    /// How a child says that it had nothing to try.
    private static let nothingToTry = "ok: nothing to try"

    private static func quoted(_ data: Data) -> String {
        String(decoding: data.prefix(80), as: UTF8.self).debugDescription
    }

    /// Runs one probe in this process and leaves its result in a file: what the child does.
    ///
    /// - Returns: False when there is no such probe.
    package static func runProbe(_ name: String, library: String, seed: UInt64, result: String) -> Bool {
        guard let probe = Probe.all.first(where: { $0.name == name }) else { return false }
        var problem = "ok"
        do {
            var context = try ProbeContext(library: library, seed: seed)
            try probe.run(&context)
            if let reason = context.nothing(for: probe) { problem = "\(nothingToTry), because \(reason)" }
        } catch let failure as Probe.Failure {
            problem = failure.message
        } catch { problem = "\(error)" }
        return FileManager.default.createFile(atPath: result, contents: Data(problem.utf8))
    }
}
