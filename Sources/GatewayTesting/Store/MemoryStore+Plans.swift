import Gateway

extension MemoryStore: PlanRepository {
    package func plans(after name: String?, limit: Int) async throws(GatewayError) -> [Plan] {
        try await read { tables in
            let found = tables.directory.plans.values.filter { plan in name.map { plan.name > $0 } ?? true }
            return Array(found.sorted { $0.name < $1.name }.prefix(limit))
        }
    }

    package func set(_ plan: Plan, from version: Int?, at moment: Timestamp?) async throws(GatewayError) -> Plan {
        try await write { tables in
            let known = tables.directory.plans[plan.name]?.version
            guard version == nil || version == known else {
                throw GatewayError(.staleVersion, "The plan is of another version.")
            }
            var next = plan
            next.version = (known ?? 0) + 1
            tables.directory.countChange(of: nil)
            tables.directory.plans[plan.name] = next
            let onIt = tables.directory.organizations.values.filter { $0.plan == next.name }.map(\.id)
            if let moment {
                tables.tell(onIt.prefix(Plan.toldMax).map { FeedEvent.changed(next, of: $0, at: moment) })
            }
            return next
        }
    }

    package func removePlan(_ name: String) async throws(GatewayError) -> Bool {
        try await write { tables in
            guard !tables.directory.organizations.values.contains(where: { $0.plan == name }) else {
                throw GatewayError(.conflict, "An organization is on this plan.")
            }
            tables.directory.countChange(of: nil)
            return tables.directory.plans.removeValue(forKey: name) != nil
        }
    }

    package func organizations(
        on plan: String,
        after slug: String?,
        limit: Int
    ) async throws(GatewayError) -> [Organization] {
        try await read { $0.directory.organizations(after: slug, limit: limit) { $0.plan == plan } }
    }
}

extension MemoryStore: KeyUseRepository {
    package func note(_ uses: [KeyUses.Use]) async throws(GatewayError) {
        try await write { tables in
            for use in uses where tables.keyUses[use.key].map({ $0 < use.at }) ?? true {
                tables.keyUses[use.key] = use.at
            }
        }
    }
}

extension MemoryStore: QuotaRepository {
    package func used(_ place: QuotaPlace) async throws(GatewayError) -> Int {
        try await read { $0.quotas[place]?.used ?? 0 }
    }

    package func used(of organization: OrganizationID, in month: Month) async throws(GatewayError) -> [String: Int] {
        try await read { tables in
            let own = tables.quotas.filter { $0.key.organization == organization && $0.key.month == month }
            return Dictionary(own.map { ($0.key.counted, $0.value.used) }) { $1 }
        }
    }

    package func take(_ claim: QuotaClaim) async throws(GatewayError) -> Int? {
        try await write("take of a quota") { $0.take(claim) }
    }

    package func giveBack(_ units: Int, to place: QuotaPlace) async throws(GatewayError) {
        try await write("give back to a quota") { $0.quotas[place]?.used -= units }
    }

    package func append(
        _ line: AuditRecord,
        usage: [UsageRecord],
        givingBack claim: QuotaClaim
    ) async throws(GatewayError) {
        try await write { tables in
            tables.quotas[claim.place]?.used -= claim.units
            tables.audit.append(line)
            tables.usage += usage
        }
    }

    package func append(
        _ line: AuditRecord,
        usage: [UsageRecord],
        taking claim: QuotaClaim
    ) async throws(GatewayError) -> Int? {
        try await write { tables in
            guard let used = tables.take(claim) else { return nil }
            tables.audit.append(line)
            tables.usage += usage
            return used
        }
    }
}

extension MemoryTables {
    /// What is used once a claim's units are; nil when there are not so many left, and nothing was taken.
    mutating func take(_ claim: QuotaClaim) -> Int? {
        guard (quotas[claim.place]?.used ?? 0) + claim.units <= claim.limit else { return nil }
        var count = quotas[claim.place] ?? (used: 0, noted: 0)
        count.used += claim.units
        let notes = claim.reached(by: count.used, noted: count.noted)
        count.noted = notes.map(\.percent).max() ?? count.noted
        audit += notes.map(\.line)
        tell(notes.map(\.event))
        quotas[claim.place] = count
        return count.used
    }
}
