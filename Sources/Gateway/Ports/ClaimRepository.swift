/// Where claims end that mean nothing any more: idempotency keys that have expired, guards whose time has passed and
/// whose record has ended.
///
/// They are free already, and whoever claims next takes them (`RecordRepository.commit`); what is not claimed again would
/// stay for ever. Implemented by `Store`. Any organization's, for `ClaimSweeper` only.
package protocol ClaimRepository: Sendable {
    /// Forgets what has ended by `moment` among the next `limit` claims after a place, in the order of their keys.
    ///
    /// The key of a transaction that was sent and did not succeed is kept until that had ended by `late`: a success that
    /// comes late makes it count again.
    /// - Returns: How many were forgotten, and where the next slice begins; nil after the last claim.
    func forgetClaims(
        after place: ClaimPlace,
        limit: Int,
        endedBy moment: Timestamp,
        late: Timestamp
    ) async throws(GatewayError) -> (forgotten: Int, next: ClaimPlace?)
}

/// How far a walk over all claims has come.
package struct ClaimPlace: Sendable, Equatable {
    /// What is walked over, in this order.
    package enum Kind: Sendable, CaseIterable {
        /// Idempotency keys.
        case idempotency
        /// Guards' slots.
        case guards
    }

    /// What is walked over.
    package let kind: Kind
    /// The last key seen: organization, environment and key, as they are stored; empty before the first.
    package let organization: String
    /// See `organization`.
    package let environment: String
    /// See `organization`.
    package let key: String

    /// Names a place; without a key the beginning.
    package init(_ kind: Kind, organization: String = "", environment: String = "", key: String = "") {
        self.kind = kind
        self.organization = organization
        self.environment = environment
        self.key = key
    }
}
