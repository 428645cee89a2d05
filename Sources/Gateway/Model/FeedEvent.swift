import OrderedJSON

/// Something that has become true, told to whoever reads the feed: written in the commit that made it true.
///
/// It names persons by their ids alone, so that what is erased later is not in it.
package struct FeedEvent: Sendable, Equatable {
    /// The published list of what is told.
    package enum Kind: String, Sendable, CaseIterable {
        /// M-Pesa said that the money moved.
        case succeeded = "transaction.succeeded"
        /// It did not move, or was never sent.
        case failed = "transaction.failed"
        /// The customer declined.
        case cancelled = "transaction.cancelled"
        /// The customer did not answer in time.
        case expired = "transaction.expired"
        /// It was held, and will never be sent.
        case withdrawn = "transaction.withdrawn"
        /// The money moved after all, of what had ended otherwise.
        case lateSuccess = "transaction.late_success"
        /// All of it has gone back.
        case reversed = "transaction.reversed"
        /// M-Pesa has stated only now when the money moved, or what it cost.
        case corrected = "transaction.corrected"
        /// What M-Pesa says contradicts it.
        case disputed = "transaction.disputed"
        /// Nothing contradicts it any more: a person has looked it up, or its double never left.
        case undisputed = "transaction.undisputed"
        /// M-Pesa stated no outcome, and a person must look.
        case needsPerson = "transaction.needs_person"
        /// A rule asks people before a payment may leave.
        case approvalRequested = "approval.requested"
        /// It asks once more: the time is nearly over.
        case approvalDue = "approval.due"
        /// They have let it leave, or it never will.
        case approvalDecided = "approval.decided"
        /// A batch was made, and waits for a person.
        case batchRequested = "batch.requested"
        /// It waits still: the time is nearly over.
        case batchDue = "batch.due"
        /// Somebody let a batch leave.
        case batchReleased = "batch.released"
        /// Nothing more of a batch leaves until a person lets it go on.
        case batchPaused = "batch.paused"
        /// Every item of a batch has ended.
        case batchCompleted = "batch.completed"

        /// What went on after its call was answered has a result.
        case taskSucceeded = "task.succeeded"
        /// It has none, and says why.
        case taskFailed = "task.failed"
        /// Somebody did not want it any more.
        case taskCancelled = "task.cancelled"

        /// A key is refused from now on.
        case keyRevoked = "key.revoked"
        /// The secrets of an account were changed, or taken away.
        case credentialChanged = "credential.changed"
        /// The organization is on another plan, or its plan was set anew.
        case planChanged = "plan.changed"

        /// Most of what a limit of a day, or a quota of a month, allows is used.
        case limitNear = "limit.near"
        /// All of it is.
        case limitReached = "limit.reached"

        /// A version of a plugin serves from now on.
        case pluginPromoted = "plugin.promoted"
        /// A version of a plugin was taken back.
        case pluginRolledBack = "plugin.rolled_back"
        /// A plugin serves no longer.
        case pluginWithdrawn = "plugin.withdrawn"

        /// For a day nothing has arrived at an endpoint.
        case webhookFailing = "webhook.failing"
        /// Nothing more is sent to an endpoint.
        case webhookDisabled = "webhook.disabled"
        /// Somebody wants to see whether anything arrives; in no feed.
        case webhookTest = "webhook.test"

        /// Whether it tells that a transaction has ended.
        package var isEnd: Bool {
            switch self {
            case .succeeded, .failed, .cancelled, .expired, .withdrawn, .lateSuccess, .reversed: true
            case .corrected, .disputed, .undisputed, .needsPerson, .approvalRequested, .approvalDue, .approvalDecided:
                false
            case .batchRequested, .batchDue, .batchReleased, .batchPaused, .batchCompleted: false
            case .taskSucceeded, .taskFailed, .taskCancelled: false
            case .keyRevoked, .credentialChanged, .planChanged, .limitNear, .limitReached: false
            case .pluginPromoted, .pluginRolledBack, .pluginWithdrawn: false
            case .webhookFailing, .webhookDisabled, .webhookTest: false
            }
        }

        /// Whether whoever runs the gateway is told of it, and no other organization.
        package var isOperators: Bool { form == .plugin }
        /// Those that every organization is told of.
        package static let common = allCases.filter { !$0.isOperators }

        /// Whether it changes what is summed up.
        var isCounted: Bool { isEnd || self == .corrected }

        /// That a transaction has ended so.
        static func end(_ state: RecordState) -> Kind {
            switch state {
            case .succeeded: .succeeded
            case .cancelled: .cancelled
            case .expired: .expired
            case .withdrawn: .withdrawn
            case .reversed: .reversed
            default: .failed
            }
        }
    }

    /// Whose it is.
    package let organization: OrganizationID
    /// Names it, for ever: the same id is always the same bytes.
    package let id: Identifier
    /// What is told.
    package let kind: Kind
    /// What it is about: such as a transaction's id, or a batch's.
    package let subject: String
    /// That one's version, which the event is about.
    package let version: Int
    /// When it became true.
    package let at: Timestamp
    /// What there is to know at once; at most `payloadMax` bytes.
    package let payload: JSON

    /// How large a payload is at most.
    package static let payloadMax = 1024

    /// States an event.
    package init(
        organization: OrganizationID,
        id: Identifier,
        kind: Kind,
        subject: String,
        version: Int,
        at: Timestamp,
        payload: JSON
    ) {
        self.organization = organization
        self.id = id
        self.kind = kind
        self.subject = subject
        self.version = version
        self.at = at
        self.payload = payload
    }
}

