import Egress
import Gateway
import OrderedJSON
import Synchronization

/// Changes of the master key, in an order in which the process may end at any moment.
///
///     the next key and the root under it are durable -> it wraps what is new -> every data key is wrapped by it
///       -> its file takes the place of the one before, which is kept for backups
final class MasterKeyChanges: MasterKeyAdministration {
    private let files: MasterKeyFiles
    private let failpoints: Failpoints
    private let credentials: Credentials
    private let masters: MasterKeys
    private let audit: any AuditRepository
    private let entropy: Entropy
    private let isRunning = Atomic(false)

    init(
        files: MasterKeyFiles,
        credentials: Credentials,
        masters: MasterKeys,
        audit: any AuditRepository,
        entropy: Entropy,
        failpoints: Failpoints = .none
    ) {
        var files = files
        files.reach = { failpoints.reach(Failpoint($0)) }
        self.files = files
        self.failpoints = failpoints
        self.credentials = credentials
        self.masters = masters
        self.audit = audit
        self.entropy = entropy
    }

    func show() async throws(GatewayError) -> JSON {
        ["master_key": .string(masters.newestID), "left": .integer(Int64(try await credentials.dataKeysLeft()))]
    }

    func rotate(by caller: LogIns.Caller) async throws(GatewayError) -> JSON {
        try await audit.append([line(.begun, nil, caller)], usage: [])
        do throws(GatewayError) {
            let count = try await change()
            try await audit.append([line(.success, nil, caller)], usage: [])
            var shown = try await show().objectValue ?? JSONObject()
            shown["rewrapped"] = .integer(Int64(count))
            return .object(shown)
        } catch {
            try await audit.append([line(.failed, error.code, caller)], usage: [])
            throw error
        }
    }

    /// Goes on with what the last process began.
    func resume() async throws(GatewayError) {
        guard try files.read().isRotating else { return }
        _ = try await change()
    }

    private func change() async throws(GatewayError) -> Int {
        guard !isRunning.exchange(true, ordering: .acquiring) else {
            throw GatewayError(
                .conflict,
                "The master key is being changed at this moment. Wait until that has ended; it goes on by itself."
            )
        }
        defer { isRunning.store(false, ordering: .releasing) }
        masters.begin(try MasterKeyChanges.kept { try files.begin() })
        let count = try await credentials.rewrapDataKeys { failpoints.reach(.masterKeyWrapped) }
        try MasterKeyChanges.kept { try files.finish() }
        return count
    }

    private static func kept<Answer>(_ work: () throws -> Answer) throws(GatewayError) -> Answer {
        do { return try work() } catch let error as GatewayError { throw error } catch {
            throw GatewayError(
                .unavailable,
                "The files of the master key cannot be written. Nothing is lost: see to the folder, and rotate again.",
                detail: "\(error)"
            )
        }
    }

    private func line(
        _ outcome: AuditRecord.Outcome,
        _ code: GatewayError.Code?,
        _ caller: LogIns.Caller
    ) -> AuditRecord {
        AuditRecord(
            id: entropy.identifier(),
            organization: nil,
            at: entropy.now(),
            call: caller.call,
            subject: "operator",
            action: "MASTER_KEY_ROTATED",
            door: "management",
            outcome: outcome,
            code: code?.rawValue,
            address: caller.address
        )
    }
}

extension Failpoint {
    /// The place that a step of the files is.
    fileprivate init(_ step: MasterKeyFiles.Step) {
        self =
            switch step {
            case .nextWritten: .masterKeyNext
            case .rootWritten: .masterKeyRoot
            case .oldKept: .masterKeyOld
            case .rootTaken: .masterKeyTaken
            }
    }
}
