import OrderedJSON

/// What the host tells a plugin of the organization.
///
/// Never a secret.
public struct Profile: Sendable, Hashable {
    /// `test` or `live`.
    public var environment: String
    /// For a till: the store (head office) number.
    public var shortCode: String
    /// `paybill` or `till`.
    public var shortCodeType: String
    /// The number customers see; for tills only.
    public var tillNumber: String?
    /// What the organization is called.
    public var organizationName: String
    /// The plugin's settings, overlaid by the organization's.
    public var settings: JSONObject

    /// Reads the document of docs/abi.md, section 3.
    public init(_ json: JSON) {
        environment = json["environment"]?.stringValue ?? ""
        shortCode = json["short_code"]?.stringValue ?? ""
        shortCodeType = json["short_code_type"]?.stringValue ?? ""
        tillNumber = json["till_number"]?.stringValue
        organizationName = json["organization_name"]?.stringValue ?? ""
        settings = json["settings"]?.objectValue ?? JSONObject()
    }

    /// A setting that is a whole number, or its default.
    public func setting(_ name: String, default fallback: Int64) -> Int64 {
        settings[name]?.integerValue ?? fallback
    }
}

/// A transaction or exchange as the host knows it: docs/abi.md, section 2.
public struct Record: Sendable, Hashable {
    /// The host's id.
    public var id: String
    /// `created` to `no_answer`.
    public var state: String
    /// `PENDING`, `SUCCESS`, `FAILED`, `CANCELLED` or `REVERSED`.
    public var status: String
    /// `test` or `live`.
    public var environment: String
    /// Whole shillings.
    public var amount: Int64?
    /// The other side.
    public var party: String?
    /// The organization's reference.
    public var reference: String?
    /// For people.
    public var description: String?
    /// M-Pesa's ids, by namespace.
    public var externalIDs: [String: String]
    /// M-Pesa's receipt.
    public var receipt: String?
    /// M-Pesa's result code.
    public var code: String?
    /// What it means.
    public var meaning: String?
    /// Who must act.
    public var whoseMove: String?
    /// Whether charging again is safe.
    public var chargeAgain: String?
    /// When it was committed, in milliseconds since 1970.
    public var createdMilliseconds: Int64
    /// When it was sent.
    public var sentMilliseconds: Int64?
    /// When it ended.
    public var endedMilliseconds: Int64?
    /// Whether something was said against it; `disputes` says what.
    ///
    /// Then `render` says so, says what differs, and never that it may be asked for or paid again.
    public var isDisputed: Bool
    /// What was said against it, in order; a host may know that a record is disputed and not why.
    public var disputes: [Dispute]
    /// The id of the transaction that an exchange asks about.
    public var about: String?
    /// The id of the transaction that a reversal gives back.
    public var original: String?
    /// How much of it M-Pesa has given back, in whole shillings; nil while that is nothing.
    public var reversedAmount: Int64?
    /// The newest steps, oldest first; only `render` is told them.
    public var events: [RecordEvent] = []
    /// What an exchange was answered.
    public var data: JSON? { document["data"] }
    /// The whole document, for what has no property here.
    public var document: JSON

    /// Reads the document; `events` are the steps that `render` is given beside it.
    public init(_ json: JSON, events: JSON?) {
        self.init(json)
        self.events = events?.arrayValue?.map(RecordEvent.init) ?? []
    }

    /// Reads the document.
    public init(_ json: JSON) {
        let text = { (name: String) in json[name]?.stringValue }
        id = text("id") ?? ""
        state = text("state") ?? ""
        status = text("status") ?? ""
        environment = text("environment") ?? ""
        amount = json["amount"]?.integerValue
        party = text("party")
        reference = text("reference")
        description = text("description")
        externalIDs = [:]
        for (name, value) in json["external_ids"]?.objectValue ?? JSONObject() { externalIDs[name] = value.stringValue }
        receipt = text("receipt")
        code = text("code")
        meaning = text("meaning")
        whoseMove = text("whose_move")
        chargeAgain = text("charge_again")
        createdMilliseconds = json["created_ms"]?.integerValue ?? 0
        sentMilliseconds = json["sent_ms"]?.integerValue
        endedMilliseconds = json["ended_ms"]?.integerValue
        isDisputed = json["disputed"]?.boolValue ?? false
        disputes = json["disputes"]?.arrayValue?.map(Dispute.init) ?? []
        about = text("about")
        original = text("original")
        reversedAmount = json["reversed_amount"]?.integerValue
        document = json
    }
}

/// What a call asks a plugin to plan.
public struct PrepareInput: Sendable {
    /// Valid under the tool's input schema.
    public let arguments: ArgumentValue
    /// Whose call.
    public let profile: Profile
    /// The time, in milliseconds since 1970.
    ///
    /// The only clock there is.
    public let nowMilliseconds: Int64
    /// The record's id.
    public let recordID: String
    /// An id that M-Pesa may be given as ours.
    public let originatorID: String
    /// What a reversal gives back; nil for a kind that says nowhere where its arguments name it.
    public let original: Original?
    /// The row of a batch that the arguments are, from 1; nil where they are a whole call's.
    ///
    /// A draft (`x-item`).
    public let row: Int?

