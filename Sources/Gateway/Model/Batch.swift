/// Names a batch: what its maker calls it, or the host where nobody does.
///
/// Unique within an organization.
package struct BatchID: Hashable, Sendable, CustomStringConvertible {
    /// What an id looks like, for schemas.
    package static let pattern = "^[A-Za-z0-9][\\w.:-]{0,63}$"
    /// The same in words, for whoever wrote another.
    package static let form = "Letters, digits, dots, hyphens, colons and underscores; at most 64."
    /// The text of it.
    package let description: String

    /// Reads an id; nil for what is none.
    package init?(_ text: String) {
        let isPlain = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: false
            }
        }
        let isOther = { (byte: UInt8) in "._:-".utf8.contains(byte) }
        guard let first = text.utf8.first, isPlain(first), text.utf8.count <= 64,
            text.utf8.allSatisfy({ isPlain($0) || isOther($0) })
        else { return nil }
        description = text
    }
}

/// Where a batch stands.
///
/// Its items stand where they stand: releasing, pausing and stopping change one row.
///
///     draft --release--> running <--> paused
///       \                  |  \________/ |
///        \                 |             |
///         '--> cancelled   '-> broken, cancelled, completed
package enum BatchState: String, Sendable, CaseIterable {
    /// Whole and counted; nothing is sent until somebody lets it leave.
    case draft
    /// Its items are being sent, one after another.
    case running
    /// Nothing more leaves until a person lets it go on.
    case paused
    /// Somebody took back what has not left.
    case cancelled
    /// M-Pesa refused the organization's credentials: what has not left never will.
    case broken
    /// Every item has ended.
    case completed
}

/// Who may let a batch leave.
package enum BatchReleaser: String, Sendable, CaseIterable {
    /// A person of the tool's role, by a session of their own.
    case person
    /// Such a person, and neither who made it nor who made the key that did.
    case another
}

/// Many payments that are made, released and stopped together.
package struct Batch: Sendable, Equatable {
    /// Names it.
    package let id: BatchID
    /// Whose it is.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// The tool whose items they are.
    package let tool: String
    /// The account that they go through.
    package let accountName: AccountName
    /// What its maker calls it.
    package let name: String
    /// Who made it: `user:<id>` or `key:<id>`.
    package let madeBy: String
    /// Whether an agent made it.
    package let isByAgent: Bool
    /// The log-in with whose token a program that decides for itself has made it: it does not let it leave as well.
    package var session: Identifier?
    /// When it was made.
    package let createdAt: Timestamp
    /// Of everything that it says: another batch of the same id is refused by it.
    package let digest: [UInt8]
    /// Of its items alone: the same ones under another id are asked about.
    package let content: [UInt8]
    /// How many items it was made with.
    package let itemsMade: Int
    /// What those sum to, in shillings.
    package let totalMade: Int64
    /// By the wall clock: nothing leaves before.
    package let notBefore: Timestamp?
    /// The rows that repeat an earlier payment, as somebody confirmed.
    package let confirmedRows: Int
    /// The batch that this one repeats, as somebody confirmed.
    package let repeats: BatchID?
    /// The batch whose payments it tries again; nil where it tries none.
    package var retryOf: BatchID?
    /// Who may let it leave.
    package let releaser: BatchReleaser
    /// Why it waits, for people; nil where it does not.
    package let heldBecause: String?
    /// Whom a rule asked when it was made; the rules are asked anew when it leaves.
    package let asked: Hold.Asked?

    /// Where it stands.
    package var state: BatchState
    /// Counts up with each committed change.
    package var version = 1
    /// When what has not left is withdrawn by itself.
    package var until: Timestamp
    /// When those who may let it go on are told once more; nil once they were, and where they are not.
    package var remindAt: Timestamp?
    /// Who released, paused or stopped it last: `user:<id>`, `key:<id>` or `host`.
    package var decidedBy: String?
    /// Who let it leave.
    package var releasedBy: String?
    /// Who has agreed to its leaving, or let it leave together, as `user:<id>`.
    package var approvers: [String] = []
    /// When its rows were last asked about since it was made, and which of them somebody has confirmed then.
    package var looked: Looked?
    /// The rows that were taken out of it while it waited, the earliest first.
    package var strikes: [Strike] = []
    /// Why it was paused or stopped, for people.
    package var reason: String?
    /// What becomes of the items that have not left, once it is stopped.
    package var withdrawal: Hold.Withdrawal?
    /// When every item had ended.
    package var endedAt: Timestamp?

    /// Makes a batch as it is first committed.
    package init(
        id: BatchID,
        organization: OrganizationID,
        environment: Environment,
        tool: String,
        accountName: AccountName,
        name: String,
        madeBy: String,
        isByAgent: Bool,
        createdAt: Timestamp,
        digest: [UInt8],
        content: [UInt8],
        items: Int,
        total: Int64,
        notBefore: Timestamp?,
        confirmedRows: Int,
        repeats: BatchID?,
        releaser: BatchReleaser,
        heldBecause: String?,
        asked: Hold.Asked? = nil,
        state: BatchState,
        until: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.environment = environment
        self.tool = tool
        self.accountName = accountName
        self.name = name
        self.madeBy = madeBy
        self.isByAgent = isByAgent
        self.createdAt = createdAt
        self.digest = digest
        self.content = content
        itemsMade = items
        totalMade = total
        self.notBefore = notBefore
        self.confirmedRows = confirmedRows
        self.repeats = repeats
        self.releaser = releaser
        self.heldBecause = heldBecause
        self.asked = asked
        self.state = state
        self.until = until
    }

    /// Whether the same payments once more are asked about for its sake: it may pay yet, was made since, or has left and ended
    /// since.
    package func stands(since moment: Timestamp) -> Bool {
        guard let endedAt, createdAt < moment else { return true }
        return releasedBy != nil && endedAt >= moment
    }

    /// Whether nobody let it leave in time, and it was stopped for that.
    package var hasExpired: Bool { state == .cancelled && withdrawal == .expired }

    /// Whether it waits for a person.
    package var isWaiting: Bool { state == .draft || state == .paused }

    /// When something is to be done about it at the soonest, as far as its row says.
    package var nextAt: Timestamp { isWaiting ? min(remindAt ?? until, until) : Timestamp(milliseconds: 0) }

    /// Lets it wait for people until a moment; they are told once more when three quarters of the time are over, or
    /// sooner, when others may stand in for them.
    package mutating func wait(from now: Timestamp, until moment: Timestamp) {
        let most = (moment - now) * 3 / 4
        (until, remindAt) = (moment, now + min(most, asked?.people?.standInAfter ?? most))
    }

    /// The account of its items.
    package var account: AccountID {
        AccountID(organization: organization, environment: environment, name: accountName)
    }
}

