/// Sessions that go on by refresh tokens: a short access token, and a refresh token that counts once.
///
///     generation G is shown       -> G + 1 is the session's; the pair of G is void
///     G - 1 is shown, just after  -> its answer was lost: the pair of G once more
///     an older one, or G - 1 later -> somebody has a copy: the session ends, whoever holds what
extension LogIns {
    /// A new pair for whoever shows a session's refresh token.
    ///
    /// - Throws: `unauthenticated` for anything but a good one, in the same words; a text of ours that was replaced ends
    ///   its session, which stands in the audit.
    package func refresh(by text: Secret<String>, _ caller: Caller) async throws(GatewayError) -> Session {
        do throws(GatewayError) {
            let session = try await goOn(text, caller)
            parts.metrics.count(door: .rest, what: "auth.refresh", error: nil)
            return session
        } catch {
            parts.metrics.count(door: .rest, what: "auth.refresh", error: error)
            throw error
        }
    }

    private func goOn(_ text: Secret<String>, _ caller: Caller) async throws(GatewayError) -> Session {
        // A text that is not ours costs no query, and ends nothing.
        guard let claims = parts.refreshTokens.claims(text) else { throw LogIns.notRefreshed }
        // Two that show the same text at once: one replaces it, the other finds it replaced just now.
        for _ in 0..<2 {
            let now = parts.entropy.now()
            let known = try await holder(of: claims, at: now)
            let (user, organization, session) = (known.user, known.organization, known.session)
            guard let madeAt = session.refreshedAt else { throw LogIns.notRefreshed }
            switch session.generation - claims.generation {
            case 0:
                try parts.throttle.begin(refreshOf: session.id)
                var next = session
                next.generation += 1
                next.refreshedAt = now
                next.expiresAt = settings.end(of: session, at: now)
                guard try await directory.advance(next, from: claims.generation) else { continue }
                parts.authenticate.forget()
                try write("TOKEN_REFRESHED", user, caller)
                return try await pair(of: next, user, organization, now)
            case 1 where now < madeAt + settings.retryGrace:
                return try await pair(of: session, user, organization, now)
            case 1...:
                try await end(session, because: "REFRESH_TOKEN_REUSED", user, caller)
                throw LogIns.notRefreshed
            default:
                // Newer than the store: it was set back, and nobody has copied anything.
                throw LogIns.notRefreshed
            }
        }
        throw LogIns.notRefreshed
    }

    private struct Holder {
        let user: User
        let organization: Organization
        let session: UserSession
    }

    private func holder(of claims: RefreshTokens.Claims, at now: Timestamp) async throws(GatewayError) -> Holder {
        guard let user = try await directory.user(claims.user, organization: claims.organization), user.isActive,
            user.sessionEpoch == claims.epoch,
            let session = try await directory.session(
                claims.session,
                of: claims.user,
                organization: claims.organization
            ),
            now < session.expiresAt,
            let organization = try await directory.organization(user.organization), organization.isActive
        else { throw LogIns.notRefreshed }
        return Holder(user: user, organization: organization, session: session)
    }

    /// Ends a session whose refresh token somebody has copied; first in the store, so that whatever else fails nobody
    /// goes on with it.
    private func end(
        _ session: UserSession,
        because action: String,
        _ user: User,
        _ caller: Caller
    ) async throws(GatewayError) {
        let hasEnded = try await directory.endSession(session.id, of: user.id, organization: user.organization)
        parts.authenticate.forget()
        guard hasEnded else { return }
        try await parts.audit.append(
            [line(action, .failed, user.organization, "user:\(user.id)", caller)],
            usage: []
        )
    }

    /// The access token and the refresh token of a session's generation.
    func pair(
        of session: UserSession,
        _ user: User,
        _ organization: Organization,
        _ now: Timestamp
    ) async throws(GatewayError) -> Session {
        let text = parts.refreshTokens.text(
            RefreshTokens.Claims(
                organization: user.organization,
                user: user.id,
                session: session.id,
                epoch: user.sessionEpoch,
                generation: session.generation
            )
        )
        return try await signed(
            session,
            user,
            organization,
            now,
            until: min(now + settings.accessLife, session.expiresAt),
            refresh: Session.Refresh(token: text, expiresAt: session.expiresAt)
        )
    }

    private static let notRefreshed = GatewayError(
        .unauthenticated,
        "The refresh token is unknown, used or too old, or its session has ended. Log in again."
    )
}
