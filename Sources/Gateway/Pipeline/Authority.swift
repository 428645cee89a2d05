/// Whether whoever began something may still go on with it: the one question of all that outlives the look at its
/// credential.
///
/// Calls that run long, callers who wait for an outcome, requests that wait for their turn and timers ask it again: a key
/// that is revoked, a session that ends, an organization that is suspended and a tool that its plan loses end them within
/// a second. It reads no SQL while nothing has changed.
///
///     a call waits for its turn to send     -> asked once more before its commit (`Operations`)
///     a payment waits to be sent again      -> before each sending; it ends, or goes on being asked about (`Sweeper`)
///     a caller waits for an outcome         -> every half second; the wait ends (`Operations`)
///     a file is made while it is saved      -> before each piece; what was saved is not whole
///     somebody follows the feed             -> every period, and before each piece; they are told that it ends
///     a function tool runs, or a timer does -> every half second; the host answers in its place (`PluginHost`), and what it
///                                              asks of the host afterwards is refused
struct Authority: Sendable {
    let authenticate: Authenticate
    let admit: AdmitOrganization
    let registry: ToolRegistry

    /// Asks about a call.
    ///
    /// - Throws: as the first three stages do now.
    func check(_ call: ToolCall, _ tool: ToolDescriptor) async throws(GatewayError) {
        let principal = try await authenticate.principal(
            for: call.credential,
            environment: call.environment,
            address: call.address,
            at: call.door
        )
        let membership = try await admit.membership(of: principal)
        try Authorize.check(tool, principal: principal, membership: membership)
        guard tool.annotations.movesMoney else { return }
        let policy = membership.organization.approvals
        let kind = principal.kind(at: call.door)
        let refusal = policy.refusal(tool: tool.name, madeBy: principal.subjectText, kind, at: admit.now)
        if let refusal { throw refusal }
    }

    /// Asks about a use of one of the host's own actions.
    ///
    /// - Returns: Who asked, with what they may do now.
    /// - Throws: as the first three stages do now.
    func check(_ call: ActionCall, _ rules: ActionRules) async throws(GatewayError) -> Principal {
        let principal = try await authenticate.principal(
            for: call.credential,
            environment: call.environment,
            address: call.address,
            at: call.door
        )
        let membership = try await admit.membership(
            of: principal,
            suspendedToo: rules.isOpenWhenSuspended,
            withoutFactor: rules.isAboutOneself
        )
        try Authorize.check(rules, principal: principal, membership)
        return principal
    }

    /// Asks about a payment that waits to be sent again, of which its record alone is left: whoever asked for it, and whoever
    /// let it go.
    ///
    /// - Returns: Why it is not sent any more; nil when it may be.
    /// - Throws: What may pass: a store that is away, an organization that may not call for now.
    func objection(to record: Record) async throws(GatewayError) -> String? {
        let maker = try await authenticate.inForce(record.madeBy, of: record.organization, in: record.environment)
        guard let maker else { return "Not sent again: whoever asked for it may do nothing any more." }
        if let doubt = try await authenticate.doubt(about: record) { return "Not sent again. \(doubt)" }
        let membership = try await admit.membership(of: maker)
        let entry = registry.snapshot.entry(record.tool, organization: record.organization, call: CallID(record.id.raw))
        // A plugin that is not loaded says for itself that it cannot send.
        guard let entry else { return nil }
        do throws(GatewayError) { try Authorize.check(entry.tool, principal: maker, membership: membership) } catch {
            return "Not sent again: whoever asked for it may not use \(record.tool) any more."
        }
        // A stop may be lifted again.
        let policy = membership.organization.approvals
        let refusal = policy.refusal(tool: record.tool, madeBy: record.madeBy, record.caller, at: admit.now)
        if let refusal { throw refusal }
        return nil
    }

    /// Asks about what goes on under a principal's name without a credential, such as a timer.
    ///
    /// - Returns: The principal with what it may do now, and by scopes no more than it might when it began: what it showed
    ///   then may have been a token that was narrower than its key. Nil where it may not act any more.
    /// - Throws: as the second stage does.
    func principal(_ one: Principal) async throws(GatewayError) -> Principal? {
        guard let principal = try await authenticate.inForce(one) else { return nil }
        _ = try await admit.membership(of: principal)
        return principal.held(to: one.scopes)
    }
}

extension Principal {
    /// The same with those of its scopes alone that are among these; nil names every one.
    fileprivate func held(to others: Set<String>?) -> Principal {
        guard let others, others != scopes else { return self }
        return Principal(
            organization: organization,
            subject: subject,
            name: name,
            role: role,
            scopes: scopes?.intersection(others) ?? others.subtracting(TokenIssuer.namedScopes),
            environment: environment,
            rules: rules,
            holders: holders,
            hasSecondFactor: hasSecondFactor,
            logIn: logIn,
            issued: issued
        )
    }
}
