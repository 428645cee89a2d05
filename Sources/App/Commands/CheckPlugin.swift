import ArgumentParser
import Foundation
import Gateway
import PluginCheck

/// Tries a plugin's library against every rule that can be tried.
struct CheckPlugin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Try a plugin's library against the rules of docs/abi.md; status 0 only when none is broken."
    )

    @Argument(help: "The library.") var file: String
    @Flag(help: "Print JSON.") var json = false
    @Option(help: "Write a JUnit report to this file.") var junit: String?
    @Option(help: "The seed of an earlier run, to repeat it.") var seed: UInt64?
    @Option(help: "Only probes whose name begins so, such as operation; several with commas between.") var only: String?

    @Option(help: "How long one probe may work, in seconds; default 10.") var probeSeconds: Double?

    @Flag(help: "Confine the library as an install does: nothing of this machine to read or write, no network.")
    var confined = false

    /// As an install confines what it tries, but for a user of its own.
    private func confinement() throws -> PluginChecker.Confinement? {
        confined ? PluginTrials.confinement(user: 0, memoryMiB: PluginTrials.memoryMiB) : nil
    }

    func run() throws {
        guard let bytes = FileManager.default.contents(atPath: file).map(Array.init) else {
            throw ValidationError("The file \(file) cannot be read.")
        }
        guard !PluginChecker.names(only: only).isEmpty else {
            throw ValidationError(
                "--only \(only ?? ""): no probe's name begins so; there are \(PluginChecker.names().joined(separator: ", "))."
            )
        }
        if let probeSeconds, !(0.1...1_000).contains(probeSeconds) {
            throw ValidationError("--probe-seconds takes 0.1 to 1000.")
        }
        let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path
        var limits = PluginChecker.Limits()
        limits.probeSeconds = probeSeconds ?? limits.probeSeconds
        let confinement = try confinement()
        let findings = PluginChecker(bytes, seed: seed, program: program, confinement: confinement, limits: limits)
            .run(only: only)
        print(
            json
                ? String(decoding: findings.json(library: file, seed: seed).bytes, as: UTF8.self)
                : findings.text(library: file, seed: seed)
        )
        if let junit {
            do { try Data(findings.junit(library: file).utf8).write(to: URL(filePath: junit)) } catch {
                throw explain(GatewayError(.unavailable, "--junit: the file \(junit) cannot be written."))
            }
        }
        if !findings.isClean { throw ExitCode.failure }
    }
}

/// One probe, in the process that it may take with it.
struct ProbePlugin: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "probe", shouldDisplay: false)

    @Argument var name: String
    @Argument var library: String
    @Argument var seed: UInt64
    @Argument var result: String
    /// Read by probe.c before this program began.
    @Argument var confinement: [String] = []

    func run() throws {
        guard PluginChecker.runProbe(name, library: library, seed: seed, result: result) else { throw ExitCode(2) }
        // Not by the ordinary way out: a library's own handlers have no part in the result.
        _exit(0)
    }
}
