import Gateway

extension Store: RecordRepository {
    package func commit(_ new: NewRecord) async throws(GatewayError) -> CommitOutcome {
        try await unlessUndone { session in
            try Claims.claim(new, in: session)
            try RecordWriting.insert(new.record, events: new.events, in: session)
            session.add(new.audit)
            return .committed
        }
    }

    package func apply(_ changes: [RecordChange]) async throws(GatewayError) -> ApplyOutcome {
        try await unlessUndone { session in
            for change in changes { try RecordWriting.apply(change, in: session) }
            return .applied
        }
    }

    package func idempotencyEntry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> IdempotencyEntry? {
        try await read { sql in
            let entry = try Claims.entry(key, organization: organization, environment: environment, in: sql)
            return entry.flatMap { $0.claim.expiresAt > now ? $0 : nil }
        }
    }

    /// Runs a transaction that may be undone for a reason that is an answer.
    private func unlessUndone<Outcome: Sendable>(
        _ job: @escaping @Sendable (WriteSession) throws -> Outcome
    ) async throws(GatewayError) -> Outcome {
        do { return try await database.write(job) } catch let undo as Undo<Outcome> {
            return undo.outcome
        } catch {
            throw Store.unavailable(error)
        }
    }

    package func record(
        _ id: RecordID,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        try await read { sql in
            try sql.first(
                """
                SELECT \(RecordCoding.columns) FROM records
                WHERE organization_id = $1 AND record_id = $2 AND environment = $3
                """,
                [.text(organization.description), .text(id.description), .text(environment.rawValue)],
                RecordCoding.record
            )
        }
    }

    package func record(
        externalID: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        try await read { sql in
            try sql.first(
                """
                SELECT \(RecordCoding.columns) FROM records
                WHERE organization_id = $1 AND record_id = (
                    SELECT record_id FROM external_ids
                    WHERE organization_id = $2 AND environment = $3 AND namespace = $4 AND value = $5)
                """,
                [
                    .text(organization.description), .text(organization.description),
                    .text(environment.rawValue), .text(namespace), .text(externalID),
                ],
                RecordCoding.record
            )
        }
    }

    package func events(
        of id: RecordID,
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [RecordEvent] {
        try await read { sql in
            let lines = try sql.first(
                "SELECT events FROM records WHERE organization_id = $1 AND record_id = $2",
                [.text(organization.description), .text(id.description)]
            ) { $0.text(0) ?? "" }
            return try RecordCoding.events(lines ?? "", newest: limit)
        }
    }

    package func records(
        matching filter: RecordFilter,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [Record] {
        var clauses = ["organization_id = $1", "environment = $2"]
        var values: [SQLValue] = [.text(organization.description), .text(environment.rawValue)]
        func add(_ clause: String, _ value: SQLValue?) {
            guard let value else { return }
            values.append(value)
            clauses.append("\(clause) $\(values.count)")
        }
        add("class =", filter.recordClass.map { .text($0.rawValue) })
        add("operation =", filter.operation.map { .text($0) })
        add("party =", filter.party.map { .text($0) })
        add("created_ms >=", filter.from.map { .integer($0.milliseconds) })
        add("created_ms <", filter.until.map { .integer($0.milliseconds) })
        add("record_id <", filter.before.map { .text($0.description) })
        if let status = filter.status {
            let states = RecordState.allCases.filter { $0.status == status }.map { "'\($0.rawValue)'" }
            clauses.append("state IN (\(states.isEmpty ? "''" : states.joined(separator: ", ")))")
        }
        values.append(.integer(Int64(max(1, filter.limit))))
        let sql = """
            SELECT \(RecordCoding.columns) FROM records WHERE \(clauses.joined(separator: " AND "))
            ORDER BY record_id DESC LIMIT $\(values.count)
            """
        let bound = values
        return try await read { try $0.query(sql, bound, RecordCoding.record) }
    }

    package func due(at now: Timestamp, limit: Int) async throws(GatewayError) -> [Record] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.columns) FROM records
                WHERE \(RecordCoding.isWaiting) AND next_action_ms <= $1 ORDER BY next_action_ms LIMIT $2
                """,
                [.integer(now.milliseconds), .integer(Int64(limit))],
                RecordCoding.record
            )
        }
    }

    package func records(in state: RecordState, limit: Int) async throws(GatewayError) -> [Record] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.columns) FROM records WHERE \(RecordCoding.isWaiting) AND state = $1 LIMIT $2
                """,
                [.text(state.rawValue), .integer(Int64(limit))],
                RecordCoding.record
            )
        }
    }
}
