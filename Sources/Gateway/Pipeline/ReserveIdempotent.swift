import Cryptography
import OrderedJSON
import Synchronization

/// Sixth stage: whether this call is one that has already been made.
///
/// A reservation lives in memory while the call runs, so that two at once cannot both go on; what outlives the process
/// is the claim that the transaction's own commit writes. A crash between the two leaves nothing, and nothing was
/// sent, so the caller may simply call again.
package final class ReserveIdempotent: Sendable {
    /// What the stage found.
    package enum Outcome: Sendable {
        /// A new call, with the claim that its commit consumes. Give the reservation back when the call has ended.
        case reserved(Reservation)
        /// The call was made before: this is its record.
        case replay(RecordID)
    }

    /// A call's hold on its key.
    package struct Reservation: Sendable {
        /// For the commit.
        package let claim: IdempotencyClaim
        fileprivate let slot: Slot
    }

    fileprivate struct Slot: Hashable, Sendable {
        let organization: OrganizationID
        let environment: Environment
        let key: String
    }

    /// How long the same call without a key counts as the same.
    private let derivedLife: Duration
    private let records: any RecordRepository
    private let entropy: Entropy
    private let held = Mutex<Set<Slot>>([])

    /// Makes the stage.
    package init(records: any RecordRepository, entropy: Entropy, derivedLife: Duration = .seconds(600)) {
        self.records = records
        self.entropy = entropy
        self.derivedLife = derivedLife
    }

    /// Reserves the call's key, or finds the record that an earlier call with it made.
    ///
    /// - Throws: `idempotencyKeyRequired`, `invalidArgument` for a key of the wrong form, `idempotencyKeyReused` for
    ///   other arguments, `idempotencyInProgress` while another call with the key runs.
    package func reserve(
        _ call: ToolCall,
        tool: ToolDescriptor,
        arguments: JSON,
        principal: Principal,
        organization: Organization
    ) async throws(GatewayError) -> Outcome {
        let required = tool.requiresIdempotencyKey || organization.requiresIdempotencyKey
        if required && call.idempotencyKey == nil {
            throw GatewayError(
                .idempotencyKeyRequired,
                "This call needs an idempotency key: one per logical payment, the same one whenever you retry it."
            )
        }
        let claim = try claim(for: call, tool: tool, arguments: arguments, principal: principal)
        let slot = Slot(organization: principal.organization, environment: principal.environment, key: claim.key)
        guard held.withLock({ $0.insert(slot).inserted }) else {
            throw GatewayError(
                .idempotencyInProgress,
                "The same call is still under way. Ask again in a moment with the same key.",
                retryAfter: .seconds(1)
            )
        }
        let reservation = Reservation(claim: claim, slot: slot)
        do {
            if let record = try await earlierRecord(of: claim, principal: principal) {
                release(reservation)
                return .replay(record)
            }
        } catch {
            release(reservation)
            throw error
        }
        return .reserved(reservation)
    }

    /// Gives a reservation back.
    ///
    /// Safe to call twice.
    package func release(_ reservation: Reservation) {
        held.withLock { _ = $0.remove(reservation.slot) }
    }

    private func earlierRecord(of claim: IdempotencyClaim, principal: Principal) async throws(GatewayError) -> RecordID?
    {
        let entry = try await records.idempotencyEntry(
            claim.key,
            organization: principal.organization,
            environment: principal.environment,
            now: entropy.now()
        )
        guard let entry, !entry.isFree else { return nil }
        guard entry.claim.fingerprint == claim.fingerprint else { throw ReserveIdempotent.reused(entry.record) }
        return entry.record
    }

    /// The refusal of a key that was used for other arguments.
    package static func reused(_ record: RecordID) -> GatewayError {
        GatewayError(
            .idempotencyKeyReused,
            "This idempotency key was used for a call with other arguments. Use a new key for a new payment.",
            record: record
        )
    }

    private func claim(
        for call: ToolCall,
        tool: ToolDescriptor,
        arguments: JSON,
        principal: Principal
    ) throws(GatewayError) -> IdempotencyClaim {
        let fingerprint = SHA256.digest(Array(tool.name.utf8) + [0] + arguments.canonicalBytes).bytes
        let now = entropy.now()
        if let key = call.idempotencyKey {
            guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw GatewayError(
                    .invalidArgument,
                    "An idempotency key is 1 to 255 visible ASCII characters.",
                    errors: [.init(pointer: "/idempotency_key", message: "1 to 255 visible ASCII characters.")]
                )
            }
            return IdempotencyClaim(
                key: "key:" + key,
                fingerprint: fingerprint,
                expiresAt: now + tool.idempotencyRetention,
                isDerived: false
            )
        }
        let derived = SHA256.digest(principal.subjectIdentifier.bytes + fingerprint)
        return IdempotencyClaim(
            key: "call:" + derived.hexadecimal,
            fingerprint: fingerprint,
            expiresAt: now + derivedLife,
            isDerived: true
        )
    }
}
