import Gateway

extension MemoryStore: DirectoryRepository {
    private func changed<Answer: Sendable>(
        _ organization: OrganizationID? = nil,
        _ name: String = #function,
        _ job: (inout MemoryDirectory) throws -> Answer
    ) async throws(GatewayError) -> Answer {
        try await write(name) { tables in
            tables.directory.countChange(of: organization)
            return try job(&tables.directory)
        }
    }

    package func organization(_ id: OrganizationID) async throws(GatewayError) -> Organization? {
        try await read { $0.directory.organizations[id] }
    }

    package func organization(slug: String) async throws(GatewayError) -> Organization? {
        try await read { $0.directory.organizations.values.first { $0.slug == slug } }
    }

    package func organizations(after slug: String?, limit: Int) async throws(GatewayError) -> [Organization] {
        try await read { $0.directory.organizations(after: slug, limit: limit) { _ in true } }
    }

    package func save(_ organization: Organization) async throws(GatewayError) {
        try await changed(organization.id) { directory in
            let isTaken = directory.organizations.values.contains {
                $0.id == organization.id || $0.slug == organization.slug
            }
            guard !isTaken else { throw GatewayError(.conflict, "Another organization has this id or slug.") }
            try directory.check(plan: organization.plan)
            directory.organizations[organization.id] = organization
        }
    }

    package func save(_ organization: Organization, with user: User) async throws(GatewayError) {
        try await changed { directory in
            let isTaken = directory.organizations.values.contains {
                $0.id == organization.id || $0.slug == organization.slug
            }
            guard !isTaken else { throw GatewayError(.conflict, "Another organization has this id or slug.") }
            try directory.check(plan: organization.plan)
            directory.organizations[organization.id] = organization
            directory.users[user.id] = user
        }
    }

    package func change(
        _ id: OrganizationID,
        at moment: Timestamp?,
        _ change: @escaping @Sendable (inout Organization) -> Void
    ) async throws(GatewayError) -> Organization? {
        try await write { tables in
            tables.directory.countChange(of: id)
            guard let old = tables.directory.organizations[id] else { return nil }
            var new = old
            change(&new)
            if new.plan != old.plan { try tables.directory.check(plan: new.plan) }
            tables.directory.organizations[id] = new
            if let moment { tables.tell(FeedEvent.about(new, from: old, at: moment)) }
            return new
        }
    }

    package func plan(_ name: String) async throws(GatewayError) -> Plan? {
        try await read { $0.directory.plans[name] }
    }

    package func save(_ plan: Plan) async throws(GatewayError) {
        try await changed { $0.plans[plan.name] = plan }
    }

