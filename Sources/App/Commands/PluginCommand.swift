import ArgumentParser
import Egress
import Foundation
import Gateway
import OrderedJSON

/// Plugins of a running host, changed from outside.
struct PluginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin",
        abstract: "Begin and check a plugin; install, promote, roll back and list the plugins of a running gateway.",
        discussion: """
            The gateway is found by GATEWAY_MANAGEMENT_URL (default http://127.0.0.1:8081), and the operator's token by \
            GATEWAY_OPERATOR_TOKEN_FILE; `mpesa-gateway dev` writes both into dev.json.
            """,
        subcommands: [
            NewPlugin.self, CheckPlugin.self, ProbePlugin.self, MakePluginKey.self, SignPlugin.self, Install.self,
            Promote.self, Rollback.self, Remove.self,
            List.self,
        ]
    )

    struct Install: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Install a library beside the version that serves; the first of its name serves at once.",
            discussion: """
                The gateway tries it first, as plugin check does, in a sandbox: that takes some seconds. A signature in \
                FILE.sig, written by plugin sign, goes with it.
                """
        )

        @Argument(help: "The library.") var file: String
        @Flag(help: "Promote it at once.") var promote = false
        @Flag(help: "Grant it what it asks for.") var grantNeeds = false
        @Flag(help: "Let it take away what callers rely on.") var allowBreaking = false
        @Flag(help: "Install it without trying it first, which the audit shows.") var unchecked = false
        @Option(help: "Let it serve a share of the calls, 0 to 1.") var canaryShare: Double?
        @Option(name: .customLong("organization"), help: "Let it serve an organization; may be repeated.")
        var organizations: [String] = []
        @Option(help: "A file with the entry of plugins.json to install it with.") var entry: String?
        @Option(help: "The SHA-256 it must have.") var sha256: String?
        @Flag(help: "Print the plugin as JSON.") var json = false

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                let library = try NamedFile.read(file)
                var query: [(String, String)] = []
                if promote { query.append(("promote", "true")) }
                if grantNeeds { query.append(("grant_needs", "true")) }
                if allowBreaking { query.append(("allow_breaking", "true")) }
                if unchecked { query.append(("unchecked", "true")) }
                if let canaryShare { query.append(("canary_share", String(canaryShare))) }
                if let sha256 { query.append(("sha256", sha256)) }
                for organization in organizations { query.append(("organization", organization)) }
                if let entry {
                    query.append(("entry", String(decoding: try NamedFile.read(entry), as: UTF8.self)))
                }
                if FileManager.default.fileExists(atPath: file + ".sig") {
                    let signature = String(decoding: try NamedFile.read(file + ".sig"), as: UTF8.self)
                    query.append(("signature", signature))
                }
                let answer = try await client.send("POST", "/plugins/install", query, body: library)
                PluginText.print(answer, asJSON: json)
            }
        }
    }

    struct Promote: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let the installed version serve: all calls, or a canary's share."
        )

        @Argument(help: "The plugin's id.") var name: String
        @Option(help: "Let it serve a share of the calls, 0 to 1.") var canaryShare: Double?
        @Option(name: .customLong("organization"), help: "Let it serve an organization; may be repeated.")
        var organizations: [String] = []
        @Flag(help: "Print the plugin as JSON.") var json = false

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                var query = organizations.map { ("organization", $0) }
                if let canaryShare { query.append(("canary_share", String(canaryShare))) }
                PluginText.print(try await client.send("POST", "/plugins/\(name)/promote", query), asJSON: json)
            }
        }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back the version that was installed, or promoted, last."
        )

        @Argument(help: "The plugin's id.") var name: String
        @Flag(help: "Print the plugin as JSON.") var json = false

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                PluginText.print(try await client.send("POST", "/plugins/\(name)/rollback"), asJSON: json)
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a plugin away that plugins.json does not name.")

        @Argument(help: "The plugin's id.") var name: String

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                _ = try await client.send("DELETE", "/plugins/\(name)")
                print("\(name) was removed.")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show every plugin and how it fares.")

        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                let answer = try await client.send("GET", "/plugins", needsToken: false)
                if json { return print(String(decoding: answer.bytes, as: UTF8.self)) }
                for problem in answer["degraded"]?.arrayValue ?? [] {
                    print("degraded: " + (problem.stringValue ?? ""))
                }
                for plugin in answer["plugins"]?.arrayValue ?? [] { PluginText.print(plugin, asJSON: false) }
            }
        }
    }
}

/// A plugin in a few lines.
private enum PluginText {
    static func print(_ plugin: JSON, asJSON: Bool) {
        if asJSON { return Swift.print(String(decoding: plugin.bytes, as: UTF8.self)) }
        let text = { (name: String) in plugin[name]?.stringValue ?? "" }
        let why = plugin["reason"]?.stringValue ?? plugin["note"]?.stringValue
        Swift.print("\(text("id")): \(text("state"))\(why.map { " (\($0))" } ?? "")")
        for generation in plugin["generations"]?.arrayValue ?? [] {
            Swift.print("  " + line(generation))
            for warning in generation["warnings"]?.arrayValue ?? [] {
                Swift.print("    warning: " + (warning.stringValue ?? ""))
            }
        }
    }

    private static func line(_ generation: JSON) -> String {
        let text = { (name: String) in generation[name]?.stringValue ?? "" }
        let number = { (name: String) in generation[name]?.integerValue ?? 0 }
        var line = "generation \(number("generation")) \(text("role")), version \(text("version")), "
        line +=
            "\(text("sha256").prefix(12)), \(text("trust")), \(text("isolation")), \(number("in_flight")) in flight, "
        line += "\(number("calls")) calls, \(number("failed")) failed, \(number("crashes")) crashes"
        if let last = generation["last_crash"]?.stringValue { line += " (\(last))" }
        line += ", \(number("violations")) violations"
        if generation["on_probation"]?.boolValue == true { line += ", on probation" }
        if generation["broken"]?.boolValue == true { line += ", not started again for now" }
        if let lacking = generation["sandbox_lacks"]?.arrayValue?.compactMap(\.stringValue) {
            line += ", its sandbox lacks \(lacking.joined(separator: " and "))"
        }
        if let bytes = generation["memory_bytes"]?.integerValue { line += ", \(bytes >> 10) KiB" }
        return line
    }
}
