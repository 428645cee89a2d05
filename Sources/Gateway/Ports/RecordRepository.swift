/// Where transactions and exchanges live.
///
/// Every method is one database transaction and returns once it is durable.
///
/// Implemented by `Store` and, for tests, by `GatewayTesting`. Every question carries the organization; the two that
/// do not are the sweeper's and name no organization's data to anyone.
package protocol RecordRepository: Sendable {
    /// Writes a new record with all that must hold in the same commit, or nothing at all.
    ///
    /// In this order: the idempotency claim is taken or answered; each guard's slot is claimed; each unique key is
    /// claimed; the record, its first events, and the audit lines are written.
    /// - Throws: `unavailable` when the store is; then nothing was written, or it is not known to have been.
    func commit(_ new: NewRecord) async throws(GatewayError) -> CommitOutcome

    /// Writes changes, each under its record's expected version, in one commit: all, or none when any version differs.
    func apply(_ changes: [RecordChange]) async throws(GatewayError) -> ApplyOutcome

    /// The record of this id, or nil, also when it is another organization's.
    func record(
        _ id: RecordID,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record?

    /// The organization's record that M-Pesa knows by this id.
    func record(
        externalID: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record?

    /// The record's steps, first to last, at most `limit` of the newest.
    func events(
        of id: RecordID,
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [RecordEvent]

    /// The organization's records that match, newest first.
    func records(
        matching filter: RecordFilter,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [Record]

    /// What stands behind an idempotency key now, if it has not expired.
    func idempotencyEntry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> IdempotencyEntry?

    /// Any organization's records whose `nextActionAt` has come, earliest first. For the sweeper only.
    func due(at now: Timestamp, limit: Int) async throws(GatewayError) -> [Record]

    /// Any organization's records in this state. For what a restart must settle only.
    func records(in state: RecordState, limit: Int) async throws(GatewayError) -> [Record]
}

/// What makes a key mean the same call.
package struct IdempotencyClaim: Sendable, Equatable {
    /// Unique per organization and environment.
    ///
    /// Callers' keys and keys the host derives never meet: their texts begin differently.
    package let key: String
    /// SHA-256 of tool and canonical arguments.
    package let fingerprint: [UInt8]
    /// Forgotten after this.
    package let expiresAt: Timestamp
    /// Whether the host derived it, because the caller gave none.
    ///
    /// Such a key is free again once its record has failed.
    package let isDerived: Bool

    /// Makes a claim.
    package init(key: String, fingerprint: [UInt8], expiresAt: Timestamp, isDerived: Bool) {
        self.key = key
        self.fingerprint = fingerprint
        self.expiresAt = expiresAt
        self.isDerived = isDerived
    }
}

/// A claim that was taken, and where its record stands.
package struct IdempotencyEntry: Sendable, Equatable {
    /// As claimed.
    package let claim: IdempotencyClaim
    /// The record that took it.
    package let record: RecordID
    /// Where that record stands now.
    package let state: RecordState
    /// Whether any byte of its request may have left.
    package let wasSent: Bool

    /// Makes an entry.
    package init(claim: IdempotencyClaim, record: RecordID, state: RecordState, wasSent: Bool) {
        self.claim = claim
        self.record = record
        self.state = state
        self.wasSent = wasSent
    }

    /// Whether the key may be claimed again as if it had never been used: nothing was sent for it, or the host itself
    /// derived it and the call has failed.
    package var isFree: Bool {
        if state == .rejected && !wasSent { return true }
        return claim.isDerived && state.isEnded && state != .succeeded && state != .reversed
    }
}

/// At most so many active records may share a key.
///
/// See docs/abi.md, section 4.1.
package struct Guard: Sendable, Equatable {
    /// What is guarded, such as a phone number.
    ///
    /// Unique per organization, environment and plugin.
    package let key: String
    /// At least 1.
    package let openMax: Int
    /// How long a record counts after its commit even if it has ended.
    package let window: Duration
    /// The error's code for whoever meets the guard.
    package let code: String
    /// The error's sentence.
    package let message: String

    /// Makes a guard.
    package init(key: String, openMax: Int, window: Duration, code: String, message: String) {
        self.key = key
        self.openMax = openMax
        self.window = window
        self.code = code
        self.message = message
    }
}

/// A key that at most one record may hold until one of `releasedBy` ends that record.
package struct UniqueKey: Sendable, Equatable {
    /// Unique per organization, environment and plugin.
    package let key: String
    /// The states that give the key back.
    package let releasedBy: [RecordState]

    /// Makes a key.
    package init(key: String, releasedBy: [RecordState]) {
        self.key = key
        self.releasedBy = releasedBy
    }
}

/// A record and all that must be committed with it.
package struct NewRecord: Sendable {
    /// In state `created` when it waits, `sending` when its request leaves as soon as this is durable.
    package let record: Record
    /// What led to its state, one for each version.
    package let events: [RecordEvent]
    /// The call's key; nil for what the host does of itself.
    package let idempotency: IdempotencyClaim?
    /// All are checked and claimed.
    package let guards: [Guard]
    /// All are claimed.
    package let unique: [UniqueKey]
    /// Written in the same commit.
    package let audit: [AuditRecord]

    /// Gathers them.
    package init(
        record: Record,
        events: [RecordEvent]? = nil,
        idempotency: IdempotencyClaim? = nil,
        guards: [Guard] = [],
        unique: [UniqueKey] = [],
        audit: [AuditRecord] = []
    ) {
        self.record = record
        self.events = events ?? [record.firstEvent]
        self.idempotency = idempotency
        self.guards = guards
        self.unique = unique
        self.audit = audit
    }
}

/// What became of a commit.
package enum CommitOutcome: Sendable, Equatable {
    /// Written.
    case committed
    /// The key is taken by this record, for the same call. Nothing was written.
    case replay(RecordID)
    /// The key is taken for other arguments. Nothing was written.
    case keyReused(RecordID)
    /// A guard has no free slot: which one, the record in the way, and when the slot may be free (nil: once that
    /// record has ended). Nothing was written.
    case guarded(index: Int, by: RecordID, until: Timestamp?)
    /// A unique key is held by another record. Nothing was written.
    case duplicate(index: Int, by: RecordID)
}

/// One record's change, and what is committed with it.
package struct RecordChange: Sendable {
    /// The new values.
    ///
    /// Its `version` is one more than the one it was made from.
    package let record: Record
    /// Steps to append.
    package let events: [RecordEvent]
    /// Those of M-Pesa's ids that the record did not have before.
    package let newIDs: [String: String]
    /// Written in the same commit.
    package let audit: [AuditRecord]
    /// Counted in the same commit.
    package let usage: [UsageRecord]
    /// The callback that this change settles.
    package let settledCallback: CallbackID?

    /// Gathers them; every id of a transaction counts as new where nothing else is said.
    package init(
        record: Record,
        events: [RecordEvent],
        newIDs: [String: String]? = nil,
        audit: [AuditRecord] = [],
        usage: [UsageRecord] = [],
        settledCallback: CallbackID? = nil
    ) {
        self.record = record
        self.events = events
        self.newIDs = newIDs ?? (record.recordClass == .transaction ? record.externalIDs : [:])
        self.audit = audit
        self.usage = usage
        self.settledCallback = settledCallback
    }
}

/// What became of changes.
package enum ApplyOutcome: Sendable, Equatable {
    /// All are written. The store has also given back guards and unique keys as the new states say.
    case applied
    /// This record has another version by now. Nothing was written: read it and decide again.
    case conflict(RecordID)
}

/// Which records a list holds.
package struct RecordFilter: Sendable, Equatable {
    /// Of this class; nil for both.
    package var recordClass: RecordClass?
    /// In the states with this organization's word; nil for all.
    package var status: String?
    /// Of this operation kind.
    package var operation: String?
    /// With this other side.
    package var party: String?
    /// Committed at or after this.
    package var from: Timestamp?
    /// Committed before this.
    package var until: Timestamp?
    /// Older than the record with this id: where the previous page ended.
    package var before: RecordID?
    /// At most so many.
    ///
    /// At least 1.
    package var limit: Int

    /// Makes a filter that holds the newest records.
    package init(limit: Int) { self.limit = limit }
}
