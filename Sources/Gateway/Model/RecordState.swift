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
