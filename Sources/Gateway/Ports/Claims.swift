/// What makes a key mean the same call.
package struct IdempotencyClaim: Sendable, Equatable {
    /// Unique per organization and environment.
    ///
    /// Callers' keys and keys the host derives never meet: their texts begin differently.
    package let key: String
    /// SHA-256 of tool and canonical arguments.
    package let fingerprint: [UInt8]
    /// How long it counts once its record has ended; it always counts before.
    package let retention: Duration
    /// Whether the host derived it, because the caller gave none.
    package let isDerived: Bool

    /// Makes a claim.
    package init(key: String, fingerprint: [UInt8], retention: Duration, isDerived: Bool) {
        self.key = key
        self.fingerprint = fingerprint
        self.retention = retention
        self.isDerived = isDerived
    }

    /// The key under which one that a caller gave is claimed.
    package static func key(givenAs text: String) -> String { "key:" + text }
}

/// A claim that was taken, and where its record stands: the one place that says for how long a key means the same call.
package struct IdempotencyEntry: Sendable, Equatable {
    /// Where a record stands, as far as its key must know.
    package struct Standing: Sendable, Equatable {
        /// Its state.
        package let state: RecordState
        /// Which way its money goes.
        package let direction: OperationDirection
        /// When it was committed.
        package let createdAt: Timestamp
        /// When it ended.
        package let endedAt: Timestamp?
        /// From when on its derived key no longer counts all the same.
        package let releasedAt: Timestamp?
        /// Whether any byte of its request may have left.
        package let wasSent: Bool
        /// Whether M-Pesa contradicts itself about it.
        package let isDisputed: Bool

        /// States where it stands.
        package init(
            state: RecordState,
            direction: OperationDirection,
            createdAt: Timestamp,
            endedAt: Timestamp?,
            releasedAt: Timestamp? = nil,
            wasSent: Bool,
            isDisputed: Bool = false
        ) {
            self.state = state
            self.direction = direction
            self.createdAt = createdAt
            self.endedAt = endedAt
            self.releasedAt = releasedAt
            self.wasSent = wasSent
            self.isDisputed = isDisputed
        }
    }

    /// What a call with the key is.
    package enum Answer: Sendable, Equatable {
        /// A new one: the key may be claimed as if it had never been used.
        case free
        /// The same one again: its record is shown, nothing is sent.
        case replay
        /// Another one: the key was used for other arguments.
        case reused
        /// The same as one of more than a day ago that has not ended, and nobody gave a key that says so.
        case stillOpen
    }

    /// As claimed.
    package let claim: IdempotencyClaim
    /// The record that took it.
    package let record: RecordID
    /// Where that record stands now.
    package let standing: Standing

    /// Makes an entry.
    package init(claim: IdempotencyClaim, record: RecordID, standing: Standing) {
        self.claim = claim
        self.record = record
        self.standing = standing
    }

    /// For how long a call without a key is taken for the same one while its record is open.
    private static let derivedOpenMax: Duration = .seconds(86_400)

    /// What a call is that claims the same key.
    package func answer(to claim: IdempotencyClaim, at now: Timestamp) -> Answer {
        guard counts(at: now) else { return .free }
        guard self.claim.fingerprint == claim.fingerprint else { return .reused }
        let isOld =
            self.claim.isDerived && !standing.state.isEnded
            && now - standing.createdAt > IdempotencyEntry.derivedOpenMax
        return isOld ? .stillOpen : .replay
    }

    /// A key never expires while its record has not ended.
    ///
    /// A given one then counts for its retention, whatever the end; a derived one for money in only after a payment,
    /// for money out after whatever end. Of what was never sent nothing counts, but for what was held: who was told that
    /// it waits must not be able to ask for it again by the way.
    private func counts(at now: Timestamp) -> Bool {
        if standing.state == .rejected && !standing.wasSent { return false }
        if claim.isDerived, let released = standing.releasedAt, released <= now { return false }
        guard standing.state.isEnded, let endedAt = standing.endedAt else { return true }
        if claim.isDerived, standing.direction == .incoming, standing.state != .withdrawn {
            let isPaid = standing.state == .succeeded || standing.state == .reversed
            guard isPaid || standing.isDisputed else { return false }
        }
        return now < endedAt + claim.retention
    }
}

/// One movement of money has one receipt: who takes it, for a short code and a direction.
package struct ReceiptClaim: Sendable, Equatable {
    /// The short code.
    package let account: String
    /// Which way the money went.
    package let direction: OperationDirection
    /// M-Pesa's receipt.
    package let receipt: String

    /// Makes a claim.
    package init(account: String, direction: OperationDirection, receipt: String) {
        self.account = account
        self.direction = direction
        self.receipt = receipt
    }
}

/// A customer and an amount that nothing more is asked for, or paid out, until a moment.
package struct PartyHold: Sendable, Equatable {
    /// Which way the money goes that is held.
    package let direction: OperationDirection
    /// The customer, or who is paid.
    package let party: String
    /// The amount.
    package let amount: Shillings
    /// Until when.
    package let until: Timestamp

    /// Makes a hold.
    package init(direction: OperationDirection = .incoming, party: String, amount: Shillings, until: Timestamp) {
        self.direction = direction
        self.party = party
        self.amount = amount
        self.until = until
    }
}