extension Batch {
    /// That somebody who may let it leave has taken rows out of it: the rest is what people agree to.
    package struct Strike: Sendable, Equatable {
        /// Who, as `user:<id>`.
        package let by: String
        /// When.
        package let at: Timestamp
        /// Why, for people.
        package let reason: String
        /// How many rows.
        package let rows: Int
        /// What they sum to, in shillings.
        package let amount: Int64

        /// States it.
        package init(by who: String, at moment: Timestamp, reason: String, rows: Int, amount: Int64) {
            by = who
            at = moment
            self.reason = reason
            self.rows = rows
            self.amount = amount
        }
    }

    /// How many items it is to pay: those that it was made with, without those that were struck.
    package var items: Int { itemsMade - strikes.reduce(0) { $0 + $1.rows } }
    /// What they sum to, in shillings; never more is paid.
    package var total: Int64 { totalMade - strikes.reduce(0) { $0 + $1.amount } }

    /// That rows were asked about once more before they leave.
    package struct Looked: Sendable, Equatable {
        /// When.
        package let at: Timestamp
        /// The rows that repeat another payment, as somebody confirmed by then.
        package let rows: Set<Int>

        /// States it.
        package init(at: Timestamp, rows: Set<Int> = []) {
            self.at = at
            self.rows = rows
        }
    }
}

/// An item's place in its batch: fixed when it is made.
package struct BatchPlace: Sendable, Equatable {
    /// The batch.
    package let batch: BatchID
    /// 1, 2, 3 … in the order in which the items were made: the rows first, then those that are tried again.
    package let sequence: Int
    /// The row of the list that it stands for, from 1; 0 where that can no longer be read.
    package let row: Int
    /// Who confirmed that it repeats an earlier payment; nil where it does not.
    package let confirmedBy: String?
    /// The item that it tries again: one that failed in the same batch, or that ended unpaid in another.
    package let retryOf: RecordID?
    /// The other batch; nil for what is tried again within its own, or is no retry.
    package let retryOfBatch: BatchID?

    /// Whether its own batch tries it again, under the word that let that leave.
    package var isTriedAgain: Bool { retryOf != nil && retryOfBatch == nil }

    /// States a place.
    package init(
        batch: BatchID,
        sequence: Int,
        row: Int,
        confirmedBy: String? = nil,
        retryOf: RecordID? = nil,
        retryOfBatch: BatchID? = nil
    ) {
        self.batch = batch
        self.sequence = sequence
        self.row = row
        self.confirmedBy = confirmedBy
        self.retryOf = retryOf
        self.retryOfBatch = retryOfBatch
    }
}

/// That an item which ended unpaid is tried again by another batch.
package struct BatchRetry: Sendable, Equatable {
    /// The item that ended.
    package let item: RecordID
    /// The one that tries it again.
    package let retry: RecordID
    /// Its batch.
    package let batch: BatchID

    /// States it.
    package init(item: RecordID, retry: RecordID, batch: BatchID) {
        self.item = item
        self.retry = retry
        self.batch = batch
    }
}
