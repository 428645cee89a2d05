import ArgumentParser
import Foundation
import Gateway
import Ingress

/// Production: settings from `GATEWAY_*`, options over them.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve, with settings from GATEWAY_* and options.",
        discussion: "Settings, with their defaults:\n\n\(Settings.help)"
    )

    @Option(help: "hybrid, rest or mcp.") var mode: String?
    @Option(help: "Address to listen on.") var host: String?
    @Option(help: "Port to listen on.") var port: Int?
    @Option(help: "Port of the management listener.") var managementPort: Int?
    @Option(help: "sqlite:PATH or postgres://….") var database: String?
    @Option(help: "The plugins file.") var plugins: String?
    @Option(name: .customLong("data-dir"), help: "The data folder.") var dataFolder: String?

    func run() async throws {
        do {
            var settings = Settings()
            try settings.read(ProcessInfo.processInfo.environment)
            try apply(to: &settings)
            let folder = try DataFolder(path: settings.dataFolder)
            let app = try await App.build(settings, folder: folder, makesMasterKey: false)
            try folder.announce(app.settings)
            try await app.run { app.logger.info("ready", metadata: ["url": "\(app.settings.effectivePublicURL)"]) }
        } catch {
            throw explain(error)
        }
    }

    private func apply(to settings: inout Settings) throws(GatewayError) {
        settings.host = host ?? settings.host
        settings.port = port ?? settings.port
        settings.managementPort = managementPort ?? settings.managementPort
        settings.databaseURL = database ?? settings.databaseURL
        settings.pluginsFile = plugins ?? settings.pluginsFile
        settings.dataFolder = dataFolder ?? settings.dataFolder
        if let mode {
            guard let known = Mode(rawValue: mode) else {
                throw GatewayError(.invalidArgument, "--mode: expected hybrid, rest or mcp.")
            }
            settings.mode = known
        }
    }
}
