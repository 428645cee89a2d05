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

    package func set(_ plan: Plan, from version: Int?) async throws(GatewayError) -> Plan {
        guard let version else {
            try await save(plan)
            return try await self.plan(plan.name) ?? plan
        }
        let values: [SQLValue] = [
            .text(DirectoryCoding.detail(of: plan)), .text(plan.name), .integer(Int64(version)),
        ]
        let changed = try await change(conflict: "The plan is being changed.") { sql in
            try sql.execute(
                "UPDATE plans SET detail = $1, version = version + 1 WHERE name = $2 AND version = $3",
                values
            )
        }
        guard changed == 1 else {
            throw GatewayError(.staleVersion, "The plan is no longer version \(version). Read it again.")
        }
        var plan = plan
        plan.version = version + 1
        return plan
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
