import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Store

extension House {
    /// A key beside the house's own, of this organization or another.
    func addKey(
        role: Role = .manager,
        scopes: Set<String>? = nil,
        revokedAt: Timestamp? = nil,
        rules: KeyRules = KeyRules(),
        ownedBy person: UserID? = nil,
        of owner: OrganizationID? = nil,
        in environment: Environment? = nil
    ) async throws -> APIKeyText {
        let key = APIKeyText(
            environment: environment ?? key.environment,
            organization: owner ?? organization,
            id: APIKeyID(clock.entropy.identifier()),
            secret: [UInt8](repeating: 4, count: 20)
        )
        try await store.save(
            APIKey(
                id: key.id,
                organization: key.organization,
                owner: person,
                name: "other",
                prefix: key.prefix,
                hash: SHA256.digest(Array(key.text.reveal().utf8)).bytes,
                environment: key.environment,
                role: role,
                scopes: scopes,
                rules: rules,
                revokedAt: revokedAt
            )
        )
        return key
    }

    /// Gives the organization an account in another environment than its own key's.
    func open(_ environment: Environment) async throws {
        let profile = Profile(
            environment: environment,
            shortCode: "174379",
            shortCodeType: "paybill",
            organizationName: "Shop"
        )
        try await store.save(profile, organization: organization)
        gateway.configuration.forget()
    }

    /// Somebody who is logged in.
    func addPerson(
        _ name: String,
        role: Role,
        hasSecondFactor: Bool = false,
        settling: User.Settling? = nil,
        of owner: OrganizationID? = nil
    ) async throws -> (user: User, token: Secret<String>) {
        let entropy = clock.entropy
        let user = User(
            id: UserID(entropy.identifier()),
            organization: owner ?? organization,
            username: name,
            email: name + "@x.example",
            passwordHash: "right horse battery",
            role: role,
            hasSecondFactor: hasSecondFactor,
            settling: settling
        )
        try await store.save(user)
        return (user, try await logIn(user))
    }

    /// A token of a log-in of somebody's.
    func logIn(_ user: User) async throws -> Secret<String> {
        let session = UserSession(
            id: clock.entropy.identifier(),
            user: user.id,
            organization: user.organization,
            generation: 1,
            expiresAt: clock.now + .seconds(86_400)
        )
        try await store.begin(session, at: clock.now, sessionsMax: 10)
        return try await tokens.sign(
            AccessClaims(
                user: user.id,
                organization: user.organization,
                sessionEpoch: user.sessionEpoch,
                session: session.id,
                generation: 1,
                issuedAt: clock.now,
                expiresAt: session.expiresAt
            )
        )
    }

    /// Asks the host itself for something, as a door would.
    func ask(
        _ name: String,
        _ arguments: JSON = [:],
        as credential: Secret<String>? = nil,
        door: Door = .rest,
        environment: Environment? = nil,
        of gateway: Assembly? = nil
    ) async -> ActionReply {
        let actions = gateway.map { ActionRegistry($0.actions) } ?? actions
        guard let action = actions.action(name) else {
            return ActionReply(result: .failure(GatewayError(.notFound, "There is no action \(name).")), rate: nil)
        }
        let call = ActionCall(
            id: CallID(clock.entropy.identifier()),
            door: door,
            credential: .token(credential ?? key.text),
            environment: environment,
            address: "192.0.2.1",
            arguments: .success(arguments)
        )
        return await (gateway ?? self.gateway).pipeline.serve(action, call)
    }

    /// The audit's lines, newest first; what is queued is written when another line is.
    func audit(of owner: OrganizationID? = nil) async throws -> [AuditRecord] {
        try await store.append([], usage: [])
        return try await store.records(organization: owner ?? organization, before: nil, limit: 100)
    }
}

extension House {
    /// A manager who has looked a transaction up says what became of it, of the version that stands now.
    func say(
        _ outcome: String,
        of id: RecordID,
        _ more: JSONObject = [:]
    ) async throws -> ActionReply {
        let ann = try await addPerson("ann\(clock.entropy.identifier())", role: .manager)
        var arguments: JSONObject = [
            "id": .string("\(id)"), "outcome": .string(outcome), "evidence": "statement of 26 November, line 4",
        ]
        arguments["version"] = try await .integer(Int64(record(id).version))
        for (name, value) in more { arguments[name] = value == .null ? nil : value }
        return await ask("transactions.resolve", .object(arguments), as: ann.token)
    }
}
