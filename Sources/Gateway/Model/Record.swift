import OrderedJSON

/// Whether a record moves money or only asks.
package enum RecordClass: String, Sendable, Hashable, CaseIterable {
    /// One movement of money.
    case transaction
    /// A request that moves none: a balance, a status query.
    case exchange
}

/// Exactly where a record stands.
///
/// See `Transactions/` for what leads from one to another.
package enum RecordState: String, Sendable, Hashable, CaseIterable {
    /// Whole and counted; nothing is sent until somebody lets it leave.
    case draft
    /// Let go, and not sent yet.
    case released
    /// Committed; nothing has been sent, or the same request is to be sent again.
    case created
    /// The request is being sent; after a crash nobody knows whether it was.
    case sending
    /// M-Pesa took the request. Not paid.
    case accepted
    /// Sent, or perhaps sent, and no answer that proves anything.
    case unknown
    /// Unknown, and being asked about.
    case reconciling
    /// The host stopped asking; a person must look.
    case manual
    /// M-Pesa said explicitly that the money moved.
    case succeeded
    /// M-Pesa said explicitly that it did not.
    case failed
    /// The customer declined.
    case cancelled
    /// The customer did not answer in time.
    case expired
    /// Never sent, or refused before it was processed.
    case rejected
    /// Moved, and moved back.
    case reversed
    /// Held, and never sent: declined, expired or taken back.
    case withdrawn
    /// An exchange that was never answered.
    case noAnswer = "no_answer"

    /// Whether the record has ended.
    ///
    /// An ended one may still change by stronger evidence (a late success, a reversal).
    package var isEnded: Bool {
        switch self {
        case .draft, .released, .created, .sending, .accepted, .unknown, .reconciling, .manual: false
        case .succeeded, .failed, .cancelled, .expired, .rejected, .reversed, .withdrawn, .noAnswer: true
        }
    }

    /// The organization's word for it.
    package var status: String {
        switch self {
        case .draft, .released, .created, .sending, .accepted, .unknown, .reconciling, .manual: "PENDING"
        case .succeeded: "SUCCESS"
        case .failed, .rejected, .noAnswer: "FAILED"
        case .cancelled, .expired, .withdrawn: "CANCELLED"
        case .reversed: "REVERSED"
        }
    }
}

/// What is asked, of whom, for how much: fixed when the record is made.
package struct Intent: Sendable, Equatable {
    /// Whole shillings; nil for an exchange without an amount.
    package var amount: Shillings?
    /// The other side: a phone number in the form 2547XXXXXXXX, or a short code.
    package var party: String?
    /// The organization's own reference.
    package var reference: String?
    /// For people.
    package var description: String?
    /// The transaction this one reverses.
    package var original: RecordID?

    /// Makes an intent.
    package init(
        amount: Shillings? = nil,
        party: String? = nil,
        reference: String? = nil,
        description: String? = nil,
        original: RecordID? = nil
    ) {
        self.amount = amount
        self.party = party
        self.reference = reference
        self.description = description
        self.original = original
    }
}

/// The request as the plugin wrote it: without secrets and callback addresses, which are filled in when it is sent.
package struct RequestTemplate: Sendable, Equatable {
    /// Additional headers.
    package var headers: [String: String]
    /// The body.
    package var body: JSON

    /// Makes a template.
    package init(headers: [String: String] = [:], body: JSON) {
        self.headers = headers
        self.body = body
    }
}