/// An event where it stands in the feed.
package struct FeedEntry: Sendable, Equatable {
    /// What is told.
    package let event: FeedEvent
    /// 1, 2, 3 … within the lane, in the order of the commits; none is left out.
    package let position: Int64

    /// Places an event.
    package init(event: FeedEvent, position: Int64) {
        self.event = event
        self.position = position
    }
}

extension FeedEvent {
    /// What a step of a transaction tells.
    static func about(_ step: RecordMachine.Step, from before: Record, _ kind: Kind, id: Identifier) -> FeedEvent {
        about(step.record, from: before, at: step.event.at, kind, id: id)
    }

    /// That a rule asks people about a draft.
    static func asked(about draft: Record, id: Identifier) -> FeedEvent {
        about(draft, from: draft, at: draft.createdAt, .approvalRequested, id: id)
    }

    private static func about(
        _ record: Record,
        from before: Record,
        at moment: Timestamp,
        _ kind: Kind,
        id: Identifier
    ) -> FeedEvent {
        var payload: JSONObject = [
            "environment": .string(record.environment.rawValue), "tool": .string(record.tool),
            "operation": .string(record.operation), "direction": .string(record.direction.rawValue),
            "account": .string(record.accountName.description), "source": .string(FeedEvent.ownCalls),
            "made_by": .string(record.madeBy), "state": .string(record.state.rawValue),
        ]
        payload["amount"] = record.intent.amount.map { .integer($0.amount) }
        if let countedAt = record.countedAt, countedAt != moment {
            payload["counted_ms"] = .integer(countedAt.milliseconds)
        }
        payload["receipt"] = record.receipt.map { .string($0) }
        payload["fee_cents"] = record.feeCents.map { .integer($0) }
        // What the feed never told of was counted nowhere, and is taken out nowhere.
        if before.state.isEnded, let countedAt = before.countedAt {
            payload["was"] = .string(before.state.rawValue)
            payload["was_ms"] = .integer(countedAt.milliseconds)
            payload["was_fee_cents"] = before.feeCents.map { .integer($0) }
        }
        if kind == .approvalRequested || kind == .approvalDue {
            payload["until_ms"] = record.hold.map { .integer($0.until.milliseconds) }
        }
        if kind == .approvalDecided { payload["decided_by"] = record.hold?.decidedBy.map { .string($0) } }
        return FeedEvent(
            organization: record.organization,
            id: id,
            kind: kind,
            subject: record.id.description,
            version: record.version,
            at: moment,
            payload: .object(payload)
        )
    }

    /// What a batch's change tells; `item` is the transaction by whose answer it changed.
    static func about(
        _ batch: Batch,
        _ kind: Kind,
        at now: Timestamp,
        id: Identifier,
        item: RecordID? = nil
    ) -> FeedEvent {
        var payload: JSONObject = [
            "environment": .string(batch.environment.rawValue), "tool": .string(batch.tool),
            "account": .string(batch.accountName.description), "made_by": .string(batch.madeBy),
            "state": .string(batch.state.rawValue), "items": .integer(Int64(batch.items)),
            "amount": .integer(batch.total),
        ]
        payload["item"] = item.map { .string($0.description) }
        return FeedEvent(
            organization: batch.organization,
            id: id,
            kind: kind,
            subject: batch.id.description,
            version: batch.version,
            at: now,
            payload: .object(payload)
        )
    }

    /// The source of what was asked for by a call of the organization's own.
    package static let ownCalls = "calls"
}
