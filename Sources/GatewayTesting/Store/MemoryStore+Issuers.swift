import Gateway

extension MemoryStore {
    package func issuers(of organization: OrganizationID) async throws(GatewayError) -> [TokenIssuer] {
        try await read { tables in
            tables.directory.issuers.values.filter { $0.organization == organization }.sorted { $0.id < $1.id }
        }
    }

    package func save(_ issuer: TokenIssuer) async throws(GatewayError) {
        try await write { tables in
            let others = tables.directory.issuers.values.filter { $0.organization == issuer.organization }
            guard !others.contains(where: { $0.id == issuer.id || $0.url == issuer.url }) else {
                throw GatewayError(.conflict, "The organization has an issuer of this address.")
            }
            guard others.count < TokenIssuer.countMax else { throw TokenIssuer.tooMany }
            tables.directory.countChange(of: issuer.organization)
            tables.directory.issuers[issuer.id] = issuer
        }
    }

    package func changeIssuer(
        _ id: Identifier,
        of organization: OrganizationID,
        telling news: IssuerNews?,
        _ change: @escaping @Sendable (inout TokenIssuer) -> Void
    ) async throws(GatewayError) -> TokenIssuer? {
        try await write { tables in
            guard let old = tables.directory.issuers[id], old.organization == organization else { return nil }
            var new = old
            change(&new)
            if new == old { return old }
            new.version = old.version + 1
            tables.directory.countChange(of: organization)
            tables.directory.issuers[id] = new
            tables.note(news, of: old, to: new)
            return new
        }
    }

    package func removeIssuer(
        _ id: Identifier,
        of organization: OrganizationID,
        telling news: IssuerNews?
    ) async throws(GatewayError) -> Bool {
        try await write { tables in
            guard let old = tables.directory.issuers[id], old.organization == organization else { return false }
            tables.directory.countChange(of: organization)
            tables.directory.issuers[id] = nil
            tables.note(news, of: old, to: nil)
            return true
        }
    }
}

extension MemoryTables {
    fileprivate mutating func note(_ news: IssuerNews?, of before: TokenIssuer, to now: TokenIssuer?) {
        guard let news else { return }
        let all = directory.issuers.values.filter { $0.url == before.url && $0.environment == before.environment }
        let others = all.filter { $0.organization != before.organization }
            .sorted { $0.organization.description < $1.organization.description }
        audit += news.lines(of: before, to: now, among: others.prefix(IssuerNews.toldMax))
    }
}
