import Cryptography
import Daraja
import Foundation
import NIOCore
import OrderedJSON
import Synchronization

/// A Daraja that behaves like Safaricom's, faults included, and remembers who was charged.
///
/// `OAuth.swift` and `STK/` answer as Daraja does, `Control/` is for tests and people. docs/simulator.md lists the
/// outcomes and the control API.
package final class Simulator: Sendable {
    let settings: SimulatorSettings
    let state: Mutex<SimulatorState>
    /// What operators' passwords are encrypted for, as Safaricom's certificate is; another at each start.
    let keys: RSAKeyPair
    /// Connections that callbacks share; nil where each has its own.
    let lines: LoopbackLines?
    /// Finds what answers paths that the simulator does not know; nil where nothing does.
    let stubs = Mutex<Stub.Finder?>(nil)
    private let channel = Mutex<(any Channel)?>(nil)

    /// Makes a simulator; what its journal holds is taken up again.
    ///
    /// - Throws: `NoKeys` when OpenSSL cannot make an RSA key pair, `Journal.Unwritable` where the journal cannot be written.
    package init(settings: SimulatorSettings) throws {
        self.settings = settings
        state = Mutex(SimulatorState(settings: settings, journal: try Journal.open(settings.journal)))
        guard let keys = RSAKeyPair() else { throw NoKeys() }
        self.keys = keys
        lines = settings.keepsConnections ? LoopbackLines() : nil
    }

    /// OpenSSL made no RSA key pair.
    package struct NoKeys: Error {}

    /// Listens, and answers the port.
    package func start() async throws -> Int {
        let channel = try await SimulatorServer.listen(host: settings.host, port: settings.port) { request in
            await self.handle(request)
        }
        self.channel.withLock { $0 = channel }
        for prompt in state.withLock({ $0.prompts.newest }) where !prompt.isDecided { schedule(prompt) }
        for movement in state.withLock({ $0.movements.newest }) where !movement.isDecided { schedule(movement) }
        return channel.localAddress?.port ?? 0
    }

    /// Stops listening.
    package func stop() async {
        // Closing a channel that is closed already is no fault.
        try? await channel.withLock { $0 }?.close().get()
    }

    /// Answers a request of the API or of the control API.
    func handle(_ request: SimulatorRequest) async -> SimulatorAnswer {
        if request.path.hasPrefix("/simulator/") { return await control(request) }
        state.withLock { $0.note(path: request.path, body: String(decoding: request.body, as: UTF8.self)) }
        if state.withLock({ $0.replies.has(request.path) }) {
            return await authorized(request) { request, _ in
                self.state.withLock { $0.replies.next(request.path) } ?? self.unknown
            }
        }
        switch (request.method, request.path) {
        case ("GET", "/oauth/v1/generate"): return generateToken(request)
        case ("POST", STKPush.path): return await authorized(request) { await self.push($0, account: $1) }
        case ("POST", STKQuery.path): return await authorized(request) { self.query($0, account: $1) }
        case ("POST", B2CPayment.path): return await authorized(request) { await self.payOut($0, account: $1) }
        case ("POST", TransactionReversal.path):
            return await authorized(request) { await self.reverse($0, account: $1) }
        case ("POST", TransactionStatusQuery.path):
            return await authorized(request) { self.tellStatus($0, account: $1) }
        case ("POST", AccountBalance.path): return await authorized(request) { self.tellBalance($0, account: $1) }
        default: return await stubbed(request)
        }
    }

    var unknown: SimulatorAnswer { error(404, "404.001.01", "Resource not found") }

    func error(_ status: Int, _ code: String, _ message: String) -> SimulatorAnswer {
        .json(
            status,
            ["requestId": .string(identifier()), "errorCode": .string(code), "errorMessage": .string(message)]
        )
    }

    func nowMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    /// A short text that no other answer has.
    func identifier() -> String {
        let number = state.withLock { state in
            state.sequence += 1
            return state.sequence
        }
        return String(UInt64.random(in: 0...0xFFFF_FFFF), radix: 16) + "-" + String(number, radix: 16)
    }
}
