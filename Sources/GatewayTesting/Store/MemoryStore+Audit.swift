import Gateway

extension MemoryStore: AuditRepository {
    package func append(_ records: [AuditRecord], usage: [UsageRecord]) async throws(GatewayError) {
        try await write { tables in
            tables.audit += records
            tables.usage += usage
        }
    }

    package func enqueue(_ record: AuditRecord, usage: UsageRecord?) throws(GatewayError) {
        guard enqueue(audit: record, usage: usage) else {
            throw GatewayError(.unavailable, "The audit cannot keep up.", retryAfter: .seconds(1))
        }
    }

    package func records(
        organization: OrganizationID,
        before: Identifier?,
        limit: Int
    ) async throws(GatewayError) -> [AuditRecord] {
        try await read { tables in
            let found = tables.audit.filter { line in
                line.organization == organization && before.map { line.id < $0 } ?? true
            }
            return Array(found.sorted { $0.id > $1.id }.prefix(max(1, limit)))
        }
    }
}

extension MemoryStore: OnceRepository {
    private static func name(_ claim: Identifier, _ organization: OrganizationID) -> MemoryTables.Name {
        MemoryTables.Name(organization, .test, claim.description)
    }

    package func take(_ claim: OnceClaim) async throws(GatewayError) -> OnceTaking {
        try await write { tables in
            let name = Self.name(claim.id, claim.organization)
            if let earlier = tables.once[name], earlier.expiresAt > claim.takenAt {
                return .earlier(digest: earlier.digest, outcome: earlier.outcome)
            }
            tables.once[name] = MemoryTables.OnceRow(digest: claim.digest, outcome: nil, expiresAt: claim.expiresAt)
            return .first
        }
    }

    package func claim(
        _ id: Identifier,
        organization: OrganizationID,
        at now: Timestamp
    ) async throws(GatewayError) -> OnceFound? {
        try await read { tables in
            guard let row = tables.once[Self.name(id, organization)], row.expiresAt > now else { return nil }
            return OnceFound(digest: row.digest, outcome: row.outcome)
        }
    }

    package func keep(
        _ outcome: String,
        of claim: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) { try await write { $0.once[Self.name(claim, organization)]?.outcome = outcome } }

    package func giveBack(_ claim: Identifier, organization: OrganizationID) async throws(GatewayError) {
        try await write { $0.once[Self.name(claim, organization)] = nil }
    }
}
