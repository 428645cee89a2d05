import OrderedJSON

/// What is published of the feed's events: of each type what it tells, and what its `data` holds.
///
/// docs/events.md and OpenAPI's `webhooks` say the same; a field may be added, and none is taken away.
extension FeedEvent {
    /// Events whose `data` holds the same fields.
    package enum Form: String, Sendable, CaseIterable {
        /// Of a transaction.
        case transaction = "TransactionEvent"
        /// Of a transaction that waits for people.
        case question = "ApprovalEvent"
        /// Of a transaction of which people have decided.
        case decision = "ApprovalDecidedEvent"
        /// Of a batch.
        case batch = "BatchEvent"
        /// Of a batch that was stopped, by a person or by what M-Pesa answered.
        case pause = "BatchPausedEvent"
        /// Of a task that has ended.
        case task = "TaskEvent"
        /// Of a key.
        case key = "KeyEvent"
        /// Of a plan.
        case plan = "PlanEvent"
        /// Of an account's secrets.
        case credential = "CredentialEvent"
        /// Of a limit or a quota.
        case limit = "LimitEvent"
        /// Of a plugin; for whoever runs the gateway.
        case plugin = "PluginEvent"
        /// Of an endpoint.
        case webhook = "WebhookEvent"
        /// Of an endpoint, and of nothing that has become true.
        case trial = "WebhookTestEvent"
    }

    /// A field of `data`.
    package struct Field: Sendable {
        /// What it is called.
        package let name: String
        /// Whether it is always there; what does not apply is left out.
        package let isRequired: Bool
        /// What it is.
        let schema: JSON
        /// What it is in an example.
        let example: JSON
    }
}

extension FeedEvent.Kind {
    /// What it tells, as docs/events.md says it.
    package var words: String {
        switch self {
        case .succeeded: "M-Pesa said that the money moved"
        case .failed: "it did not move, or was never sent"
        case .cancelled: "the customer declined"
        case .expired: "the customer did not answer in time"
        case .withdrawn: "it was held, and will never be sent"
        case .lateSuccess: "the money moved after all, of what had ended otherwise"
        case .reversed: "all of it has gone back"
        case .corrected: "M-Pesa has stated only now when the money moved, or what it cost"
        case .disputed: "what M-Pesa says contradicts what stands"
        case .undisputed:
            "nothing contradicts it any more: a person has looked it up, or what it might have doubled never left"
        case .needsPerson: "M-Pesa stated no outcome, and a person must look"
        case .approvalRequested: "a rule asks people before it may leave"
        case .approvalDue: "it asks once more: the time is nearly over"
        case .approvalDecided: "they have let it leave, or it never will"
        case .batchRequested: "it was made, and waits for a person"
        case .batchDue: "it waits still: the time is nearly over"
        case .batchReleased: "somebody let it leave"
        case .batchPaused:
            "nothing more of it leaves until a person lets it go on, or ever, where `state` is `broken`"
        case .batchCompleted: "each of its items has ended"
        case .taskSucceeded: "it has a result"
        case .taskFailed: "it has none: `code` says why"
        case .taskCancelled: "somebody did not want it any more"
        case .keyRevoked: "it is refused from now on"
        case .planChanged: "it is on another plan, or its plan was set anew"
        case .credentialChanged: "its secrets were changed, or taken away"
        case .limitNear: "80 hundredths of what a limit allows for a day, or a quota for a month, are used"
        case .limitReached: "all of it is used"
        case .pluginPromoted: "a version serves from now on"
        case .pluginRolledBack: "a version was taken back, by a person or because it failed: `why` says so"
        case .pluginWithdrawn: "it was removed or switched off, and serves no longer"
        case .webhookFailing: "nothing has arrived there for a day"
        case .webhookDisabled:
            "nothing more is sent there: `why` says whether it is `gone`, was `failing` for days, or a `person` did it"
        case .webhookTest: "somebody wants to see whether this arrives; `GET /events` does not have it"
        }
    }

    /// What its `data` holds.
    package var form: FeedEvent.Form {
        switch self {
        case .succeeded, .failed, .cancelled, .expired, .withdrawn, .lateSuccess, .reversed: .transaction
        case .corrected, .disputed, .undisputed, .needsPerson: .transaction
        case .approvalRequested, .approvalDue: .question
        case .approvalDecided: .decision
        case .batchRequested, .batchDue, .batchReleased, .batchCompleted: .batch
        case .batchPaused: .pause
        case .taskSucceeded, .taskFailed, .taskCancelled: .task
        case .keyRevoked: .key
        case .planChanged: .plan
        case .credentialChanged: .credential
        case .limitNear, .limitReached: .limit
        case .pluginPromoted, .pluginRolledBack, .pluginWithdrawn: .plugin
        case .webhookFailing, .webhookDisabled: .webhook
        case .webhookTest: .trial
        }
    }

