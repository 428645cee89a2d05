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
        of organization: OrganizationID,
        after sequence: Int64,
        through head: AuditHead,
        limit: Int
    ) async throws(GatewayError) -> [String] {
        try await read { sql in
            // By its number, not by its id: an id is made when a line is put together, its number when it is written.
            try sql.query(
                """
                SELECT writer_id, sequence, previous_hash, hash, \(AuditChain.columns) FROM audit
                WHERE organization_id = $1 AND writer_id = $2 AND sequence > $3 AND sequence <= $4
                ORDER BY sequence LIMIT $5
                """,
                [
                    .text(organization.description), .text(head.writer), .integer(sequence), .integer(head.sequence),
                    .integer(Int64(max(1, limit))),
                ]
            ) { row in
                AuditFile.line(
                    AuditFile.Line(
                        organization: organization.description,
                        writer: row.text(0) ?? "",
                        sequence: row.integer(1) ?? 0,
                        previous: Hexadecimal.encode(row.bytes(2) ?? []),
                        hash: Hexadecimal.encode(row.bytes(3) ?? []),
                        fields: (4..<17).map { $0 == 5 ? .optional(row.integer($0)) : .optional(row.text($0)) }
                    )
                )
            }
        }
    }

    package func places(
        of line: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> [String: Int64]? {
        let place: [SQLValue] = [.text(organization.description), .text(line.description)]
        return try await read { sql in
            let own = try sql.first(
                "SELECT writer_id, sequence FROM audit WHERE organization_id = $1 AND audit_id = $2",
                place
            ) { (writer: $0.text(0) ?? "", sequence: $0.integer(1) ?? 0) }
            guard let own else { return nil }
            var places = [own.writer: own.sequence]
            let heads = try sql.query(
                "SELECT writer_id, sequence FROM audit_heads WHERE organization_id = $1",
                [.text(organization.description)]
            ) { (writer: $0.text(0) ?? "", sequence: $0.integer(1) ?? 0) }
            for head in heads where head.writer != own.writer {
                places[head.writer] = try Store.sequence(of: head, by: line, organization, in: sql)
            }
            return places
        }
    }

    /// How far a chain had come by a line of another one.
    private static func sequence(
        of head: (writer: String, sequence: Int64),
        by line: Identifier,
        _ organization: OrganizationID,
        in sql: any SQLSession
    ) throws -> Int64 {
        let chain: [SQLValue] = [.text(organization.description), .text(head.writer)]
        let isLater = { (sequence: Int64) -> Bool in
            try sql.first(
                "SELECT audit_id FROM audit WHERE organization_id = $1 AND writer_id = $2 AND sequence = $3",
                chain + [.integer(sequence)]
            ) { ($0.text(0) ?? "") > line.description } ?? false
        }
        // Of two chains that one process wrote after another, one is later as a whole.
        if try isLater(1) { return 0 }
        if try !isLater(head.sequence) { return head.sequence }
        return try sql.first(
            """
            SELECT sequence FROM audit WHERE organization_id = $1 AND writer_id = $2 AND audit_id <= $3
            ORDER BY audit_id DESC LIMIT 1
            """,
            chain + [.text(line.description)]
        ) { $0.integer(0) ?? 0 } ?? 0
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
