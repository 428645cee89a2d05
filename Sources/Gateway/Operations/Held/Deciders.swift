/// Who may let money leave for somebody else.
extension DirectoryRepository {
    /// Whoever lets money leave, or rules be loosened, has a second factor, and was not given all that a moment ago.
    ///
    /// - Throws: `permissionDenied` with what is missing.
    package func checkMayAgree(_ principal: Principal, at now: Timestamp) async throws(GatewayError) {
        try principal.checkIsInPerson()
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

    /// Whether somebody is asked about a call by name, or stands in for somebody who is.
    ///
    /// - Throws: `permissionDenied` where they do not, with when they will.
    func check(
        _ people: Approvers,
        _ call: Approvers.Call,
        _ principal: Principal,
        at now: Timestamp
    ) async throws(GatewayError) {
        guard case .user(let user) = principal.subject, people.includes(user) else {
            throw GatewayError(.permissionDenied, "The rule names who is asked, and you are not among them.")
        }
        let agreed = call.agreed.compactMap { subject -> UserID? in
            if case .user(let id)? = Principal.Subject(subject) { id } else { nil }
        }
        let mayDecide = people.admits(
            user,
            besides: Set(agreed),
            unable: try await unable(people, call),
            asked: call.since,
            at: now
        )
        guard !mayDecide else { return }
        throw GatewayError(
            .permissionDenied,
            """
            You stand in for whoever is asked: from \(call.since + people.answerWithin) on, or while one of them is away for \
            whom nobody else stands in.
            """
        )
    }

    /// Those who are asked by name and are away, may decide about nothing, or asked for this themselves.
    func unable(_ people: Approvers, _ call: Approvers.Call) async throws(GatewayError) -> Set<UserID> {
        var unable = call.away.union(try await ids(behind: call.madeBy, of: call.organization))
        for id in people.named.subtracting(unable) {
            let user = try await user(id, organization: call.organization)
            if !(user.map { $0.isActive && $0.hasSecondFactor } ?? false) { unable.insert(id) }
        }
        return unable
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

extension Authenticate {
    /// Why what people have said of a record lets it leave no more; nil while it does.
    ///
    /// Until the money leaves, whoever let it go answers for it: an approval is not counted of somebody who may not give it
    /// any more, nor a confirmation of somebody who may do nothing. That they have given it stays with the record. What was
    /// confirmed leaves by that alone, whoever had approved it before.
    func doubt(about record: Record) async throws(GatewayError) -> String? {
        if let who = record.hold?.confirmation?.by {
            if who == record.madeBy { return nil }
            let found = try await inForce(who, of: record.organization, in: record.environment)
            return found == nil ? "Whoever confirmed it may do nothing any more." : nil
        }
        for who in record.hold?.approvers ?? [] where record.state != .draft {
            guard try await mayApprove(who, record) else { return "Somebody who approved it may not do so any more." }
        }
        return nil
    }

    /// Whether somebody who has approved a record may do so still: active, of the role that is asked for, with a second
    /// factor.
    func mayApprove(_ who: String, _ record: Record) async throws(GatewayError) -> Bool {
        guard let asked = record.hold?.asked else { return true }
        let found = try await inForce(who, of: record.organization, in: record.environment)
        return found.map { $0.role >= asked.role && $0.hasSecondFactor } ?? false
    }
}
