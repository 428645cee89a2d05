extension LogIns {
    /// Ends the session that a token is of, for a page on which it began and which nobody else has the token of.
    ///
    /// It asks for no more than the token, and is no action that a limit could be in the way of: whoever leaves has left.
    /// - Throws: `unauthenticated` for anything but a good token; as the store does.
    package func leave(by token: Secret<String>, _ caller: Caller) async throws(GatewayError) {
        let claims = try await parts.tokens.verify(token.reveal(), at: parts.entropy.now())
        let (user, organization) = (claims.user, claims.organization)
        let hasEnded = try await directory.endSession(claims.session, of: user, organization: organization)
        parts.authenticate.forget()
        guard hasEnded else { return }
        try await parts.audit.append([line("SESSION_ENDED", .success, organization, "user:\(user)", caller)], usage: [])
    }
}
