import Gateway
import OrderedJSON

extension Store: PlanRepository {
    package func plans(after name: String?, limit: Int) async throws(GatewayError) -> [Plan] {
        try await read { sql in
            try sql.query(
                "SELECT name, detail, version FROM plans WHERE name > $1 ORDER BY name LIMIT $2",
                [.text(name ?? ""), .integer(Int64(max(1, limit)))]
            ) { row in
                try DirectoryCoding.plan(row.text(0) ?? "", JSON(parsing: row.text(1) ?? ""), version: row.integer(2))
            }
        }
    }

    package func set(_ plan: Plan, from version: Int?, at moment: Timestamp?) async throws(GatewayError) -> Plan {
        let saved: SetPlan? = try await change(
            conflict: "The plan is being changed.",
            telling: { ($0 as SetPlan?)?.told ?? [] }
        ) { sql -> SetPlan? in
            guard try Store.write(plan, from: version, in: sql) else { return nil }
            // Whoever is being put on it meanwhile has been, or is told that they are.
            try Store.holdChanges(in: sql)
            var plan = plan
            let found = try sql.first(
                "SELECT version FROM plans WHERE name = $1",
                [.text(plan.name)]
            ) { Int($0.integer(0) ?? 0) }
            plan.version = found ?? 1
            return SetPlan(plan: plan, told: try moment.map { try Store.told(plan, at: $0, in: sql) } ?? [])
        }
        guard let saved else {
            throw GatewayError(.staleVersion, "The plan is no longer version \(version ?? 0). Read it again.")
        }
        return saved.plan
    }

    /// A plan that was written, and what that tells.
    private struct SetPlan: Sendable {
        let plan: Plan
        let told: [FeedEvent]
    }

    /// Whether the plan was written: over the version named, or over whatever there is.
    private static func write(_ plan: Plan, from version: Int?, in sql: any SQLSession) throws -> Bool {
        let detail = DirectoryCoding.detail(of: plan)
        if let version {
            return try sql.execute(
                "UPDATE plans SET detail = $1, version = version + 1 WHERE name = $2 AND version = $3",
                [.text(detail), .text(plan.name), .integer(Int64(version))]
            ) == 1
        }
        try insert(plan, in: sql)
        return true
    }

    private static func told(_ plan: Plan, at moment: Timestamp, in sql: any SQLSession) throws -> [FeedEvent] {
        try sql.query(
            "SELECT organization_id FROM organizations WHERE plan = $1 ORDER BY organization_id LIMIT $2",
            [.text(plan.name), .integer(Int64(Plan.toldMax))]
        ) { $0.text(0).flatMap { OrganizationID($0) } }
        .compactMap { $0.map { FeedEvent.changed(plan, of: $0, at: moment) } }
    }

    package func removePlan(_ name: String) async throws(GatewayError) -> Bool {
        try await change(conflict: "The plan is being changed.") { sql in
            guard try sql.execute("DELETE FROM plans WHERE name = $1", [.text(name)]) == 1 else { return false }
            // Whoever is being put on it has done so, or finds it gone.
            try Store.holdChanges(in: sql)
            let user = try sql.first("SELECT 1 FROM organizations WHERE plan = $1 LIMIT 1", [.text(name)]) {
                $0.integer(0)
            }
            guard user == nil else {
                throw GatewayError(.conflict, "Organizations are on this plan. Put them on another one first.")
            }
            return true
        }
    }

    package func organizations(
        on plan: String,
        after slug: String?,
        limit: Int
    ) async throws(GatewayError) -> [Organization] {
        try await read { sql in
            try sql.query(
                """
                SELECT organization_id, slug, plan, detail, version FROM organizations
                WHERE plan = $1 AND slug > $2 ORDER BY slug LIMIT $3
                """,
                [.text(plan), .text(slug ?? ""), .integer(Int64(max(1, limit)))],
                DirectoryCoding.organization
            )
        }
    }
}
