import Foundation
import Gateway

/// A gateway that serves beside an MCP bridge, in its process, for as long as that one's input lasts.
///
/// It is `serve` with the settings of the environment, on this machine alone: for whoever starts a program and wants to know of
/// nothing else. Where a gateway serves the folder already, that one is spoken to.
struct EmbeddedGateway {
    private let app: App

    /// Begins one where the data folder has been set up and nobody serves it; nil where somebody does, or nothing is there.
    ///
    /// - Throws: What `serve` would say; `notConfigured` for the folder of `dev`, which serves it with a simulator.
    static func begin(in path: String, _ environment: [String: String]) async throws -> EmbeddedGateway? {
        var settings = Settings()
        try settings.read(environment)
        settings.dataFolder = path
        settings.host = "127.0.0.1"
        let keys = settings.masterKeyFile ?? path + "/master.key"
        guard FileManager.default.fileExists(atPath: path), FileManager.default.fileExists(atPath: keys) else {
            return nil
        }
        let folder: DataFolder
        do throws(GatewayError) { folder = try DataFolder(path: path) } catch {
            // Its lock is another's, who says where it serves.
            guard error.code == .conflict else { throw error }
            return nil
        }
        guard !FileManager.default.fileExists(atPath: path + "/dev.json") else {
            throw GatewayError(
                .notConfigured,
                "The data folder \(path) is that of `mpesa-gateway dev`, which does not run. Start it, and then this."
            )
        }
        let app = try await App.build(settings, folder: folder, makesMasterKey: false)
        try folder.announce(app.settings)
        return EmbeddedGateway(app: app)
    }

    /// Serves while something else goes on, and ends with it; whichever ends first ends the other.
    func serve(during work: @escaping @Sendable () async throws -> Void) async throws {
        let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
        let app = app
        let failure = try await withThrowingTaskGroup(of: Ended.self) { group in
            group.addTask {
                defer { isReady.finish() }
                try await app.run { isReady.yield() }
                return .gateway
            }
            group.addTask {
                var starts = ready.makeAsyncIterator()
                guard await starts.next() != nil else { return .bridge(nil) }
                do {
                    try await work()
                    return .bridge(nil)
                } catch { return .bridge(error) }
            }
            var failure: (any Error)?
            while let ended = try await group.next() {
                switch ended {
                // Ended from outside: its bridge has nobody to speak to.
                case .gateway: group.cancelAll()
                // Asked to end as an operator asks, so that it finishes what is under way.
                case .bridge(let error):
                    failure = error
                    if !group.isCancelled { kill(getpid(), SIGTERM) }
                }
            }
            return failure
        }
        if let failure { throw failure }
    }

    private enum Ended: Sendable {
        case gateway
        case bridge((any Error)?)
    }
}
