import OrderedJSON

/// What keeps a record from being sent until somebody lets it leave, and what came of that.
///
///     draft --released--> released --sending--> sending …
///        \                   \  ^--not sent-------/
///         '-------------------'--> withdrawn
package struct Hold: Sendable, Equatable {
    /// Why a record that was held will never be sent.
    package enum Withdrawal: String, Sendable, CaseIterable {
        /// Somebody who was asked said no.
        case declined
        /// Nobody let it leave in time.
        case expired
        /// It was let go, and could not be sent in time.
        case unsent
        /// Somebody took it back.
        case cancelled
        /// Its tool, its account or who asked for it is gone, or it would be another payment by now.
        case obsolete

        /// What a repeat of the call is answered.
        package var code: GatewayError.Code {
            switch self {
            case .declined: .approvalDeclined
            case .expired: .approvalExpired
            case .unsent, .cancelled, .obsolete: .withdrawn
            }
        }
    }

    /// The arguments as they were validated, of which its request is made when it is about to be sent.
    package let arguments: JSON
    /// Why it is held, for people.
    package let reason: String
    /// When it is withdrawn by itself: as a draft, unless it was let go; after that, unless it was sent.
    package var until: Timestamp
    /// Who let it go, or withdrew it: `user:<id>`, or `host`.
    package var decidedBy: String?
    /// Why it will never be sent.
    package var withdrawal: Withdrawal?
    /// How many of its sendings were begun of which no byte has left.
    package var unsent = 0

    /// Holds a record.
    package init(arguments: JSON, reason: String, until: Timestamp) {
        self.arguments = arguments
        self.reason = reason
        self.until = until
    }
}

extension Record {
    /// How often its request was sent, or may have been.
    package var sendings: Int { attempts - (hold?.unsent ?? 0) }

    /// From when its age counts: what was held begins to age when it is sent.
    package var begunAt: Timestamp { hold == nil ? createdAt : sentAt ?? createdAt }
}

extension RecordState {
    /// Whether it is kept from being sent, or was let go and has not left yet.
    package var isHeld: Bool { self == .draft || self == .released }

    /// The state as plugins know it, which know nothing of holding.
    package var forPlugins: RecordState {
        switch self {
        case .draft, .released: .created
        case .withdrawn: .cancelled
        default: self
        }
    }
}
