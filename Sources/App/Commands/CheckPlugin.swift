import ArgumentParser
import Foundation
import Gateway
import PluginCheck

/// Tries a plugin's library against every rule that can be tried.
struct CheckPlugin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Try a plugin's library against the rules of docs/abi.md; status 0 only when none is broken.",
        discussion: """
            With --plugins it is compared with its entry of plugins.json too: whether a gateway would load it so, and \
            what is granted that it never asks for. With --plugins and no library every entry is tried so, and no probe runs.
            """
    )

    @Argument(help: "The library; may be left out with --plugins.") var file: String?
    @Option(help: "Compare it with its entry in this plugins.json.") var plugins: String?
    @Option(help: "With --plugins: the public keys that signatures are held to; GATEWAY_PLUGIN_KEYS_FILE unless given.")
    var keys: String?
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
        guard let library = file else {
            guard let plugins else { throw ValidationError("A library is needed, or --plugins FILE.") }
            return try report(DeclaredPlugins.findings(plugins, keys: keys), of: plugins, seed: 0)
        }
        let bytes: [UInt8]
        do throws(GatewayError) { bytes = try NamedFile.read(library) } catch { throw ValidationError(error.message) }
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
        var findings = PluginChecker(bytes, seed: seed, program: program, confinement: confinement, limits: limits)
            .run(only: only)
        if let plugins { findings += try DeclaredPlugins.findings(plugins, keys: keys, library: bytes) }
        try report(findings, of: library, seed: seed)
    }

    private func report(_ findings: [PluginChecker.Finding], of subject: String, seed: UInt64) throws {
        print(
            json
                ? String(decoding: findings.json(library: subject, seed: seed).bytes, as: UTF8.self)
                : findings.text(library: subject, seed: seed)
        )
        if let junit {
            do { try Data(findings.junit(library: subject).utf8).write(to: URL(filePath: junit)) } catch {
                let reason = error.localizedDescription
                throw explain(GatewayError(.unavailable, "--junit: the file \(junit) cannot be written: \(reason)"))
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