/// A transaction or an exchange: its intent, what has been learned of it, and what the host does next.
package struct Record: Sendable, Equatable {
    /// Names it.
    package let id: RecordID
    /// Whose it is.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// Moves money, or asks.
    package let recordClass: RecordClass
    /// The plugin that understands it.
    package let plugin: String
    /// The plugin's kind, such as `stk_push`.
    package let operation: String
    /// The tool that made it; empty for what the sweeper made.
    package let tool: String
    /// `in`, `out`, `reverse` or `none`.
    package let direction: OperationDirection
    /// Who asked for it: `user:<id>`, `key:<id>` or `host`.
    package let madeBy: String
    /// What was asked.
    package let intent: Intent
    /// The transaction an exchange asks about.
    package let about: RecordID?
    /// When it was committed.
    package let createdAt: Timestamp
    /// How the host asks about it, as its kind said when it was made, so that a later generation changes nothing.
    package let query: QueryPlan?
    /// The short code that it acts for; empty for records made before this was kept.
    package let account: String
    /// Which of the organization's accounts it acts for, whatever becomes of the default one.
    package let accountName: AccountName

    /// Whether an agent asked for it.
    package var isByAgent = false
    /// Never sent after this.
    ///
    /// Moves on when the same request may be sent again.
    package var sendBefore: Timestamp
    /// The request, for sending and for sending again.
    package var request: RequestTemplate
    /// Where it stands.
    package var state: RecordState
    /// Counts up with each committed change.
    package var version: Int
    /// M-Pesa's ids, by namespace.
    package var externalIDs: [String: String] = [:]
    /// M-Pesa's receipt.
    package var receipt: String?
    /// M-Pesa's result code.
    package var code: String?
    /// What the code means.
    package var meaning: String?
    /// Who must act.
    package var whoseMove: String?
    /// Whether charging again is safe: `yes`, `no`, `wait`, `check_first`.
    package var chargeAgain: String?
    /// An exchange's answer.
    package var data: JSON?
    /// How often the request was sent.
    package var attempts: Int = 0
    /// When the newest sending was begun, but for the first of what was not held.
    ///
    /// With `attempts` it names one sending: of two that were begun one after another, only one may have left.
    package var resentAt: Timestamp?
    /// How often the host has asked about it.
    package var queries: Int = 0
    /// How many of its questions M-Pesa answered with something that can be read.
    package var answers: Int = 0
    /// The month whose quota of money it was counted in; nil where there is no quota, and once that was given back.
    package var countedIn: Month?
    /// Whether anything that M-Pesa said shows that it has the request.
    package var hasArrived: Bool = false
    /// Whether its plugin has nothing to ask by, as long as no id of M-Pesa's is known.
    package var isUnaskable: Bool = false
    /// Why the same request may be sent again, while it waits for that.
    package var resend: Evidence.Verdict?
    /// From when on its guards and derived key no longer count, although it has not ended or was sent.
    package var releasedAt: Timestamp?
    /// When the request was sent first; nil means that no byte has left.
    package var sentAt: Timestamp?
    /// The last committed change.
    package var updatedAt: Timestamp
    /// When it ended.
    package var endedAt: Timestamp?
    /// The moment by which it is counted: when M-Pesa says that the money moved, else when it ended.
    ///
    /// It is fixed with the end that is counted, and stays where a clock is set back and where the money is given back.
    package var countedAt: Timestamp?
    /// What M-Pesa took for it, in cents, where M-Pesa stated that as it ended.
    package var feeCents: Int64?
    /// What the sweeper looks for: nothing happens to the record by itself before this.
    package var nextActionAt: Timestamp?
    /// Contradictions that a person should look at, the oldest first.
    package var disputes: [Dispute] = []
    /// Whether there are any.
    package var isDisputed: Bool { !disputes.isEmpty }

    /// Where it was counted against the organization's limits, once it was let leave.
    package var limited: LimitMark?
    /// What a person said of it, where M-Pesa stated no outcome.
    package var resolution: Resolution?
    /// What keeps it from being sent, or kept it; nil for what is sent as it is committed.
    package var hold: Hold?
    /// Its place in a batch; nil for a payment of its own.
    package var batch: BatchPlace?
    /// The reversals of it that were begun, the oldest first.
    package var reversals: [ReversalMark] = []

    /// Makes a record as it is first committed.
    package init(
        id: RecordID,
        organization: OrganizationID,
        environment: Environment,
        recordClass: RecordClass,
        plugin: String,
        operation: String,
        tool: String,
        direction: OperationDirection,
        madeBy: String,
        intent: Intent,
        about: RecordID?,
        createdAt: Timestamp,
        query: QueryPlan?,
        sendBefore: Timestamp,
        account: String = "",
        accountName: AccountName = .main,
        request: RequestTemplate,
        state: RecordState = .created
    ) {
        self.id = id
        self.organization = organization
        self.environment = environment
        self.recordClass = recordClass
        self.plugin = plugin
        self.operation = operation
        self.tool = tool
        self.direction = direction
        self.madeBy = madeBy
        self.intent = intent
        self.about = about
        self.createdAt = createdAt
        self.query = query
        self.sendBefore = sendBefore
        self.account = account
        self.accountName = accountName
        self.request = request
        self.state = state
        self.version = 1
        self.updatedAt = createdAt
    }
}

extension Record {
    /// The step that every life begins with.
    package var firstEvent: RecordEvent {
        RecordEvent(sequence: version, at: createdAt, source: "commit", from: state, to: state)
    }
}

/// One step in a record's life.
package struct RecordEvent: Sendable, Equatable {
    /// 1, 2, 3 … within the record: the version of the record that the step led to.
    package let sequence: Int
    /// When.
    package let at: Timestamp
    /// What told us: `commit`, `send`, `reply`, `callback:result`, `query`, `sweeper`, `restart`, `reversal`,
    /// `host`, `person`, `statement`.
    package let source: String
    /// What it said, when it was evidence.
    package let verdict: String?
    /// M-Pesa's code, when there was one.
    package let code: String?
    /// For people.
    package let meaning: String?
    /// The state before.
    package let from: RecordState
    /// The state after.
    package let to: RecordState

    /// Makes an event.
    package init(
        sequence: Int,
        at: Timestamp,
        source: String,
        verdict: String? = nil,
        code: String? = nil,
        meaning: String? = nil,
        from: RecordState,
        to: RecordState
    ) {
        self.sequence = sequence
        self.at = at
        self.source = source
        self.verdict = verdict
        self.code = code
        self.meaning = meaning
        self.from = from
        self.to = to
    }
}