    /// The state that its example is in.
    var exampleState: String {
        switch self {
        case .succeeded, .lateSuccess, .corrected, .disputed, .undisputed: RecordState.succeeded.rawValue
        case .failed: RecordState.failed.rawValue
        case .cancelled: RecordState.cancelled.rawValue
        case .expired: RecordState.expired.rawValue
        case .withdrawn: RecordState.withdrawn.rawValue
        case .reversed: RecordState.reversed.rawValue
        case .needsPerson: RecordState.manual.rawValue
        case .approvalRequested, .approvalDue: RecordState.draft.rawValue
        case .approvalDecided: RecordState.released.rawValue
        case .batchRequested, .batchDue: BatchState.draft.rawValue
        case .batchReleased: BatchState.running.rawValue
        case .batchPaused: BatchState.paused.rawValue
        case .batchCompleted: BatchState.completed.rawValue
        case .taskSucceeded: "completed"
        case .taskFailed: "failed"
        case .taskCancelled: "cancelled"
        case .keyRevoked, .planChanged, .credentialChanged, .limitNear, .limitReached: ""
        case .pluginPromoted, .pluginRolledBack, .pluginWithdrawn: ""
        case .webhookFailing, .webhookDisabled, .webhookTest: ""
        }
    }

    /// What its example shows of what may be left out, where its form has it.
    var exampleShows: Set<String> {
        switch self {
        case .succeeded: ["amount", "counted_ms", "receipt"]
        case .lateSuccess, .reversed: ["amount", "was", "was_ms"]
        case .corrected: ["amount", "counted_ms", "fee_cents", "was", "was_ms"]
        case .batchPaused: ["item"]
        case .taskFailed: ["code"]
        case .planChanged: ["was"]
        case .limitNear, .limitReached: ["environment", "directions", "amount", "amount_max", "count"]
        case .pluginPromoted: ["version", "generation", "sha256", "was"]
        case .pluginRolledBack: ["version", "generation", "sha256", "was", "why"]
        case .pluginWithdrawn: ["was"]
        case .webhookFailing: ["failing_since_ms"]
        case .webhookDisabled: ["why", "failing_since_ms"]
        default: ["amount", "until_ms", "decided_by"]
        }
    }
}

extension FeedEvent.Form {
    /// The types whose `data` is so.
    package var kinds: [FeedEvent.Kind] { FeedEvent.Kind.allCases.filter { $0.form == self } }

    /// What such an event is about.
    package var subject: String {
        switch self {
        case .transaction, .question, .decision: "transaction"
        case .batch, .pause: "batch"
        case .task: "task"
        case .key: "key"
        case .plan: "organization or plan"
        case .credential: "account"
        case .limit: "limit or quota"
        case .plugin: "plugin"
        case .webhook, .trial: "webhook endpoint"
        }
    }

    /// What names that in an example, and the version that it has there.
    var example: (subject: String, version: Int) {
        switch self {
        case .transaction, .question, .decision: ("01a21db3-7154-79f2-af54-4423337782ee", 4)
        case .batch: ("01a21db3-8c0e-7b42-8a3d-9d6f1f5a2c77", 2)
        case .pause: ("01a21db3-8c0e-7b42-8a3d-9d6f1f5a2c77", 3)
        case .task: ("01a21db3-b2d4-7c6a-8e15-6c0f4a9d7b21", 1)
        case .key: ("01a21db3-5a1e-774a-bca3-e6333760a28d", 2)
        case .plan: ("01a21db3-4f02-7d1c-9be0-2f7a61c0d3e4", 3)
        case .credential: ("test/main", 2)
        case .limit: ("test/out|*/2026-11-27", 80)
        case .plugin: ("stk-push", 1_795_794_629_382)
        case .webhook: ("01a21db3-a07d-7e53-9c41-3b2f8d6e7c15", 3)
        case .trial: ("01a21db3-a07d-7e53-9c41-3b2f8d6e7c15", 1)
        }
    }

