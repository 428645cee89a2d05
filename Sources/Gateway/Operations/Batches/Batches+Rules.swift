// What the organization says of a batch: asked when it is made, and anew whenever somebody lets it leave.
extension Batches {
    /// A batch is let go by one person, so a rule that asks for several refuses it.
    ///
    /// - Throws: `permissionDenied`.
    static func checkCount(_ asked: Int, _ reason: String) throws(GatewayError) {
        guard asked > 1 else { return }
        throw GatewayError(
            .permissionDenied,
            "A batch is let go by one person, and a rule asks for \(asked): \(reason) Pay in single calls."
        )
    }

    /// Whether a person may let a batch leave, by the rules as they are now and its whole sum.
    ///
    /// Whether a receiver is new is not looked at row by row: a rule about new ones is about every batch.
    /// - Throws: `permissionDenied`.
    func checkMayRelease(_ batch: Batch, by principal: Principal) async throws(GatewayError) {
        let now = entropy.now()
        guard let organization = try await directory.organization(batch.organization) else {
            throw GatewayError(.notFound, "There is no such organization.")
        }
        let policy = organization.approvals
        if let refusal = policy.refusal(tool: batch.tool, madeBy: batch.madeBy, batch.caller) { throw refusal }
        let call = ApprovalRule.Case(
            caller: batch.caller,
            direction: .outgoing,
            tool: batch.tool,
            amount: batch.total,
            isNewReceiver: true
        )
        let decision = ApprovalDecision(about: call, by: policy.rules(at: now))
        var needsAnother = batch.releaser == .another
        switch decision.outcome {
        case .allow: break
        case .refuse: throw GatewayError(.permissionDenied, "This is refused by \(decision.name). Nothing was sent.")
        case .approve:
            needsAnother = true
            try Batches.checkCount(decision.rule?.count ?? 1, decision.name + ".")
            guard let role = decision.rule?.role, principal.role >= role else {
                throw GatewayError(
                    .permissionDenied,
                    "\(decision.name) asks for the role \(decision.rule?.role.rawValue ?? "org_admin") or higher."
                )
            }
        }
        guard needsAnother else { return }
        try await checkIsAnother(principal, than: batch)
        try await directory.checkMayAgree(principal, at: now)
        try await directory.checkAreApart(batch.madeBy, principal.subjectText, of: batch.organization, at: now)
    }
}

extension Batch {
    /// What kind of caller asked for it.
    var caller: CallerKind? {
        if isByAgent { return .agent }
        switch Principal.Subject(madeBy) {
        case .user?: return .person
        case .apiKey?: return .machine
        case nil: return nil
        }
    }
}
