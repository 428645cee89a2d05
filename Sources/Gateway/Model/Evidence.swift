import OrderedJSON

/// What some bytes from M-Pesa prove, as the plugin read them.
///
/// See docs/abi.md, section 4.2.
package struct Evidence: Sendable, Equatable {
    /// What is proven.
    ///
    /// Finality comes from here, never from where the bytes came from.
    package enum Verdict: String, Sendable, CaseIterable {
        /// M-Pesa took the request; nothing has moved yet.
        case accepted
        /// The money moved.
        case succeeded
        /// The money did not move.
        case failed
        /// The customer declined.
        case cancelled
        /// The customer did not answer.
        case expired
        /// The request was refused and will never move money.
        case rejected
        /// The request was not looked at; the same one may be sent again.
        case notProcessed = "not_processed"
        /// M-Pesa knows no such request.
        case notFound = "not_found"
        /// Still under way.
        case pending
        /// M-Pesa has had this request before.
        case duplicate
        /// The bytes prove nothing.
        case unknown

        /// The state that this verdict ends a record in, if it does.
        package var endState: RecordState? {
            switch self {
            case .succeeded: .succeeded
            case .failed: .failed
            case .cancelled: .cancelled
            case .expired: .expired
            case .rejected: .rejected
            case .accepted, .notProcessed, .notFound, .pending, .duplicate, .unknown: nil
            }
        }
    }

    /// Where the bytes came from.
    package enum Source: Sendable, Hashable {
        /// The answer to our own request.
        case reply
        /// A callback, by its name.
        case callback(String)
        /// The answer to an exchange that asked about the record.
        case query
        /// A statement of the account.
        case statement
        /// A person, who saw what M-Pesa does not say.
        case person

        /// Whether it came to the record's own address.
        var isCallback: Bool { if case .callback = self { true } else { false } }

        /// As events and audit show it.
        package var text: String {
            switch self {
            case .reply: "reply"
            case .callback(let name): "callback:" + name
            case .query: "query"
            case .statement: "statement"
            case .person: "person"
            }
        }
    }

    /// What is proven.
    package var verdict: Verdict
    /// M-Pesa's ids, by namespace.
    package var externalIDs: [String: String]
    /// M-Pesa's receipt.
    package var receipt: String?
    /// M-Pesa's code.
    package var code: String?
    /// What the code means.
    package var meaning: String?
    /// Who must act.
    package var whoseMove: String?
    /// Whether charging again is safe.
    package var chargeAgain: String?
    /// The amount that M-Pesa states.
    package var amount: Shillings?
    /// The amount that M-Pesa states where it is not whole shillings; it differs from every amount that was asked for.
    package var amountText: String?
    /// The other side that M-Pesa states, in the form of the intent's.
    package var party: String?
    /// When the same request may be sent again.
    package var retryAfter: Duration?
    /// An exchange's answer.
    package var data: JSON?
    /// What M-Pesa says that accounts hold.
    package var balances: [Balance] = []
    /// When the money moved, as M-Pesa states it.
    package var completedAt: Timestamp?
    /// What M-Pesa took for it, in cents, where it states that.
    package var feeCents: Int64?
    /// When M-Pesa said it, where it is read later than that; nil for what is read at once.
    package var saidAt: Timestamp?
    /// The HTTP status that it came with; nil for a callback.
    package var status: Int?
    /// Whether it answers a question, rather than the service saying that it could not.
    package var isAnswer: Bool {
        guard verdict == .unknown else { return true }
        // A callback that names no id says that the question was refused.
        guard let status else { return !externalIDs.isEmpty }
        return code != nil && (200..<300).contains(status)
    }

    /// Makes evidence.
    package init(
        _ verdict: Verdict,
        externalIDs: [String: String] = [:],
        receipt: String? = nil,
        code: String? = nil,
        meaning: String? = nil,
        whoseMove: String? = nil,
        chargeAgain: String? = nil,
        amount: Shillings? = nil,
        amountText: String? = nil,
        party: String? = nil,
        retryAfter: Duration? = nil,
        data: JSON? = nil
    ) {
        self.verdict = verdict
        self.externalIDs = externalIDs
        self.receipt = receipt
        self.code = code
        self.meaning = meaning
        self.whoseMove = whoseMove
        self.chargeAgain = chargeAgain
        self.amount = amount
        self.amountText = amountText
        self.party = party
        self.retryAfter = retryAfter
        self.data = data
    }
}