    package func accounts(
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [MPesaAccount] {
        try await read { $0.directory.accounts[MemoryDirectory.Place(organization, environment)] ?? [] }
    }

    package func save(_ account: MPesaAccount, organization: OrganizationID) async throws(GatewayError) {
        try await changed(organization) { directory in
            let place = MemoryDirectory.Place(organization, account.profile.environment)
            var all = directory.accounts[place] ?? []
            guard all.count < MPesaAccount.countMax else {
                throw GatewayError(.limitExceeded, "An organization has at most \(MPesaAccount.countMax) accounts.")
            }
            guard !all.contains(where: { $0.name == account.name }) else {
                throw GatewayError(.conflict, "Another account has the name \(account.name).")
            }
            var account = account
            (account.isDefault, account.version) = (all.isEmpty, 1)
            all.append(account)
            directory.accounts[place] = all.sorted { $0.name < $1.name }
        }
    }

    package func change(
        _ account: AccountName,
        organization: OrganizationID,
        environment: Environment,
        _ change: @escaping @Sendable (inout MPesaAccount) -> Void
    ) async throws(GatewayError) -> MPesaAccount? {
        try await changed(organization) { directory in
            let place = MemoryDirectory.Place(organization, environment)
            guard let index = directory.accounts[place]?.firstIndex(where: { $0.name == account }),
                let old = directory.accounts[place]?[index]
            else { return nil }
            var new = old
            change(&new)
            new.isDefault = old.isDefault
            if new != old { new.version = old.version + 1 }
            directory.accounts[place]?[index] = new
            return new
        }
    }

    package func makeDefault(
        _ account: AccountName,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Bool {
        try await changed(organization) { directory in
            let place = MemoryDirectory.Place(organization, environment)
            let all = directory.accounts[place] ?? []
            guard all.contains(where: { $0.name == account && $0.retiredAt == nil }) else { return false }
            directory.accounts[place] = all.map { old in
                var new = old
                new.isDefault = old.name == account
                if old.isDefault || new.isDefault { new.version += 1 }
                return new
            }
            return true
        }
    }

    package func sealedCredential(
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> SealedCredential? {
        try await read { tables in
            let known = tables.directory.credentials[MemoryDirectory.Place(organization, environment, account)]
            return known.flatMap { $0.fields.isEmpty ? nil : $0 }
        }
    }

    package func save(
        _ credential: SealedCredential,
        organization: OrganizationID,
        at moment: Timestamp?
    ) async throws(GatewayError) {
        try await write { tables in
            tables.directory.countChange(of: organization)
            let place = MemoryDirectory.Place(organization, credential.environment, credential.account)
            let known = tables.directory.credentials[place]
            let last = known?.version ?? 0
            let seen = known?.fields.isEmpty == false ? last : 0
            guard credential.version == 0 || max(0, credential.version) == seen else {
                throw GatewayError(.staleVersion, "The credentials were changed meanwhile. Read them again.")
            }
            var next = credential
            next.version = last + 1
            tables.directory.credentials[place] = next
            if let moment {
                let told = FeedEvent.changed(
                    secretsOf: next.account,
                    in: next.environment,
                    to: next.version,
                    of: organization,
                    at: moment
                )
                tables.tell([told])
            }
        }
    }

    package func wrappedKey(
        organization: OrganizationID,
        version: Int?
    ) async throws(GatewayError) -> WrappedKey? {
        try await read { tables in
            let keys = tables.directory.wrapped[organization] ?? []
            return version.map { number in keys.first { $0.version == number } }
                ?? keys.max { $0.version < $1.version }
        }
    }

    package func wrappedKeys(
        notBy masterKeyID: String,
        limit: Int
    ) async throws(GatewayError) -> [(organization: OrganizationID, key: WrappedKey)] {
        try await read { tables in
            let all = tables.directory.wrapped.flatMap { owner, keys in keys.map { (organization: owner, key: $0) } }
            return Array(all.filter { $0.key.masterKeyID != masterKeyID }.prefix(limit))
        }
    }

    package func countWrappedKeys(notBy masterKeyID: String) async throws(GatewayError) -> Int {
        try await wrappedKeys(notBy: masterKeyID, limit: Int.max).count
    }

    package func rewrap(_ changes: [Rewrapping]) async throws(GatewayError) {
        try await changed { directory in
            for change in changes {
                guard let index = directory.wrapped[change.organization]?.firstIndex(of: change.old) else { continue }
                directory.wrapped[change.organization]?[index] = change.new
            }
        }
    }

    package func add(_ key: WrappedKey, organization: OrganizationID) async throws(GatewayError) {
        try await changed(organization) { directory in
            guard directory.wrapped[organization]?.contains(where: { $0.version == key.version }) != true else {
                throw GatewayError(.conflict, "Another key has this version.")
            }
            directory.wrapped[organization, default: []].append(key)
        }
    }

    package func configurationVersion() async throws(GatewayError) -> Int64 { try await read { $0.directory.version } }

    package func configurationChanges(
        after version: Int64,
        limit: Int
    ) async throws(GatewayError) -> [ConfigurationChange] {
        try await read { tables in
            let later = tables.directory.changes.filter { $0.value > version }.sorted { $0.value < $1.value }
            return later.prefix(limit).map { ConfigurationChange(version: $0.value, organization: $0.key) }
        }
    }

    // MARK: Keys

    package func apiKey(_ id: APIKeyID, organization: OrganizationID) async throws(GatewayError) -> APIKey? {
        try await read { tables in tables.directory.keys[id].flatMap { $0.organization == organization ? $0 : nil } }
    }

    package func apiKeys(organization: OrganizationID, limit: Int) async throws(GatewayError) -> [APIKey] {
        try await read { tables in
            let found = tables.directory.keys.values.filter { $0.organization == organization }
            return Array(found.sorted { $0.id.raw > $1.id.raw }.prefix(limit))
        }
    }

    package func save(_ key: APIKey, within room: APIKey.Room?) async throws(GatewayError) {
        try await changed(key.organization) { directory in
            guard directory.keys[key.id] == nil else { throw GatewayError(.conflict, "Another key has this id.") }
            if let room {
                let inForce = directory.keys.values.count {
                    $0.organization == key.organization && $0.isInForce(at: room.now)
                }
                guard inForce < room.most else { throw APIKey.tooMany(room.most) }
            }
            directory.keys[key.id] = key
        }
    }

    package func change(
        _ id: APIKeyID,
        organization: OrganizationID,
        _ change: @escaping @Sendable (inout APIKey) -> Void
    ) async throws(GatewayError) -> APIKey? {
        try await write { tables in
            tables.directory.countChange(of: organization)
            guard let old = tables.directory.keys[id], old.organization == organization else { return nil }
            var new = old
            change(&new)
            new.revokedAt = old.revokedAt ?? new.revokedAt
            tables.directory.keys[id] = new
            tables.tell(FeedEvent.about(new, from: old))
            return new
        }
    }
}

extension MemoryDirectory.Place {
    init(_ organization: OrganizationID, _ environment: Environment) {
        self.init(organization: organization, name: environment.rawValue)
    }

    init(_ organization: OrganizationID, _ environment: Environment, _ account: AccountName) {
        self.init(organization: organization, name: environment.rawValue + "/" + account.description)
    }
}

extension MemoryDirectory {
    /// Counts the version up, for an organization or for everybody.
    mutating func countChange(of organization: OrganizationID?) {
        version += 1
        changes[organization] = version
    }

    /// Refuses a plan that there is not.
    func check(plan name: String) throws(GatewayError) {
        guard plans[name] != nil else { throw Organization.noPlan(name) }
    }

    /// By slug.
    func organizations(
        after slug: String?,
        limit: Int,
        where isWanted: (Organization) -> Bool
    ) -> [Organization] {
        let found = organizations.values.filter { found in isWanted(found) && slug.map { found.slug > $0 } ?? true }
        return Array(found.sorted { $0.slug < $1.slug }.prefix(limit))
    }
}
