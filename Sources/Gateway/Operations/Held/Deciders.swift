/// Who may let money leave for somebody else.
extension DirectoryRepository {
    /// Whoever lets money leave, or rules be loosened, has a second factor, and was not given all that a moment ago.
    ///
    /// - Throws: `permissionDenied` with what is missing.
    func checkMayAgree(_ principal: Principal, at now: Timestamp) async throws(GatewayError) {
        guard principal.hasSecondFactor else {
            throw GatewayError(
                .permissionDenied,
                "Whoever lets money leave needs a second factor: set one up (second_factor.begin), and log in again."
            )
        }
        guard case .user(let id) = principal.subject,
            let user = try await user(id, organization: principal.organization)
        else { throw GatewayError(.permissionDenied, "This needs a person who logged in.") }
        guard let from = user.approvesFrom, from > now else { return }
        throw GatewayError(
            .permissionDenied,
            """
            You were made what you are a short while ago: you may let money leave from \(from) on, or once another \
            administrator has agreed (approvals.vouch).
            """
        )
    }

    /// Two people who decide about the same are apart: neither was made what they are a short while ago by the other, or
    /// by somebody who was.
    ///
    /// Else one administrator would be both of them. A key stands for its owner.
    /// - Throws: `permissionDenied` where they are not.
    func checkAreApart(
        _ one: String,
        _ other: String,
        of organization: OrganizationID,
        at now: Timestamp
    ) async throws(GatewayError) {
        let pair = (try await person(one, of: organization), try await person(other, of: organization))
        for (person, counterpart) in [pair, (pair.1, pair.0)] {
            guard let person, let counterpart, person.id != counterpart.id else { continue }
            guard let from = person.approvesFrom, from > now, let maker = person.settling?.by else { continue }
            let between = try await self.person(maker, of: organization)
            let isSettled = between?.approvesFrom.map { $0 <= now } ?? true
            guard maker == "user:\(counterpart.id)" || !isSettled else { continue }
            throw GatewayError(
                .permissionDenied,
                """
                One of you was made what they are a short while ago by the other: somebody else must decide, or you after \
                \(from).
                """
            )
        }
    }

    /// The person behind a subject; nil for what has none.
    private func person(_ subject: String, of organization: OrganizationID) async throws(GatewayError) -> User? {
        switch Principal.Subject(subject) {
        case .user(let id)?: return try await user(id, organization: organization)
        case .apiKey(let id)?:
            guard let owner = try await apiKey(id, organization: organization)?.owner else { return nil }
            return try await user(owner, organization: organization)
        case nil: return nil
        }
    }
}
