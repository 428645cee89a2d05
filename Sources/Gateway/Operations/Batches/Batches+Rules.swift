// What the organization says of a batch: asked when it is made, and anew whenever somebody lets it leave.
extension Batches {
    /// Whether a person may let a batch leave, by the rules as they are now and its whole sum.
    ///
    /// Whether a receiver is new is not looked at row by row: what is asked for new ones or for known ones is asked.
    /// - Returns: Whom a rule asks; nil where any one person may.
    /// - Throws: `permissionDenied`.
    func checkMayRelease(_ batch: Batch, by principal: Principal) async throws(GatewayError) -> Hold.Asked? {
        guard !batch.isByThisLogIn(principal) else { throw Batches.sameLogIn }
        let now = entropy.now()
        guard let organization = try await directory.organization(batch.organization) else {
            throw GatewayError(.notFound, "There is no such organization.")
        }
        let policy = organization.approvals
        let refusal = policy.refusal(tool: batch.tool, madeBy: batch.madeBy, batch.caller, at: now)
        if let refusal { throw refusal }
        let entry = registry.snapshot.entry(
            batch.tool,
            organization: batch.organization,
            call: CallID(entropy.identifier())
        )
        let decision = batch.decision(by: policy.rules(at: now), entry)
        var needsAnother = batch.releaser == .another
        var asked: Hold.Asked?
        switch decision.outcome {
        // A batch leaves by a person's own session alone, and never by the one that an agent made it with: that is as good
        // as a confirmation.
        case .allow, .confirm: break
        case .refuse: throw GatewayError(.permissionDenied, "This is refused by \(decision.name). Nothing was sent.")
        case .approve:
            needsAnother = true
            guard let rule = decision.rule, principal.role >= rule.role else {
                throw GatewayError(
                    .permissionDenied,
                    "\(decision.name) asks for the role \(decision.rule?.role.rawValue ?? "org_admin") or higher."
                )
            }
            asked = Hold.Asked(role: rule.role, count: rule.count, people: rule.people)
            if let people = rule.people {
                try await check(people, may: principal, release: batch, policy.away(at: now))
            }
        }
        guard needsAnother else { return asked }
        try await checkIsAnother(principal, than: batch)
        try await directory.checkMayAgree(principal, at: now)
        try await directory.checkAreApart(batch.madeBy, principal.subjectText, of: batch.organization, at: now)
        return asked
    }

    /// Whoever has given a program their token has not given it their word.
    private static let sameLogIn = GatewayError(
        .permissionDenied,
        "A program asked for this batch with this very log-in: log in anew to let it leave."
    )

    /// Whether somebody is asked about a batch, or stands in for who is.
    private func check(
        _ people: Approvers,
        may principal: Principal,
        release batch: Batch,
        _ away: Set<UserID>
    ) async throws(GatewayError) {
        // What is paused waits anew.
        let since = batch.state == .paused ? batch.until + settings.waitsFor * -1 : batch.createdAt
        let call = Approvers.Call(
            organization: batch.organization,
            madeBy: batch.madeBy,
            agreed: batch.approvers,
            since: since,
            away: away
        )
        try await directory.check(people, call, principal, at: entropy.now())
    }

    /// Whether somebody who has agreed to a batch's leaving may do so still: active, of the role that is asked for,
    /// with a second factor.
    func mayAgree(_ who: String, _ asked: Hold.Asked?, _ batch: Batch) async throws(GatewayError) -> Bool {
        let found = try await authenticate.inForce(who, of: batch.organization, in: batch.environment)
        guard asked?.people?.includes(who) ?? true else { return false }
        return found.map { $0.role >= asked?.role ?? .manager && $0.hasSecondFactor } ?? false
    }
}

extension Batch {
    /// What rules ask of its whole sum, for new receivers and for known ones.
    func decision(by rules: [ApprovalRule], _ entry: ToolRegistry.Entry?) -> ApprovalDecision {
        var call = ApprovalRule.Case(
            caller: caller,
            direction: entry?.direction ?? .outgoing,
            tool: tool,
            amount: total,
            isNewReceiver: true
        )
        call.isOfAskingTool = entry?.tool.needsApproval ?? false
        return ApprovalDecision(aboutMany: call, by: rules)
    }

    /// Whether a program that decides for itself has made it, or called at all, with the very log-in that is shown now.
    func isByThisLogIn(_ principal: Principal) -> Bool {
        principal.logIn?.isAgents ?? false || session.map { $0 == principal.session } ?? false
    }

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
