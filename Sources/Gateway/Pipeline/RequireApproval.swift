/// Seventh stage: whether a person must release this first.
///
/// It is asked once the plugin has said what the call would move, and before anything is committed: what must wait is
/// committed as a draft, and whoever calls sees at once that it waits, for what and until when.
package struct RequireApproval: Sendable {
    /// What a call would move.
    package struct Asked: Sendable {
        /// Who calls.
        package let principal: Principal
        /// Their organization and its plan.
        package let membership: DirectoryCache.Membership
        /// What is called.
        package let tool: ToolDescriptor
        /// As it would be committed: tool, direction, amount and the other side; and what kind of caller asks.
        package let record: Record
    }

    /// Decides about a call; nil lets it leave at once.
    package typealias Judge = @Sendable (Asked) async throws(GatewayError) -> HoldOrder?

    private let judge: Judge

    /// Makes the stage.
    package init(judge: @escaping Judge) { self.judge = judge }

    /// Whether and until when what was planned must wait.
    ///
    /// What moves no money never does.
    /// - Throws: As the judge does, when it may not be done at all.
    func order(for record: Record, _ work: Dispatch.Work) async throws(GatewayError) -> HoldOrder? {
        guard record.recordClass == .transaction else { return nil }
        let policy = work.membership.organization.approvals
        // It was planned just now.
        let refusal = policy.refusal(
            tool: record.tool,
            madeBy: record.madeBy,
            work.caller,
            at: record.createdAt
        )
        if let refusal { throw refusal }
        return try await judge(
            Asked(
                principal: work.principal,
                membership: work.membership,
                tool: work.entry.tool,
                record: record
            )
        )
    }
}

/// That something must wait for a person.
package struct HoldOrder: Sendable, Equatable {
    /// Why, for people.
    package let reason: String
    /// When it is withdrawn unless somebody has released it.
    package let until: Timestamp
    /// Whom a rule asks; nil where something else holds it.
    package let asked: Hold.Asked?

    /// States it.
    package init(reason: String, until: Timestamp, asked: Hold.Asked? = nil) {
        self.reason = reason
        self.until = until
        self.asked = asked
    }
}
