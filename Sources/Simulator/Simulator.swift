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
    let state = Mutex(SimulatorState())
    private let journal: Journal?
    private let channel = Mutex<(any Channel)?>(nil)

    /// Makes a simulator; what its journal holds is taken up again.
    package init(settings: SimulatorSettings) {
        self.settings = settings
        journal = settings.journal.map(Journal.init)
        for prompt in journal?.load() ?? [] {
            state.withLock { state in
                state.prompts[prompt.checkoutRequestID] = prompt
                if prompt.resultCode == 0 { state.charges.append(Charge(prompt)) }
            }
        }
    }

    /// Listens, and answers the port.
    package func start() async throws -> Int {
        let channel = try await SimulatorServer.listen(host: settings.host, port: settings.port) { request in
            await self.handle(request)
        }
        self.channel.withLock { $0 = channel }
        for prompt in state.withLock({ Array($0.prompts.values) }) where prompt.resultCode == nil { schedule(prompt) }
        return channel.localAddress?.port ?? 0
    }

    /// Stops listening.
    package func stop() async {
        // Closing a channel that is closed already is no fault.
        try? await channel.withLock { $0 }?.close().get()
    }

    /// Every charge of a phone, or all.
    package func charges(phone: String? = nil) -> [Charge] {
        state.withLock { $0.charges.filter { phone == nil || $0.phone == phone } }
    }

    private func handle(_ request: SimulatorRequest) async -> SimulatorAnswer {
        if request.path.hasPrefix("/simulator/") { return control(request) }
        state.withLock { state in
            if state.requests.count < settings.entriesMax {
                state.requests.append((request.path, String(decoding: request.body, as: UTF8.self)))
            }
        }
        switch (request.method, request.path) {
        case ("GET", "/oauth/v1/generate"): return generateToken(request)
        case ("POST", STKPush.path): return await authorized(request) { await self.push($0, account: $1) }
        case ("POST", STKQuery.path): return await authorized(request) { self.query($0, account: $1) }
        default: return error(404, "404.001.01", "Resource not found")
        }
    }

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

    func keep(_ prompt: Prompt) { journal?.append(prompt) }
}

extension Charge {
    init(_ prompt: Prompt) {
        self.init(
            phone: prompt.phone,
            amount: prompt.amount,
            reference: prompt.reference,
            checkoutRequestID: prompt.checkoutRequestID,
            receipt: prompt.receipt ?? ""
        )
    }
}

/// Prompts as lines of JSON, the newest of each winning, so that a killed simulator still knows who was charged.
private struct Journal: Sendable {
    let path: String

    init(path: String) { self.path = path }

    func load() -> [Prompt] {
        var prompts: [String: Prompt] = [:]
        let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for line in text.split(separator: "\n") {
            // A line that was cut off by a kill is the last one, and is not counted.
            guard let json = try? JSON(parsing: String(line)), let prompt = Prompt(json) else { continue }
            prompts[prompt.checkoutRequestID] = prompt
        }
        return prompts.values.sorted { $0.createdMilliseconds < $1.createdMilliseconds }
    }

    func append(_ prompt: Prompt) {
        let line = prompt.json.bytes + [UInt8(ascii: "\n")]
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }
}