    /// Gathers them; the kit does so, and tests.
    public init(
        arguments: JSON,
        profile: Profile,
        nowMilliseconds: Int64,
        recordID: String,
        originatorID: String,
        original: Original? = nil,
        row: Int? = nil
    ) {
        self.init(
            arguments: ArgumentValue(arguments),
            profile: profile,
            nowMilliseconds: nowMilliseconds,
            recordID: recordID,
            originatorID: originatorID,
            original: original,
            row: row
        )
    }

    package init(
        arguments: ArgumentValue,
        profile: Profile,
        nowMilliseconds: Int64,
        recordID: String,
        originatorID: String,
        original: Original? = nil,
        row: Int? = nil
    ) {
        self.arguments = arguments
        self.profile = profile
        self.nowMilliseconds = nowMilliseconds
        self.recordID = recordID
        self.originatorID = originatorID
        self.original = original
        self.row = row
    }
}

/// Why a call is not planned.
///
/// Codes: `invalid_argument`, `limit_exceeded`, `not_configured`, `not_supported`.
public struct Refusal: Error, Sendable, Hashable {
    /// The cause.
    public let code: String
    /// JSON Pointer to the argument, if it is about one.
    public let field: String?
    /// What was expected and what to do.
    public let message: String

    /// Makes a refusal.
    public init(_ code: String, field: String? = nil, _ message: String) {
        self.code = code
        self.field = field
        self.message = message
    }
}

/// At most so many active records with one key: docs/abi.md, section 4.1.
public struct Guard: Sendable, Hashable {
    /// What is guarded.
    public let key: String
    /// How many may be active.
    public let openMax: Int
    /// How long one counts after its commit.
    public let windowMilliseconds: Int64
    /// For whoever meets it.
    public let message: String

    /// Makes a guard.
    public init(key: String, openMax: Int = 1, windowMilliseconds: Int64, message: String) {
        self.key = key
        self.openMax = openMax
        self.windowMilliseconds = windowMilliseconds
        self.message = message
    }
}

/// What is to be asked of M-Pesa, and the request that asks it.
public struct OperationPlan: Sendable, Hashable {
    /// Whole shillings.
    public var amount: Int64?
    /// The other side.
    public var party: String?
    /// The organization's reference.
    public var reference: String?
    /// For people.
    public var description: String?
    /// What must not be active beside it.
    public var guards: [Guard]
    /// The request's body, without secrets and callback addresses.
    public var body: JSON

    /// Makes a plan.
    public init(
        amount: Int64? = nil,
        party: String? = nil,
        reference: String? = nil,
        description: String? = nil,
        guards: [Guard] = [],
        body: JSON
    ) {
        self.amount = amount
        self.party = party
        self.reference = reference
        self.description = description
        self.guards = guards
        self.body = body
    }
}

/// Where bytes from M-Pesa came from.
public enum Source: Sendable, Hashable {
    /// The answer to our request, with its HTTP status.
    case reply(status: Int)
    /// A callback, by name.
    case callback(String)
    /// A statement.
    case statement
}

/// What bytes prove: docs/abi.md, section 4.2.
public struct Evidence: Sendable, Hashable {
    /// What is proven.
    public enum Verdict: String, Sendable {
        /// Taken; nothing moved yet.
        case accepted
        /// The money moved.
        case succeeded
        /// It did not.
        case failed
        /// The customer declined.
        case cancelled
        /// The customer did not answer.
        case expired
        /// Refused; will never move money.
        case rejected
        /// Not looked at.
        case notProcessed = "not_processed"
        /// Unknown to M-Pesa.
        case notFound = "not_found"
        /// Under way.
        case pending
        /// Had before.
        case duplicate
        /// Nothing.
        case unknown
    }

    /// What is proven.
    public var verdict: Verdict
    /// M-Pesa's ids, by namespace.
    public var externalIDs: [String: String] = [:]
    /// M-Pesa's receipt.
    public var receipt: String?
    /// M-Pesa's code.
    public var code: String?
    /// What it means.
    public var meaning: String?
    /// `customer`, `organization`, `integrator`, `operator`, `safaricom` or `nobody`.
    public var whoseMove: String?
    /// `yes`, `no`, `wait` or `check_first`.
    public var chargeAgain: String?
    /// The amount M-Pesa states.
    public var amount: Int64?
    /// The amount M-Pesa states where it is not whole shillings: it contradicts every amount that was asked for.
    public var amountText: String?
    /// The other side M-Pesa states.
    public var party: String?
    /// When the same request may be sent again.
    public var retryAfterMilliseconds: Int64?
    /// What an exchange was answered, kept with it.
    public var data: JSON?
    /// What M-Pesa says that the organization's accounts hold: a draft.
    public var balances: [AccountHolding] = []
    /// When the money moved, as M-Pesa states it, in milliseconds since 1970: the day that reports count it on.
    public var completedMilliseconds: Int64?
    /// What M-Pesa took for it, in cents, where M-Pesa states that.
    public var feeCents: Int64?

    /// Makes evidence.
    public init(_ verdict: Verdict) { self.verdict = verdict }
}
