/// Where transactions and exchanges live.
///
/// Every method is one database transaction and returns once it is durable.
///
/// Implemented by `Store` and, for tests, by `GatewayTesting`. Every question carries the organization; the one that
/// does not is the restart's, and `DueRepository` has the sweeper's: they name no organization's data to anyone.
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

    /// The organization's transaction to which M-Pesa gave this receipt, of money in or else of money out, for any of
    /// these accounts.
    func record(
        receipt: String,
        accounts: [String],
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

    /// The organization's record that M-Pesa knows by this id, or else whose own id it is, and its steps as `events` has
    /// them: read at once, which is what showing one asks.
    func recordAndEvents(
        named id: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment,
        limit: Int
    ) async throws(GatewayError) -> (record: Record, events: [RecordEvent])?

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

    /// A page of the same: it may be short, or empty, where much would have to be read for little, and says where the
    /// next goes on.
    func page(
        matching filter: RecordFilter,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> RecordPage

    /// The organization's drafts in these environments, newest first: those of `maker`, where one is named; no items of
    /// batches, which leave with those.
    func drafts(
        of organization: OrganizationID,
        in environments: [Environment],
        madeBy maker: String?,
        before: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> [Record]

    /// What stands behind an idempotency key, whether it still counts or not.
    func idempotencyEntry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> IdempotencyEntry?

    /// Transactions of the same organization, environment and direction for the same customer and amount that were
    /// begun after this one, oldest first: what was held begins with its sending (`Record.begunAt`), and what is held yet
    /// may begin. None that was never sent and never will be.
    func laterTwins(of record: Record, limit: Int) async throws(GatewayError) -> [Record]

    /// How many calls have been counted against limits at a place, and how many shillings by them.
    func moved(at place: LimitPlace) async throws(GatewayError) -> (calls: Int64, amount: Int64)

    /// Any organization's records that have not ended, counted by plugin. For what a start must tell only.
    func openRecordsByPlugin() async throws(GatewayError) -> [String: Int]

    /// Any organization's records in this state. For what a restart must settle only.
    func records(in state: RecordState, limit: Int) async throws(GatewayError) -> [Record]
}

/// What is one organization's, in one environment.
package protocol OfEnvironment {
    /// Whose it is.
    var organization: OrganizationID { get }
    /// Which M-Pesa.
    var environment: Environment { get }
}

extension Record: OfEnvironment {}
extension Principal: OfEnvironment {}
extension ReceivedCallback: OfEnvironment {}

extension RecordRepository {
    /// The record of this id, of the same organization and environment as something else.
    package func record(_ id: RecordID, of place: some OfEnvironment) async throws(GatewayError) -> Record? {
        try await record(id, organization: place.organization, environment: place.environment)
    }

    /// A page as a store has it that reads whatever it takes.
    package func page(
        matching filter: RecordFilter,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> RecordPage {
        let found = try await records(matching: filter, organization: organization, environment: environment)
        return RecordPage(records: found, next: found.count < filter.limit ? nil : found.last?.id)
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

/// What a record that was held claims when it is let go, or is about to be sent.
///
/// What it holds already counts from then on.
package struct LateClaims: Sendable, Equatable {
    /// All are checked and claimed.
    package let guards: [Guard]
    /// All are claimed.
    package let unique: [UniqueKey]
    /// All are counted.
    package let limits: [LimitClaim]
    /// When.
    package let at: Timestamp

    /// Gathers them.
    package init(guards: [Guard], unique: [UniqueKey], limits: [LimitClaim] = [], at: Timestamp) {
        self.guards = guards
        self.unique = unique
        self.limits = limits
        self.at = at
    }
}

/// A record and all that must be committed with it.
package struct NewRecord: Sendable {
    /// In state `draft` when it is held, `sending` when its request leaves as soon as this is durable.
    package let record: Record
    /// What led to its state, one for each version.
    package let events: [RecordEvent]
    /// The call's key; nil for what the host does of itself.
    package let idempotency: IdempotencyClaim?
    /// All are checked and claimed.
    package let guards: [Guard]
    /// All are claimed.
    package let unique: [UniqueKey]
    /// What it uses of the month's quota; nil where there is none.
    package let quota: QuotaClaim?
    /// What it counts against the organization's limits.
    package let limits: [LimitClaim]
    /// Written in the same commit.
    package let audit: [AuditRecord]
    /// What its beginning changes of another record, such as a reversal's original.
    package let change: RecordChange?
    /// What has become true with it, told in the same commit.
    package let told: [FeedEvent]

    /// Gathers them.
    package init(
        record: Record,
        events: [RecordEvent]? = nil,
        idempotency: IdempotencyClaim? = nil,
        guards: [Guard] = [],
        unique: [UniqueKey] = [],
        quota: QuotaClaim? = nil,
        limits: [LimitClaim] = [],
        audit: [AuditRecord] = [],
        change: RecordChange? = nil,
        told: [FeedEvent] = []
    ) {
        self.record = record
        self.change = change
        self.told = told
        self.events = events ?? [record.firstEvent]
        self.idempotency = idempotency
        self.guards = guards
        self.unique = unique
        self.quota = quota
        self.limits = limits
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
    /// The host derived the key, and the same call of more than a day ago has not ended. Nothing was written.
    case keyStillOpen(RecordID)
    /// M-Pesa said without a receipt that this customer paid this amount, or was paid it, for a record that had failed:
    /// nothing more of it moves that way until then. Nothing was written.
    case held(by: RecordID, until: Timestamp)
    /// A guard has no free slot: which one, the record in the way, and when the slot may be free (nil: once that
    /// record has ended). Nothing was written.
    case guarded(index: Int, by: RecordID, until: Timestamp?)
    /// A unique key is held by another record. Nothing was written.
    case duplicate(index: Int, by: RecordID)
    /// The organization is closed, and about to be erased. Nothing was written.
    case closed
    /// The month's quota is used up. Nothing was written.
    case quotaSpent
    /// A limit of the organization's own is reached for the day: where it is counted. Nothing was written.
    case limitReached(LimitPlace)
    /// The record that is changed with it has another version by now. Nothing was written.
    case stale(RecordID)
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
    /// The receipt that this change takes.
    package let receipt: ReceiptClaim?
    /// The receipt that it gives up, before any other change of the commit takes one.
    package let leftReceipt: ReceiptClaim?
    /// What nothing more may be asked for, for a while.
    package let hold: PartyHold?
    /// Bytes of M-Pesa's that could not be read now, kept for later.
    package let unread: ReceivedCallback?
    /// The quota to which the record's one use is given back.
    package let uncounted: QuotaPlace?
    /// What is given back to the organization's limits, or counted once more.
    package let charges: [LimitCharge]
    /// What has become true, told in the same commit.
    package let told: [FeedEvent]
    /// What the record claims only now.
    package let claims: LateClaims?
    /// What M-Pesa says that the record's account holds; kept as of the change.
    package let balances: [Balance]
    /// The batch that must run, or nothing is written: as where the record has another version.
    package let whileRunning: BatchID?
    /// The batch that runs no longer by it.
    package let halt: BatchHalt?

    /// Gathers them; every id of a transaction counts as new where nothing else is said.
    package init(
        record: Record,
        events: [RecordEvent],
        newIDs: [String: String]? = nil,
        audit: [AuditRecord] = [],
        usage: [UsageRecord] = [],
        settledCallback: CallbackID? = nil,
        receipt: ReceiptClaim? = nil,
        leftReceipt: ReceiptClaim? = nil,
        hold: PartyHold? = nil,
        unread: ReceivedCallback? = nil,
        uncounted: QuotaPlace? = nil,
        charges: [LimitCharge] = [],
        told: [FeedEvent] = [],
        claims: LateClaims? = nil,
        balances: [Balance] = [],
        whileRunning: BatchID? = nil,
        halt: BatchHalt? = nil
    ) {
        self.record = record
        self.whileRunning = whileRunning
        self.halt = halt
        self.told = told
        self.claims = claims
        self.balances = balances
        self.events = events
        self.newIDs = newIDs ?? (record.recordClass == .transaction ? record.externalIDs : [:])
        self.audit = audit
        self.usage = usage
        self.settledCallback = settledCallback
        self.receipt = receipt
        self.leftReceipt = leftReceipt
        self.hold = hold
        self.unread = unread
        self.uncounted = uncounted
        self.charges = charges
    }
}

/// What became of changes.
package enum ApplyOutcome: Sendable, Equatable {
    /// All are written. Guards and unique keys that the new states let go of are nobody's from now on.
    case applied
    /// This record has another version by now. Nothing was written: read it and decide again.
    case conflict(RecordID)
    /// The receipt that this record would take is another's already. Nothing was written.
    case receiptTaken(RecordID, by: RecordID)
    /// The id of M-Pesa's that this record would take is another's already. Nothing was written.
    case idTaken(RecordID, namespace: String, by: RecordID)
    /// What this record claims is another's: as the commit of a new one would be answered. Nothing was written.
    case refused(RecordID, CommitOutcome)
}

/// A page of a list, newest first.
package struct RecordPage: Sendable, Equatable {
    /// What it holds.
    package let records: [Record]
    /// What the next page is asked for as `RecordFilter.before`; nil when there is none.
    package let next: RecordID?

    /// Gathers them.
    package init(records: [Record], next: RecordID?) {
        self.records = records
        self.next = next
    }
}
