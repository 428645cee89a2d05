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
        /// As it would be committed: tool, direction, amount and the other side; and what kind of caller asks.
        package let record: Record
    }

    /// Decides about a call; nil lets it leave at once.
    package typealias Judge = @Sendable (Asked) async throws(GatewayError) -> HoldOrder?

    private let judge: Judge?

    /// Makes the stage; without a judge everything may leave at once.
    package init(judge: Judge? = nil) { self.judge = judge }

    /// Refuses a tool whose descriptor asks for approval: the loader does not publish such a tool yet, and this holds
    /// even if it did.
    ///
    /// - Throws: `approvalRequired`.
    static func check(_ tool: ToolDescriptor) throws(GatewayError) {
        guard tool.approvalAmount == nil else {
            throw GatewayError(
                .approvalRequired,
                "\(tool.name) must be approved first, and this host cannot do that yet."
            )
        }
    }

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
        guard let judge else { return nil }
        return try await judge(Asked(principal: work.principal, membership: work.membership, record: record))
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
