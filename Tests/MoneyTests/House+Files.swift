import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

extension House {
    /// Asks for a batch of a file's rows.
    func file(
        _ text: String,
        _ arguments: JSONObject = [:],
        as credential: Secret<String>? = nil,
        key idempotencyKey: String? = nil
    ) async throws -> ActionReply {
        try await file(Array(text.utf8), arguments, as: credential, key: idempotencyKey)
    }

    /// The same of any bytes.
    func file(
        _ bytes: [UInt8],
        _ arguments: JSONObject = [:],
        as credential: Secret<String>? = nil,
        key idempotencyKey: String? = nil
    ) async throws -> ActionReply {
        var call = ActionCall(
            id: CallID(clock.entropy.identifier()),
            door: .rest,
            credential: .token(credential ?? key.text),
            environment: nil,
            address: "192.0.2.1",
            arguments: .success(.object(arguments))
        )
        call.file = bytes
        call.idempotencyKey = idempotencyKey
        return await gateway.pipeline.serve(try #require(actions.action("batches.create")), call)
    }

    /// A result of a batch, or any other file that is made while it is read.
    func saved(_ name: String, _ arguments: JSON) async throws -> [UInt8] {
        let reply = await ask(name, arguments)
        guard case .success(.stream(let file)) = reply.result else {
            Issue.record("\(name) answers no file: \(String(describing: reply.error))")
            return []
        }
        let written = Written()
        try await file.write { (piece) async throws(GatewayError) in written.bytes.withLock { $0 += piece } }
        return written.bytes.withLock { $0 }
    }
}

private final class Written: Sendable {
    let bytes = Mutex<[UInt8]>([])
}
