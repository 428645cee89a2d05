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
        /// Whether whoever asked may let it leave, by saying once more that it is wanted.
        package let isConfirmation: Bool
        /// Whether the tool itself asks, and no rule: it waits on whatever rules say, unless they ask for more.
        package let isOfTool: Bool
        /// Whether they are asked to in the conversation that they asked for it in, so that no letter need say so at once.
        package var isAskedThere: Bool
        /// The log-in with whose token a program that decides for itself has asked: it does not confirm it as well.
        package var session: Identifier?
        /// Whom the token of an issuer was issued to that it was asked for with (`Principal.bearerText`): others who act as the
        /// same key do not confirm it; nil where whoever made it is known by that alone.
        package var bearer: String?

        /// States it.
        package init(
            role: Role,
            count: Int,
            isNewReceiver: Bool = false,
            people: Approvers? = nil,
            isConfirmation: Bool = false,
            isOfTool: Bool = false,
            isAskedThere: Bool = false,
            session: Identifier? = nil,
            bearer: String? = nil
        ) {
            self.role = role
            self.count = count
            self.isNewReceiver = isNewReceiver
            self.people = people
            self.isConfirmation = isConfirmation
            self.isOfTool = isOfTool
            self.isAskedThere = isAskedThere
            self.session = session
            self.bearer = bearer
        }
    }

    /// That whoever asked has said once more that it is wanted, and what they were shown.
    package struct Confirmation: Sendable, Equatable {
        /// Where it was said.
        package enum Way: String, Sendable, CaseIterable {
            /// In a form of the client's, in the conversation.
            case form
            /// By a person's own session, on the host's page too.
            case session
        }

        /// Who: whoever called, or the owner of the key that did.
        package let by: String
        /// When.
        package let at: Timestamp
        /// Where.
        package let way: Way
        /// What was shown, word for word.
        package let shown: String
        /// SHA-256 of arguments, words, tool and transaction, in hexadecimal.
        package let digest: String

        /// States it.
        package init(by: String, at: Timestamp, way: Way, shown: String, digest: String) {
            self.by = by
            self.at = at
            self.way = way
            self.shown = shown
            self.digest = digest
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
    /// How whoever asked has confirmed it, where that let it leave.
    package var confirmation: Confirmation?
    /// When those who are asked are told once more; nil once they were.
    package var remindAt: Timestamp?
    /// Why it will never be sent.
    package var withdrawal: Withdrawal?
    /// How many of its sendings were begun of which no byte has left.
    package var unsent = 0
    /// What its account was when it was asked for; nil for records of before that was kept.
    package var place: AccountPlace?
    /// Which earlier reversals of the same transaction whoever asked says did not move, though M-Pesa has not said so.
    package var unmoved: [RecordID] = []
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

extension Hold.Confirmation {
    /// Reads what is kept; nil for anything else.
    package init?(_ json: JSON?) {
        guard let json, let by = json["by"]?.stringValue, let at = json["at_ms"]?.integerValue,
            let way = json["way"]?.stringValue.flatMap(Way.init(rawValue:)), let shown = json["shown"]?.stringValue,
            let digest = json["sha256"]?.stringValue
        else { return nil }
        self.init(by: by, at: Timestamp(milliseconds: at), way: way, shown: shown, digest: digest)
    }

    /// As it is shown and kept.
    package var json: JSON {
        [
            "by": .string(by), "at_ms": .integer(at.milliseconds), "way": .string(way.rawValue),
            "shown": .string(shown), "sha256": .string(digest),
        ]
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
