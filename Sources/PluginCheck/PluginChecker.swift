import Foundation
import Gateway
import OrderedJSON
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
        /// How long it took.
        package let seconds: Double
    }

    private let library: String
    private let seed: UInt64
    private let program: String
    private let probeSeconds: Double = 10

    /// Makes a checker of one library; `program` is this executable, which runs the probes.
    package init(library: String, seed: UInt64, program: String) {
        self.library = library
        self.seed = seed
        self.program = program
    }

    /// The names of the probes, or those that begin with `only`.
    package static func names(only: String?) -> [String] {
        Probe.all.map(\.name).filter { only == nil || $0.hasPrefix(only ?? "") }
    }

    /// Runs the probes, two at a time, and answers what they found, in order.
    package func run(only: String? = nil) -> [Finding] {
        let probes = Probe.all.filter { only == nil || $0.name.hasPrefix(only ?? "") }
        let findings = Mutex([Int: Finding]())
        let next = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            while true {
                let index = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard index < probes.count else { return }
                let finding = find(probes[index])
                findings.withLock { $0[index] = finding }
            }
        }
        return findings.withLock { found in probes.indices.compactMap { found[$0] } }
    }

    private func find(_ probe: Probe) -> Finding {
        let start = Date()
        let problem = problem(of: probe)
        return Finding(
            probe: probe.name,
            rule: probe.rule,
            claim: probe.claim,
            problem: problem,
            seconds: Date().timeIntervalSince(start)
        )
    }

    /// Runs one probe as a child; whatever the child writes to its output is the library's.
    private func problem(of probe: Probe) -> String? {
        let result = NSTemporaryDirectory() + "/check-\(UUID().uuidString)"
        let said = result + ".out"
        defer { for file in [result, said] { try? FileManager.default.removeItem(atPath: file) } }
        _ = FileManager.default.createFile(atPath: said, contents: nil)
        let child = Process()
        child.executableURL = URL(filePath: program)
        child.arguments = ["plugin", "probe", probe.name, library, String(seed), result]
        child.environment = [:]
        child.standardInput = FileHandle.nullDevice
        let output = FileHandle(forWritingAtPath: said)
        child.standardOutput = output
        child.standardError = output
        let hasEnded = DispatchSemaphore(value: 0)
        child.terminationHandler = { _ in hasEnded.signal() }
        do { try child.run() } catch { return "the probe could not be started: \(error.localizedDescription)" }
        if hasEnded.wait(timeout: .now() + probeSeconds) == .timedOut {
            kill(child.processIdentifier, SIGKILL)
            hasEnded.wait()
            return "it did not end within \(Int(probeSeconds)) s"
        }
        if child.terminationReason == .uncaughtSignal { return "it crashed with signal \(child.terminationStatus)" }
        guard let text = try? String(contentsOfFile: result, encoding: .utf8) else {
            return "it ended the process (status \(child.terminationStatus))"
        }
        guard text == "ok" else { return text }
        let written = FileManager.default.contents(atPath: said) ?? Data()
        return written.isEmpty ? nil : "rule T6: it wrote to standard output or error: \(PluginChecker.quoted(written))"
    }

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
        } catch let failure as Probe.Failure {
            problem = failure.message
        } catch { problem = "\(error)" }
        return FileManager.default.createFile(atPath: result, contents: Data(problem.utf8))
    }
}

extension [PluginChecker.Finding] {
    /// Whether no rule was broken.
    package var isClean: Bool { allSatisfy { $0.problem == nil } }

    /// Prose for people.
    package func text(library: String, seed: UInt64) -> String {
        var lines = map { finding in
            let mark = finding.problem == nil ? "ok  " : "FAIL"
            let problem = finding.problem.map { "\n       rule \(finding.rule): \($0)" } ?? ""
            return "\(mark) \(finding.probe): \(finding.claim)\(problem)"
        }
        let failed = filter { $0.problem != nil }.count
        lines.append("\(library): \(count - failed) of \(count) probes passed (seed \(seed))")
        return lines.joined(separator: "\n")
    }

    /// For machines.
    package func json(library: String, seed: UInt64) -> JSON {
        let findings = map { finding -> JSON in
            var object: JSONObject = [
                "probe": .string(finding.probe), "rule": .string(finding.rule), "claim": .string(finding.claim),
                "passed": .bool(finding.problem == nil), "seconds": .number(finding.seconds),
            ]
            object["problem"] = finding.problem.map { .string($0) }
            return .object(object)
        }
        return [
            "library": .string(library), "seed": .string(String(seed)), "passed": .bool(isClean),
            "probes": .array(findings),
        ]
    }

    /// For build servers.
    package func junit(library: String) -> String {
        func escaped(_ text: String) -> String {
            text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
                .filter { $0.isASCII ? !($0.asciiValue ?? 0 < 0x20) : true }
        }
        let failed = filter { $0.problem != nil }.count
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<testsuite name=\"\(escaped(library))\" tests=\"\(count)\" failures=\"\(failed)\">",
        ]
        for finding in self {
            let head =
                "  <testcase name=\"\(finding.probe)\" classname=\"rule \(finding.rule)\" time=\"\(finding.seconds)\""
            guard let problem = finding.problem else {
                lines.append(head + "/>")
                continue
            }
            lines.append(head + "><failure message=\"\(escaped(problem))\"/></testcase>")
        }
        return (lines + ["</testsuite>", ""]).joined(separator: "\n")
    }
}
