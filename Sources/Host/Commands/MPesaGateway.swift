import ArgumentParser
import Foundation
import Gateway

/// The program.
///
/// Each command stands in a file of its own.
@main
struct MPesaGateway: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mpesa-gateway",
        abstract: "M-Pesa tools over REST and MCP, each a plugin.",
        version: App.version,
        subcommands: [
            Dev.self, Init.self, Serve.self, LogInCommand.self, CallCommand.self, MCPCommand.self,
            SimulatorCommand.self, PluginCommand.self, OrganizationCommand.self,
        ]
    )
}

/// Says in one line what went wrong, and ends with status 1.
func explain(_ error: any Error) -> any Error {
    let text = (error as? GatewayError).map { $0.message + ($0.detail.map { " (\($0))" } ?? "") } ?? "\(error)"
    FileHandle.standardError.write(Data("mpesa-gateway: \(text)\n".utf8))
    return ExitCode.failure
}
