import ArgumentParser
import Foundation
import Gateway

/// The program.
///
/// Each command stands in a file of its own.
struct MPesaGateway: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mpesa-gateway",
        abstract: "M-Pesa tools over REST and MCP, each a plugin.",
        version: App.version,
        subcommands: [
            Dev.self, Init.self, DoctorCommand.self, Serve.self, LogInCommand.self, CallCommand.self, MCPCommand.self,
            SimulatorCommand.self, PluginCommand.self, WordCommand<Words.Organizations>.self, MasterKeyCommand.self,
            WordCommand<Words.Users>.self, WordCommand<Words.Keys>.self, WordCommand<Words.Plans>.self,
            WordCommand<Words.Issuers>.self, WordCommand<Words.SharedIssuers>.self,
            WordCommand<Words.Accounts>.self, WordCommand<Words.Credentials>.self, WordCommand<Words.Callbacks>.self,
            WordCommand<Words.Usage>.self, WordCommand<Words.Batches>.self, WordCommand<Words.Reports>.self,
            WordCommand<Words.Balances>.self, WordCommand<Words.Webhooks>.self,
            EventsCommand.self, ListenCommand.self, TriggerCommand.self, AuditCommand.self, CompletionCommand.self,
        ]
    )
}

/// What the executable runs.
package enum Program {
    /// Runs the command that the process was started with, and ends the process with its status.
    package static func run() async { await MPesaGateway.main() }
}

/// Says in one line what went wrong, and ends with status 1.
func explain(_ error: any Error) -> any Error {
    let text = (error as? GatewayError).map { $0.message + ($0.detail.map { " (\($0))" } ?? "") } ?? "\(error)"
    tell(text)
    return ExitCode.failure
}

/// Says something on standard error.
///
/// Where that is full or closed nobody can be told, which is no reason to end otherwise than by the command's own status.
func tell(_ text: String) {
    do { try FileHandle.standardError.write(contentsOf: Data("mpesa-gateway: \(text)\n".utf8)) } catch {}
}
