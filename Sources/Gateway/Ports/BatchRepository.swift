/// Where batches live, and their items as a batch has them; each item is a record too.
///
/// Every method is one database transaction. Implemented by `Store` and, for tests, by `GatewayTesting`.
package protocol BatchRepository: Sendable {
    /// Writes a batch with all of its items, or nothing at all.
    /// - Throws: `unavailable` when the store is; then nothing was written, or it is not known to have been.
    func commit(_ new: NewBatch) async throws(GatewayError) -> BatchOutcome

    /// The organization's batch of this id, in whatever environment.
    func batch(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Batch?

    /// The organization's batches, newest first: older than `before`, if that is given.
    func batches(
        of organization: OrganizationID,
        environment: Environment,
        before: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch]

    /// The organization's newest batch with these items that may pay yet, or has ended or was made since; none that was taken
    /// back before anybody let it leave.
    func batch(
        containing content: [UInt8],
        organization: OrganizationID,
        environment: Environment,
        since: Timestamp
    ) async throws(GatewayError) -> BatchID?

    /// Any organization's batches that something is to be done about: those that run or were stopped and have not ended,
    /// and those that wait and whose time is over.
    ///
    /// They come in turn: first one of each organization, then another of each; of one organization those first that were
    /// not looked at longest, as far as they were put off.
    func openBatches(at now: Timestamp, limit: Int) async throws(GatewayError) -> [Batch]

    /// Puts batches off that were looked at, where they are the same still: others come first.
    ///
    /// Whatever changes one makes it due at once.
    func postpone(_ batches: [Batch], until moment: Timestamp) async throws(GatewayError)

    /// An organization's batches in these states that have not ended, by their ids.
    func openBatches(
        of organization: OrganizationID,
        in states: Set<BatchState>,
        after: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch]

    /// Writes a batch's next version, with items that are tried again or taken out of it.
    ///
    /// - Returns: Whether it was written; not when it, or one of these items, has another version by now, or others have asked for payments of its
    ///   rows since these were looked at.
    func apply(_ change: BatchChange) async throws(GatewayError) -> Bool

    /// Which items of a batch other batches try again, between two ids; all of them where there are none.
    func retries(
        of id: BatchID,
        organization: OrganizationID,
        between ids: ClosedRange<String>?
    ) async throws(GatewayError) -> [BatchRetry]

    /// Items of a batch, in their order.
    func items(_ question: BatchItems) async throws(GatewayError) -> [Record]

    /// The newest items of batches, of whatever batch of an account, that were sent since and M-Pesa has not decided;
    /// what waits for a person is none of them.
    func undecidedItems(
        of account: AccountID,
        sentSince moment: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [UndecidedItem]

    /// Whether any item of a batch has left, or may have, and has not ended; what waits for a person is one of them.
    func hasUndecided(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Bool

    /// How many items of a batch were sent by a moment, and M-Pesa has not decided; what waits for a person is none of them.
    func undecided(
        of id: BatchID,
        organization: OrganizationID,
        sentBy moment: Timestamp
    ) async throws(GatewayError) -> Int64

    /// How many items of a batch stand in each state, and what they sum to.
    func sums(of id: BatchID, organization: OrganizationID) async throws(GatewayError) -> [RecordState: RollupSum]

    /// Which payments to these people may be made yet, whatever their age, or were made or have ended since; the oldest first.
    func recent(_ question: RecentPayments) async throws(GatewayError) -> [RecentPayment]
}

extension BatchRepository {
    /// Why an item is not sent again: its batch runs no longer; nil for what is no item.
    func objection(toSendingAgain record: Record) async throws(GatewayError) -> String? {
        guard let place = record.batch else { return nil }
        let found = try await batch(place.batch, organization: record.organization)
        guard found?.state != .running else { return nil }
        return "Not sent again: its batch \(place.batch) is \(found?.state.rawValue ?? "gone")."
    }
}

extension Batch: OfEnvironment {}

/// A batch and all that must be committed with it.
package struct NewBatch: Sendable {
    /// As it is first.
    package let batch: Batch
    /// Its items, drafts.
    package let items: [Record]
    /// What they use of the month's quota; nil where there is none.
    package let quota: QuotaClaim?
    /// Written in the same commit.
    package let audit: [AuditRecord]
    /// What has become true.
    package let told: [FeedEvent]
    /// Another batch with the same items that is open, or has ended or was made since, is in the way, unless this one repeats
    /// it.
    package let sameSince: Timestamp
    /// How many of the organization's may be open with this one.
    package let openMax: Int
    /// What was known of its rows; nil where it does not leave with this commit.
    package let known: KnownPayments?

    /// Gathers them.
    package init(
        batch: Batch,
        items: [Record],
        quota: QuotaClaim? = nil,
        audit: [AuditRecord] = [],
        told: [FeedEvent] = [],
        sameSince: Timestamp,
        openMax: Int = .max,
        known: KnownPayments? = nil
    ) {
        self.batch = batch
        self.items = items
        self.quota = quota
        self.audit = audit
        self.told = told
        self.sameSince = sameSince
        self.openMax = openMax
        self.known = known
    }
}

/// What became of a batch's commit.
package enum BatchOutcome: Sendable, Equatable {
    /// Written.
    case committed
    /// The id is taken. Nothing was written.
    case taken(Batch)
    /// Another batch has the same items. Nothing was written.
    case sameItems(BatchID)
    /// The organization is closed, and about to be erased. Nothing was written.
    case closed
    /// The month's quota does not have so many left. Nothing was written.
    case quotaSpent
    /// As many as may be are open. Nothing was written.
    case tooManyOpen
    /// Others have asked for payments of its rows since these were looked at. Nothing was written.
    case overtaken
    /// What it tries again is tried again already. Nothing was written.
    case retried
}

/// A batch's next version, and what is committed with it.
package struct BatchChange: Sendable {
    /// Its `version` is one more than the one it was made from.
    package let batch: Batch
    /// Items that are tried again.
    package let items: [Record]
    /// Items that are taken out of it.
    package let struck: [RecordChange]
    /// What has become true.
    package let told: [FeedEvent]
    /// What was known of its rows; nil where it does not leave with this commit.
    package let known: KnownPayments?

    /// Gathers them.
    package init(
        batch: Batch,
        items: [Record] = [],
        struck: [RecordChange] = [],
        told: [FeedEvent] = [],
        known: KnownPayments? = nil
    ) {
        self.batch = batch
        self.items = items
        self.struck = struck
        self.told = told
        self.known = known
    }
}

/// What others have paid of a batch's rows, or may, as far as it was known when these were looked at.
///
/// The commit with which a batch leaves asks whether more has come since: of two that are looked at together, the second
/// one sees the first.
package struct KnownPayments: Sendable, Equatable {
    /// What was asked for before had been committed by then, and was seen.
    package let since: Timestamp
    /// Those asked for since that were seen.
    package let seen: Set<RecordID>

    /// States it.
    package init(since: Timestamp, seen: Set<RecordID>) {
        self.since = since
        self.seen = seen
    }
}

/// Which items of a batch are asked for.
package struct BatchItems: Sendable {
    /// The batch.
    package let batch: BatchID
    /// Whose.
    package let organization: OrganizationID
    /// Those after this one.
    package var after = 0
    /// In these states; nil for any.
    package var states: Set<RecordState>?
    /// Those that wait for a later moment are left out.
    package var dueAt: Timestamp?
    /// At most so many.
    package var limit: Int

    /// Asks for the first ones.
    package init(of batch: BatchID, organization: OrganizationID, limit: Int) {
        self.batch = batch
        self.organization = organization
        self.limit = limit
    }

    /// Asks for the first ones that have not left.
    package init(unsentOf batch: Batch, limit: Int) {
        self.init(of: batch.id, organization: batch.organization, limit: limit)
        states = [.draft, .released]
    }
}

/// An item that has left and is not decided.
package struct UndecidedItem: Sendable, Equatable {
    /// Its record.
    package let record: RecordID
    /// Of which batch.
    package let batch: BatchID
    /// When it was sent.
    package let sentAt: Timestamp

    /// States it.
    package init(record: RecordID, batch: BatchID, sentAt: Timestamp) {
        self.record = record
        self.batch = batch
        self.sentAt = sentAt
    }
}

/// A question for earlier payments to the same people.
package struct RecentPayments: Sendable {
    /// Whose.
    package let organization: OrganizationID
    /// In which M-Pesa.
    package let environment: Environment
    /// Which way the money goes.
    package let direction: OperationDirection
    /// To these people.
    package let parties: [String]
    /// Since when those that have ended count: what is open counts whatever its age.
    package let from: Timestamp
    /// Now.
    package let until: Timestamp
    /// The batch whose own items are left out.
    package let batch: BatchID?

    /// How old a payment may be at most of which M-Pesa has not said what became of it, and which waits for no person: longer
    /// than anything is asked about.
    package static let undecidedFor: Duration = .seconds(31 * 86_400)

    /// States the question.
    package init(
        organization: OrganizationID,
        environment: Environment,
        direction: OperationDirection,
        parties: [String],
        from: Timestamp,
        until: Timestamp,
        besides batch: BatchID? = nil
    ) {
        self.organization = organization
        self.environment = environment
        self.direction = direction
        self.parties = parties
        self.from = from
        self.until = until
        self.batch = batch
    }
}

/// An earlier payment that was made, or may be.
package struct RecentPayment: Sendable, Equatable {
    /// To whom.
    package let party: String
    /// How much, in shillings.
    package let amount: Int64
    /// Which.
    package let record: RecordID
    /// When it was asked for.
    package let madeAt: Timestamp

    /// States it.
    package init(party: String, amount: Int64, record: RecordID, madeAt: Timestamp) {
        self.party = party
        self.amount = amount
        self.record = record
        self.madeAt = madeAt
    }

    /// The states of payments that were not made.
    package static let unpaid: Set<RecordState> = [.failed, .cancelled, .expired, .rejected, .withdrawn, .reversed]
}

/// That a batch runs no longer, because of what became of one of its items: written in the item's own commit.
package struct BatchHalt: Sendable, Equatable {
    /// The batch.
    package let batch: BatchID
    /// `paused` or `broken`.
    package let state: BatchState
    /// Why, for people.
    package let reason: String
    /// When what has not left is withdrawn by itself.
    package let until: Timestamp
    /// The item by whose answer.
    package let item: RecordID
    /// When it was.
    package let at: Timestamp
    /// Names what is told of it, where the batch ran until then.
    package let event: Identifier

    /// When those who may let it go on are told once more.
    package var remindAt: Timestamp { at + (until - at) * 3 / 4 }

    /// What has become true of the batch, as it stands once it is stopped.
    package func told(of batch: Batch) -> FeedEvent {
        FeedEvent.about(batch, .batchPaused, at: at, id: event, item: item)
    }

    /// States it.
    package init(
        batch: BatchID,
        state: BatchState,
        reason: String,
        until: Timestamp,
        item: RecordID,
        at: Timestamp,
        event: Identifier
    ) {
        self.batch = batch
        self.state = state
        self.reason = reason
        self.until = until
        self.item = item
        self.at = at
        self.event = event
    }
}
