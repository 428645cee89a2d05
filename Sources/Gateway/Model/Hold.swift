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

    /// Whom a rule asks.
    package struct Asked: Sendable, Equatable {
        /// The least role of whoever lets it leave.
        package let role: Role
        /// How many people must.
        package let count: Int
        /// Whether the receiver had not been paid before.
        package let isNewReceiver: Bool
        /// Whom by name; nil for everybody of that role.
        package let people: Approvers?

        /// States it.
        package init(role: Role, count: Int, isNewReceiver: Bool = false, people: Approvers? = nil) {
            self.role = role
            self.count = count
            self.isNewReceiver = isNewReceiver
            self.people = people
        }
    }

    /// The arguments as they were validated, of which its request is made when it is about to be sent.
    package let arguments: JSON
    /// What stood beside them where they came from, such as a person's name in a file: given back, and never sent.
    package var beside: JSON?
    /// Why it is held, for people.
    package let reason: String
    /// Whom a rule asks before it may leave; nil where something else holds it.
    package var asked: Asked?
    /// When it is withdrawn by itself: as a draft, unless it was let go; after that, unless it was sent.
    package var until: Timestamp
    /// Who let it go, or withdrew it: `user:<id>`, or `host`.
    package var decidedBy: String?
    /// Who has agreed to its leaving so far, of those who are asked, as `user:<id>`.
    package var approvers: [String] = []
    /// When those who are asked are told once more; nil once they were.
    package var remindAt: Timestamp?
    /// Why it will never be sent.
    package var withdrawal: Withdrawal?
    /// How many of its sendings were begun of which no byte has left.
    package var unsent = 0
    /// What its account was when it was asked for; nil for records of before that was kept.
    package var place: AccountPlace?
    /// In which hour its call was counted, once that is so.
    package var countedAt: Timestamp?

    /// How long a draft waits at most, whatever else is said.
    package static let longest: Duration = .seconds(31 * 86_400)

    /// Holds a record.
    package init(arguments: JSON, reason: String, until: Timestamp) {
        self.arguments = arguments
        self.reason = reason
        self.until = until
    }
}

/// Where an account's money goes to and comes from, as M-Pesa knows it: under one name these can be changed.
package struct AccountPlace: Sendable, Equatable {
    /// Five to seven digits; for a till the store's number.
    package let shortCode: String
    /// `paybill`, `till` or `payout`.
    package let kind: String
    /// The number that customers see; for tills only.
    package let till: String?

    /// States it.
    package init(shortCode: String, kind: String, till: String?) {
        self.shortCode = shortCode
        self.kind = kind
        self.till = till
    }

    /// Of an account as it is set up now.
    init(_ profile: Profile) {
        self.init(shortCode: profile.shortCode, kind: profile.shortCodeType, till: profile.tillNumber)
    }
}

extension Record {
    /// How often its request was sent, or may have been.
    package var sendings: Int { attempts - (hold?.unsent ?? 0) }

    /// From when its age counts: what was held begins to age when it is sent.
    package var begunAt: Timestamp { hold == nil ? createdAt : sentAt ?? createdAt }
}

extension Record {
    /// Whether it was begun after another, or may yet be.
    ///
    /// What was held begins with its sending; whatever else, in the order of the ids.
    package func isTwin(of other: Record) -> Bool {
        if state.isHeld { return true }
        guard sentAt != nil else { return false }
        guard hold != nil || other.hold != nil else { return id.raw > other.id.raw }
        return begunAt >= other.begunAt
    }
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
