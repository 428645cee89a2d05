import OrderedJSON

/// What a call would meet at the stages whose answer changes by the hour: what is stopped, limits, quotas, rules.
///
/// It asks the very rules that refuse a call, and counts, keeps and sends nothing: `keys.explain` shows it.
package struct CallOutlook: Sendable {
    /// A call that nobody makes.
    package struct Call: Sendable {
        let entry: ToolRegistry.Entry
        let principal: Principal
        let membership: DirectoryCache.Membership
        let door: Door
        let amount: Shillings?
        let receiver: String?

        /// States it; what is not said of amount and receiver is asked of neither.
        package init(
            _ entry: ToolRegistry.Entry,
            by principal: Principal,
            _ membership: DirectoryCache.Membership,
            at door: Door,
            amount: Shillings? = nil,
            receiver: String? = nil
        ) {
            self.entry = entry
            self.principal = principal
            self.membership = membership
            self.door = door
            self.amount = amount
            self.receiver = receiver
        }

        fileprivate var tool: ToolDescriptor { entry.tool }
        fileprivate var caller: CallerKind { principal.kind(at: door) }
        fileprivate var policy: ApprovalPolicy { membership.organization.approvals }

        /// As a record of it would be committed, as far as limits look at it.
        fileprivate func record(_ id: Identifier, at now: Timestamp) -> Record {
            Record(
                id: RecordID(id),
                organization: principal.organization,
                environment: principal.environment,
                recordClass: .transaction,
                plugin: entry.plugin.id,
                operation: "",
                tool: tool.name,
                direction: entry.direction,
                madeBy: principal.subjectText,
                intent: Intent(amount: amount, party: receiver),
                about: nil,
                createdAt: now,
                query: nil,
                sendBefore: now,
                request: RequestTemplate(body: .null)
            )
        }
    }

    /// What one rule says.
    package struct Finding: Sendable {
        /// The rule's name.
        package let rule: String
        /// Whether it lets the call pass.
        package let passes: Bool
        /// Why, in a sentence.
        package let why: String

        fileprivate init(_ rule: String, _ refusal: GatewayError?, else why: String) {
            self.rule = rule
            passes = refusal == nil
            self.why = refusal?.message ?? why
        }
    }

    let limit: LimitRate
    let concurrency: LimitConcurrency
    let quotas: Quotas?
    let records: any RecordRepository
    let entropy: Entropy

    /// Asks every rule, in the order in which a call meets them.
    package func findings(on call: Call) async throws(GatewayError) -> [Finding] {
        var findings = [
            Finding(
                "rate",
                limit.refusal(of: call.tool, call.principal, call.membership),
                else: "Its limits leave room."
            ),
            try await quota(call), places(call),
        ]
        guard call.tool.annotations.movesMoney else { return findings }
        let stop = call.policy.refusal(
            tool: call.tool.name,
            madeBy: call.principal.subjectText,
            call.caller,
            at: entropy.now()
        )
        findings.append(idempotencyKey(call))
        findings.append(Finding("stop", stop, else: "Nothing that would stop it is stopped."))
        findings.append(approval(call))
        findings.append(try await limits(call))
        return findings
    }

    private func places(_ call: Call) -> Finding {
        let ceilings = call.membership.ceilings
        let refusal = concurrency.refusal(of: call.tool, organization: call.principal.organization, ceilings)
        let bounds = [
            call.tool.concurrencyMax.map { "At most \($0) of them run at once for the organization." },
            ceilings.callsMax.map { "At most \($0) calls of the organization run at once." },
        ]
        let why = bounds.compactMap { $0 }.joined(separator: " ")
        return Finding("concurrency", refusal, else: why.isEmpty ? "Any number may run at once." : why)
    }

    private func quota(_ call: Call) async throws(GatewayError) -> Finding {
        let counted = call.tool.annotations.movesMoney ? Ceilings.Counted.money : call.tool.bucket
        let states = try await quotas?.states(of: call.membership) ?? []
        guard let state = states.first(where: { $0.counted == counted }) else {
            return Finding("quota", nil, else: "There is no quota of \(counted).")
        }
        let cost = call.tool.annotations.movesMoney ? 1 : call.tool.cost
        return Finding(
            "quota",
            state.used + cost > state.limit
                ? GatewayError(.rateLimited, "The month's \(state.limit) are used up.") : nil,
            else: "\(state.used) of the month's \(state.limit) \(counted) calls are used."
        )
    }

    /// Told, and nothing that refuses: no call is there that lacks one.
    private func idempotencyKey(_ call: Call) -> Finding {
        let isNeeded = call.tool.requiresIdempotencyKey || call.membership.organization.requiresIdempotencyKey
        return Finding("idempotency_key", nil, else: "The call must name one: \(isNeeded ? "yes" : "no").")
    }

    // MARK: The organization's own rules

    private func approval(_ call: Call) -> Finding {
        let rules = call.policy.rules(at: entropy.now())
        let decide = { (isNew: Bool) in
            var asked = ApprovalRule.Case(
                caller: call.caller,
                direction: call.entry.direction,
                tool: call.tool.name,
                amount: call.amount?.amount ?? 0,
                isNewReceiver: isNew
            )
            asked.isOfAskingTool = call.tool.needsApproval
            return ApprovalDecision(about: asked, by: rules)
        }
        let (known, new) = (decide(false), decide(true))
        let isAlone = call.policy.mandate(of: call.principal.subjectText)?.permits(at: entropy.now()) ?? false
        if isAlone, known.isByDefault, new.isByDefault {
            return Finding("approval", nil, else: "It leaves at once, within the mandate of its key.")
        }
        var why = CallOutlook.sentence(known)
        if known != new { why += " For a receiver who has not been paid before: \(CallOutlook.sentence(new))" }
        let isRefused = known.outcome == .refuse
        return Finding("approval", isRefused ? GatewayError(.permissionDenied, why) : nil, else: why)
    }

    private static func sentence(_ decision: ApprovalDecision) -> String {
        switch decision.outcome {
        case .allow: "It leaves at once."
        case .refuse: "It is refused by \(decision.name)."
        case .confirm: "It waits until whoever asks for it confirms it: \(decision.name)."
        case .approve:
            "It waits until \(decision.rule?.count ?? 1) of the role \(decision.rule?.role.rawValue ?? "manager") or "
                + "higher approve it: \(decision.name)."
        }
    }

    private func limits(_ call: Call) async throws(GatewayError) -> Finding {
        let now = entropy.now()
        var policy = ApprovalPolicy(limits: call.policy.bounds(at: now))
        let namesReceivers = call.receiver == nil && policy.limits.contains { $0.receivers != nil }
        if namesReceivers { for index in policy.limits.indices { policy.limits[index].receivers = nil } }
        let record = call.record(entropy.identifier(), at: now)
        let claims: [LimitClaim]
        do throws(GatewayError) {
            claims = try policy.claims(of: record, by: call.principal, within: call.membership.ceilings, at: now)
        } catch {
            return Finding("limits", error, else: "")
        }
        var left = "No limit of the organization's is in the way."
        for claim in claims where call.receiver != nil || !claim.place.isOfReceiver {
            let moved = try await records.moved(at: claim.place)
            guard claim.holds(after: moved) else {
                return Finding("limits", MoneyLimit.refused("what it allows for a day is used up"), else: "")
            }
            left += " Today \(moved.amount) shillings by \(moved.calls) calls have been counted (\(claim.place.scope))."
        }
        if namesReceivers { left += " Only some receivers are allowed: name one by receiver." }
        return Finding("limits", nil, else: left)
    }
}
