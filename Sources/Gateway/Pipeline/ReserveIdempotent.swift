import Cryptography
import OrderedJSON
import Synchronization

/// Sixth stage: whether this call is one that has already been made.
///
/// A reservation lives in memory while the call runs, so that two at once cannot both go on; what outlives the process
/// is the claim that the transaction's own commit writes. A crash between the two leaves nothing, and nothing was
/// sent, so the caller may simply call again.
///
/// Nearly every call is a new one, so nothing is read for it: the commit itself finds that a key is taken. Only a key
/// that this process remembers, or a call that something refuses before its commit, is looked up.
final class ReserveIdempotent: Sendable {
    /// A call's hold on its key; give it back when the call has ended.
    final class Reservation: Sendable {
        /// For the commit.
        let claim: IdempotencyClaim
        fileprivate let slot: Slot
        private let consumed = Atomic<Bool>(false)

        fileprivate init(claim: IdempotencyClaim, slot: Slot) {
            self.claim = claim
            self.slot = slot
        }

        /// Says that the call's own record has the key now, or may have it: nobody knows what became of its commit.
        func consume() { consumed.store(true, ordering: .relaxed) }

        /// Whether the call's own record has the key, or may have it.
        var isConsumed: Bool { consumed.load(ordering: .relaxed) }
    }

    fileprivate struct Slot: Hashable, Sendable {
        let organization: OrganizationID
        let environment: Environment
        let key: String
    }

    private struct State {
        var held: Set<Slot> = []
        /// Hashes of keys that were reserved here before: two keys with one hash cost a look-up, nothing else.
        var remembered: Set<Int> = []
    }

    /// How long the same call without a key counts as the same once it has ended: a payment that was made, and whatever
    /// became of money out.
    private let derivedLives: (incoming: Duration, outgoing: Duration)
    /// How many keys are remembered; past that all are forgotten, which costs a repeat its short way.
    private let rememberedMax: Int
    private let records: any RecordRepository
    private let entropy: Entropy
    private let state = Mutex(State())

    /// Makes the stage.
    init(
        records: any RecordRepository,
        entropy: Entropy,
        derivedLives: (incoming: Duration, outgoing: Duration) = (.seconds(120), .seconds(600)),
        rememberedMax: Int = 100_000
    ) {
        self.records = records
        self.entropy = entropy
        self.derivedLives = derivedLives
        self.rememberedMax = rememberedMax
    }

    /// Reserves the call's key.
    ///
    /// - Throws: `idempotencyKeyRequired`, `invalidArgument` for a key of the wrong form, `idempotencyInProgress` while
    ///   another call with the key runs.
    func reserve(
        _ call: ToolCall,
        tool: ToolDescriptor,
        direction: OperationDirection,
        arguments: JSON,
        account: AccountName,
        principal: Principal,
        organization: Organization
    ) throws(GatewayError) -> Reservation {
        let required = tool.requiresIdempotencyKey || organization.requiresIdempotencyKey
        if required && call.idempotencyKey == nil {
            throw GatewayError(
                .idempotencyKeyRequired,
                "This call needs an idempotency key: one per logical payment, the same one whenever you retry it."
            )
        }
        let claim = try claim(
            for: call,
            tool: tool,
            direction: direction,
            arguments: arguments,
            account: account,
            principal: principal
        )
        let slot = Slot(organization: principal.organization, environment: principal.environment, key: claim.key)
        guard state.withLock({ $0.held.insert(slot).inserted }) else {
            throw GatewayError(
                .idempotencyInProgress,
                "The same call is still under way. Ask again in a moment with the same key.",
                retryAfter: .seconds(1)
            )
        }
        return Reservation(claim: claim, slot: slot)
    }

    /// Whether the key may have been used in this process before.
    func remembers(_ reservation: Reservation) -> Bool {
        state.withLock { $0.remembered.contains(reservation.slot.hashValue) }
    }

    /// Gives a reservation back.
    ///
    /// Safe to call twice.
    func release(_ reservation: Reservation) {
        state.withLock { state in
            state.held.remove(reservation.slot)
            if state.remembered.count >= rememberedMax { state.remembered.removeAll(keepingCapacity: true) }
            state.remembered.insert(reservation.slot.hashValue)
        }
    }

    /// The record that an earlier call with the key made; nil when there is none, or its key is free again.
    ///
    /// - Throws: `idempotencyKeyReused` when that call had other arguments; `conflict` when nobody gave a key and that
    ///   call is old and open.
    func earlierRecord(_ reservation: Reservation) async throws(GatewayError) -> RecordID? {
        let entry = try await records.idempotencyEntry(
            reservation.claim.key,
            organization: reservation.slot.organization,
            environment: reservation.slot.environment
        )
        guard let entry else { return nil }
        switch entry.answer(to: reservation.claim, at: entropy.now()) {
        case .free: return nil
        case .replay: return entry.record
        case .reused: throw ReserveIdempotent.reused(entry.record)
        case .stillOpen: throw ReserveIdempotent.stillOpen(entry.record)
        }
    }

    /// The refusal of a call without a key that looks like an old one that has not ended.
    static func stillOpen(_ record: RecordID) -> GatewayError {
        GatewayError(
            .conflict,
            """
            The same call was made more than a day ago and has not ended. Ask what became of that transaction; if this is \
            another payment, send an idempotency key of its own.
            """,
            record: record
        )
    }

    /// The refusal of a key that was used for other arguments.
    static func reused(_ record: RecordID) -> GatewayError {
        GatewayError(
            .idempotencyKeyReused,
            "This idempotency key was used for a call with other arguments. Use a new key for a new payment.",
            record: record
        )
    }

    private func claim(
        for call: ToolCall,
        tool: ToolDescriptor,
        direction: OperationDirection,
        arguments: JSON,
        account: AccountName,
        principal: Principal
    ) throws(GatewayError) -> IdempotencyClaim {
        let asked = CallFingerprint.alike(arguments, phones: tool.sensitive)
        let fingerprint = SHA256.digest(Array(tool.name.utf8) + [0] + asked.canonicalBytes).bytes
        if let key = call.idempotencyKey {
            try IdempotencyKey.check(key)
            return IdempotencyClaim(
                key: IdempotencyClaim.key(givenAs: key),
                fingerprint: fingerprint,
                retention: tool.idempotencyRetention,
                isDerived: false
            )
        }
        // The same payment to two accounts is two. Of a key that the caller gave, the record's account decides
        // (`Operations.replay`): a repeat that names none finds it, whatever the default is by then.
        let named = account == .main ? [] : Array(account.description.utf8)
        let derived = SHA256.digest(principal.subjectIdentifier.bytes + fingerprint + named)
        return IdempotencyClaim(
            key: "call:" + derived.hexadecimal,
            fingerprint: fingerprint,
            retention: direction == .incoming ? derivedLives.incoming : derivedLives.outgoing,
            isDerived: true
        )
    }
}
