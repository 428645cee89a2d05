import Gateway

/// Nobody logs in: no token is good, and no password right.
package struct NoSessions: AccessTokens, Passwords {
    /// Makes it.
    package init() {}

    package func sign(_ claims: AccessClaims) async throws(GatewayError) -> Secret<String> {
        throw GatewayError.fault("no tokens here")
    }

    package func verify(_ token: String, at now: Timestamp) async throws(GatewayError) -> AccessClaims {
        throw GatewayError(.unauthenticated, "no tokens here")
    }

    package func hash(_ password: Secret<String>, turn: PasswordTurn) async throws(GatewayError) -> String {
        throw GatewayError.fault("no passwords here")
    }

    package func verify(
        _ password: Secret<String>,
        against stored: String?,
        turn: PasswordTurn
    ) async throws(GatewayError) -> Bool { false }

    package func isOutdated(_ stored: String) -> Bool { false }
}
