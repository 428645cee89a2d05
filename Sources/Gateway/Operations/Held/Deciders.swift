/// Who may let money leave for somebody else.
extension DirectoryRepository {
    /// Whoever lets money leave, or rules be loosened, has a second factor, and was not given all that a moment ago.
    ///
    /// - Throws: `permissionDenied` with what is missing.
    package func checkMayAgree(_ principal: Principal, at now: Timestamp) async throws(GatewayError) {
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
    /// Else one administrator would be both of them. A key stands for its owner, and for whoever has seen a secret of it.
    /// - Throws: `permissionDenied` where they are not.
    package func checkAreApart(
        _ one: String,
        _ other: String,
        of organization: OrganizationID,
        at now: Timestamp
    ) async throws(GatewayError) {
        let (some, others) = (try await people(one, of: organization), try await people(other, of: organization))
        let pairs = some.flatMap { person in others.flatMap { [(person, $0), ($0, person)] } }
        for (person, counterpart) in pairs where person.id != counterpart.id {
            guard let from = person.approvesFrom, from > now, let maker = person.settling?.by else { continue }
            let between = try await people(maker, of: organization).first
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

    /// The people behind a subject.
    private func people(_ subject: String, of organization: OrganizationID) async throws(GatewayError) -> [User] {
        var found: [User] = []
        for id in try await ids(behind: subject, of: organization) {
            if let user = try await user(id, organization: organization) { found.append(user) }
        }
        return found
    }

    /// Who is behind a subject: a key's owner, and whoever has seen a secret of it.
    func ids(behind subject: String, of organization: OrganizationID) async throws(GatewayError) -> [UserID] {
        switch Principal.Subject(subject) {
        case .user(let id)?: return [id]
        case .apiKey(let id)?:
            guard let key = try await apiKey(id, organization: organization) else { return [] }
            return key.holders
        case nil: return []
        }
    }
}
