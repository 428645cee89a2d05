import Cryptography
import Gateway
import OrderedJSON

extension Store: AuditReading {
    /// How many lines a page looks through.
    private static let readMax: Int64 = 5_000

    package func page(_ filter: AuditFilter, organization: OrganizationID) async throws(GatewayError) -> AuditPage {
        var range: [SQLValue] = [
            .text(organization.description), .text(filter.before?.description ?? "~"),
            .text(filter.from.map(Store.place(of:)) ?? ""), .text(filter.until.map(Store.place(of:)) ?? "~"),
        ]
        // Whose calls they are is looked up in an index: what others do in between costs nothing.
        if let subject = filter.subject { range.append(.text(subject)) }
        let seen =
            "audit_id < $2 AND audit_id >= $3 AND audit_id < $4"
            + (filter.subject == nil ? "" : " AND subject = $5")
        let most = range.count + 1
        var values = range + [.integer(Store.readMax)]
        var clauses: [String] = []
        func add(_ column: String, _ value: String?) {
            guard let value else { return }
            values.append(.text(value))
            clauses.append("\(column) = $\(values.count)")
        }
        add("outcome", filter.outcome?.rawValue)
        add("tool", filter.tool)
        if !filter.actions.isEmpty {
            let places = filter.actions.map { action in
                values.append(.text(action))
                return "$\(values.count)"
            }
            clauses.append("action IN (\(places.joined(separator: ", ")))")
        }
        let condition = clauses.isEmpty ? "" : "WHERE " + clauses.joined(separator: " AND ")
        values += [.integer(Int64(max(1, filter.limit))), .integer(Int64(filter.offset))]
        let (limit, offset) = (values.count - 1, values.count)
        let (all, looked) = (values, range)
        return try await read { sql in
            let lines = try sql.query(
                """
                SELECT \(AuditChain.columns) FROM (
                    SELECT \(AuditChain.columns) FROM audit WHERE organization_id = $1 AND \(seen)
                    ORDER BY audit_id DESC LIMIT $\(most)) AS seen
                \(condition) ORDER BY audit_id DESC LIMIT $\(limit) OFFSET $\(offset)
                """,
                all
            ) { try Store.auditRecord($0, organization: organization) }
            if lines.count >= filter.limit { return AuditPage(lines: lines, next: lines.last?.id) }
            // Where more was there to be looked through, the next page goes on behind it.
            let last = try sql.first(
                """
                SELECT audit_id FROM audit WHERE organization_id = $1 AND \(seen)
                ORDER BY audit_id DESC LIMIT 1 OFFSET $\(most)
                """,
                looked + [.integer(Store.readMax - 1)]
            ) { $0.text(0).flatMap { Identifier($0) } }
            return AuditPage(lines: lines, next: last ?? nil)
        }
    }

    /// Ids begin with the time, so that a time is a place among them.
    private static func place(of moment: Timestamp) -> String {
        String(Identifier(at: moment, random: (0, 0)).description.prefix(13))
    }

    package func counts(
        since moment: Timestamp,
        organization: OrganizationID,
        linesMax: Int
    ) async throws(GatewayError) -> [AuditCount] {
        let values: [SQLValue] = [
            .text(organization.description), .text(Store.place(of: moment)), .integer(Int64(linesMax)),
        ]
        return try await read { sql in
            try sql.query(
                """
                SELECT action, outcome, COUNT(*) FROM (
                    SELECT action, outcome FROM audit WHERE organization_id = $1 AND audit_id >= $2
                    ORDER BY audit_id DESC LIMIT $3) AS seen
                GROUP BY action, outcome ORDER BY action, outcome
                """,
                values
            ) { row in
                guard let outcome = row.text(1).flatMap(AuditRecord.Outcome.init(rawValue:)) else {
                    throw SQLError(message: "an audit row is damaged")
                }
                return AuditCount(action: row.text(0) ?? "", outcome: outcome, count: row.integer(2) ?? 0)
            }
        }
    }

    package func lines(
        after id: Identifier?,
        until last: Identifier?,
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [AuditLine] {
        try await read { sql in
            try sql.query(
                """
                SELECT writer_id, sequence, previous_hash, hash, \(AuditChain.columns) FROM audit
                WHERE organization_id = $1 AND audit_id > $2 AND audit_id <= $3 ORDER BY audit_id LIMIT $4
                """,
                [
                    .text(organization.description), .text(id?.description ?? ""), .text(last?.description ?? "~"),
                    .integer(Int64(max(1, limit))),
                ]
            ) { row in
                guard let id = row.text(4).flatMap({ Identifier($0) }) else {
                    throw SQLError(message: "an audit row is damaged")
                }
                let line = AuditFile.Line(
                    organization: organization.description,
                    writer: row.text(0) ?? "",
                    sequence: row.integer(1) ?? 0,
                    previous: Hexadecimal.encode(row.bytes(2) ?? []),
                    hash: Hexadecimal.encode(row.bytes(3) ?? []),
                    fields: (4..<17).map { $0 == 5 ? .optional(row.integer($0)) : .optional(row.text($0)) }
                )
                return AuditLine(id: id, writer: line.writer, sequence: line.sequence, text: AuditFile.line(line))
            }
        }
    }

    package func heads(organization: OrganizationID) async throws(GatewayError) -> [AuditHead] {
        try await read { sql in
            try sql.query(
                "SELECT writer_id, sequence, hash FROM audit_heads WHERE organization_id = $1 ORDER BY writer_id",
                [.text(organization.description)]
            ) { row in
                AuditHead(
                    writer: row.text(0) ?? "",
                    sequence: row.integer(1) ?? 0,
                    hash: Hexadecimal.encode(row.bytes(2) ?? [])
                )
            }
        }
    }
}
