import Gateway

extension Store: AuditRepository {
    package func append(_ records: [AuditRecord], usage: [UsageRecord]) async throws(GatewayError) {
        try await write { session in
            session.add(records)
            for line in usage { session.add(line) }
        }
    }

    package func enqueue(_ record: AuditRecord, usage: UsageRecord?) throws(GatewayError) {
        guard database.enqueue(audit: record, usage: usage) else {
            throw GatewayError(
                .unavailable,
                "The audit cannot keep up, and nothing is done here that it does not see. Try again in a moment.",
                retryAfter: .seconds(1)
            )
        }
    }

    package func records(
        organization: OrganizationID,
        before: Identifier?,
        limit: Int
    ) async throws(GatewayError) -> [AuditRecord] {
        let last = before?.description ?? "~"
        return try await read { sql in
            try sql.query(
                """
                SELECT \(AuditChain.columns) FROM audit WHERE organization_id = $1 AND audit_id < $2
                ORDER BY audit_id DESC LIMIT $3
                """,
                [.text(organization.description), .text(last), .integer(Int64(max(1, limit)))]
            ) { try Self.auditRecord($0, organization: organization) }
        }
    }

    /// Walks the organization's audit and names the first line, as `writer/sequence`, whose hash is not what it must
    /// be, or that is missing; nil when every line is as it was written.
    package func firstBrokenAuditLine(organization: OrganizationID) async throws(GatewayError) -> String? {
        try await read { sql in
            var ends: [String: (sequence: Int64, hash: [UInt8])] = [:]
            _ = try sql.query(
                "SELECT writer_id, sequence, hash FROM audit_heads WHERE organization_id = $1",
                [.text(organization.description)]
            ) { row in ends[row.text(0) ?? ""] = (row.integer(1) ?? 0, row.bytes(2) ?? []) }
            let start = [UInt8](repeating: 0, count: 32)
            var reached: [String: (sequence: Int64, hash: [UInt8])] = [:]
            var broken: String?
            _ = try sql.query(
                """
                SELECT writer_id, sequence, previous_hash, hash, \(AuditChain.columns) FROM audit
                WHERE organization_id = $1 ORDER BY writer_id, sequence
                """,
                [.text(organization.description)]
            ) { row in
                let writer = row.text(0) ?? ""
                let last = reached[writer] ?? (0, start)
                let sequence = last.sequence + 1
                let hash = Self.hash(of: row, organization: organization, sequence: sequence, after: last.hash)
                let isWhole = row.integer(1) == sequence && row.bytes(2) == last.hash && row.bytes(3) == hash
                if broken == nil, !isWhole { broken = "\(writer)/\(sequence)" }
                reached[writer] = (sequence, row.bytes(3) ?? [])
            }
            if let broken { return broken }
            let cut = ends.keys.sorted()
                .first { writer in
                    (reached[writer]?.sequence ?? 0) != ends[writer]?.sequence
                        || reached[writer]?.hash != ends[writer]?.hash
                }
            return cut.map { "\($0)/\((reached[$0]?.sequence ?? 0) + 1)" }
        }
    }

    private static func hash(
        of row: any SQLRow,
        organization: OrganizationID,
        sequence: Int64,
        after previous: [UInt8]
    ) -> [UInt8] {
        let fields: [SQLValue] = (4..<17)
            .map { $0 == 5 ? .optional(row.integer($0)) : .optional(row.text($0)) }
        return AuditChain.hash(fields, organization: organization.description, sequence: sequence, after: previous)
    }

    static func auditRecord(_ row: any SQLRow, organization: OrganizationID) throws -> AuditRecord {
        guard let id = row.text(0).flatMap({ Identifier($0) }), let call = row.text(2).flatMap({ CallID($0) }),
            let outcome = row.text(7).flatMap(AuditRecord.Outcome.init(rawValue:))
        else { throw SQLError(message: "an audit row is damaged") }
        return AuditRecord(
            id: id,
            organization: organization,
            at: Timestamp(milliseconds: row.integer(1) ?? 0),
            call: call,
            subject: row.text(3) ?? "",
            action: row.text(4) ?? "",
            tool: row.text(5),
            door: row.text(6) ?? "",
            outcome: outcome,
            code: row.text(8),
            record: row.text(9).flatMap { RecordID($0) },
            environment: row.text(10).flatMap(Environment.init(rawValue:)),
            address: row.text(11),
            detail: row.text(12)
        )
    }
}
