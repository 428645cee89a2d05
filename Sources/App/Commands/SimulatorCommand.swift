import ArgumentParser
import Foundation
import Gateway
import Simulator

/// The Daraja simulator alone.
struct SimulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulator",
        abstract: "Run the Daraja simulator alone, on loopback."
    )

    @Option(help: "Port to listen on; 0 for any.") var port = 8090
    @Option(help: "How long a customer takes to answer, in milliseconds.") var promptDelay = 1500
    @Option(help: "How long an access token lives and says that it does, in seconds; Daraja's is 3600.")
    var tokenLife: Int?
    @Flag(help: "Keep connections between callbacks, for measuring; Daraja opens one for each.")
    var keepConnections = false
    @Option(help: "A file that keeps prompts and charges across restarts.") var journal: String?
    @Option(help: "A file of recorded replies for paths that it does not know.") var replies: String?

    func validate() throws {
        if let tokenLife, !(1...86_400).contains(tokenLife) {
            throw ValidationError("--token-life: expected seconds, 1 to 86400.")
        }
    }

    func run() async throws {
        var settings = SimulatorSettings()
        settings.port = port
        settings.promptDelay = .milliseconds(promptDelay)
        if let tokenLife {
            settings.tokenLife = .seconds(tokenLife)
            settings.statedTokenLife = .seconds(tokenLife)
        }
        settings.journal = journal
        do { settings.replies = try SimulatorCommand.read(replies) } catch { throw explain(error) }
        settings.keepsConnections = keepConnections
        settings.accounts = DemoData.accounts
        let simulator = try Simulator(settings: settings)
        let bound = try await simulator.start()
        print("simulator: http://127.0.0.1:\(bound)")
        fflush(nil)
        while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
    }

    /// The replies in a file, such as `{"/mpesa/qrcode/v1/generate": [{"status": 200, "body": {}}]}`.
    static func read(_ file: String?) throws(GatewayError) -> RecordedReplies {
        guard let file else { return RecordedReplies() }
        let bytes = try NamedFile.read(file, as: "The file of replies")
        do { return try RecordedReplies(parsing: bytes) } catch {
            throw GatewayError(.invalidArgument, "The file of replies \(file): \(error.description).")
        }
    }
}
