/// Whether whoever began something may still go on with it: the one question of all that outlives the look at its
/// credential.
///
/// Calls that run long, callers who wait for an outcome, requests that wait for their turn and timers ask it again: a key
/// that is revoked, a session that ends, an organization that is suspended and a tool that its plan loses end them within
/// a second. It reads no SQL while nothing has changed.
///
///     a call waits for its turn to send     -> asked once more before its commit (`Operations`)
///     a caller waits for an outcome         -> every half second; the wait ends (`Operations`)
///     a function tool runs, or a timer does -> every half second; the host answers in its place (`PluginHost`), and what it
///                                              asks of the host afterwards is refused
struct Authority: Sendable {
    let authenticate: Authenticate
    let admit: AdmitOrganization

    /// Asks about a call.
    ///
    /// - Throws: as the first three stages do now.
    func check(_ call: ToolCall, _ tool: ToolDescriptor) async throws(GatewayError) {
        let principal = try await authenticate.principal(
            for: call.credential,
            environment: call.environment,
            address: call.address
        )
        try Authorize.check(tool, principal: principal, membership: try await admit.membership(of: principal))
    }

    /// Asks about what goes on under a principal's name without a credential, such as a timer.
    ///
    /// - Returns: The principal with what it may do now; nil where it may not act any more.
    /// - Throws: as the second stage does.
    func principal(_ one: Principal) async throws(GatewayError) -> Principal? {
        guard let principal = try await authenticate.inForce(one) else { return nil }
        _ = try await admit.membership(of: principal)
        return principal
    }
}