    /// The fields of `data`, in their order.
    package var fields: [FeedEvent.Field] {
        switch self {
        case .transaction: FeedEvent.Field.ofTransaction
        case .question: FeedEvent.Field.ofQuestion
        case .decision: FeedEvent.Field.ofDecision
        case .batch: FeedEvent.Field.ofBatch
        case .pause: FeedEvent.Field.ofPause
        case .task: FeedEvent.Field.ofTask
        case .key: [.environment, .text("role", "manager"), .text("name", "till 2")]
        case .plan: [.text("plan", "large"), .text("was", "small", false)]
        case .credential: [.environment, .text("account", "main")]
        case .limit: FeedEvent.Field.ofLimit
        case .plugin:
            [
                .text("by", "operator"), .text("version", "1.4.0", false), .number("generation", 7, false),
                .text("sha256", String(repeating: "5f", count: 32), false), .text("was", "1.3.2", false),
                .text("why", "4 crashes since it serves", false),
            ]
        case .webhook:
            [
                .environment, .text("address", "https://example.com/…"), .text("why", "failing", false),
                .moment("failing_since_ms", 1_795_362_629_382),
            ]
        case .trial: [.environment]
        }
    }
}

extension FeedEvent.Field {
    static let environment = choice("environment", Environment.allCases.map(\.rawValue), "test")

    static let ofTransaction: [Self] = [
        environment, text("tool", "mpesa_stk_push"), text("operation", "stk_push"),
        choice("direction", OperationDirection.allCases.filter { $0 != .none }.map(\.rawValue), "in"),
        text("account", "main"), text("source", FeedEvent.ownCalls), text("made_by", maker), text("state", ""),
        number("amount", 1, false), moment("counted_ms", 1_795_794_628_000), text("receipt", "TKR61H5XPQ", false),
        number("fee_cents", 0, false),
        text("was", "", false), moment("was_ms", 1_795_794_600_000), number("was_fee_cents", 0, false),
    ]

    static let ofQuestion: [Self] = ofTransaction + [moment("until_ms", 1_795_880_954_708)]

    static let ofDecision: [Self] =
        ofTransaction + [
            text("decided_by", "user:01a21db3-6b3c-7e15-8f0a-51c9d2e4b7a6", false)
        ]

    static let ofBatch: [Self] = [
        environment, text("tool", "mpesa_bulk_payment"), text("account", "main"), text("made_by", maker),
        text("state", ""), number("items", 40), number("amount", 52_000),
    ]

    /// What an answer of M-Pesa pauses has the item instead of what a batch has otherwise.
    static let ofPause: [Self] = [
        environment, text("tool", "mpesa_bulk_payment"), text("account", "main"), text("made_by", maker, false),
        text("state", ""), number("items", 40, false), number("amount", 52_000, false),
        text("item", "01a21db3-9d11-7c08-b6e2-7a40c3f8e915", false),
    ]

    static let ofTask: [Self] = [
        environment, text("tool", "mpesa_generate_report"), text("made_by", maker), text("state", ""),
        number("begun_ms", 1_795_794_600_000), text("account", "main", false), text("code", "unavailable", false),
    ]

    static let ofLimit: [Self] = [
        choice("limit", ["day", "quota"], "day"), text("period", "2026-11-27"), text("environment", "test", false),
        text("directions", "out", false), text("of", "user:01a21db3-6b3c-7e15-8f0a-51c9d2e4b7a6", false),
        text("counted", "money", false), number("amount", 8_400, false), number("amount_max", 10_000, false),
        number("count", 7, false), number("count_max", 500, false),
    ]

    private static let maker = "key:01a21db3-5a1e-774a-bca3-e6333760a28d"

    static func text(_ name: String, _ example: String, _ isRequired: Bool = true) -> Self {
        Self(name: name, isRequired: isRequired, schema: ["type": "string"], example: .string(example))
    }

    static func number(_ name: String, _ example: Int64, _ isRequired: Bool = true) -> Self {
        Self(name: name, isRequired: isRequired, schema: ["type": "integer"], example: .integer(example))
    }

    /// A moment in milliseconds since 1970, which may be left out.
    static func moment(_ name: String, _ example: Int64) -> Self { number(name, example, false) }

    private static func choice(_ name: String, _ words: [String], _ example: String) -> Self {
        Self(
            name: name,
            isRequired: true,
            schema: ["enum": .array(words.map { .string($0) })],
            example: .string(example)
        )
    }
}
