import Gateway

extension Store: RecordRepository {
    package func commit(_ new: NewRecord) async throws(GatewayError) -> CommitOutcome {
        let party = digest(of: new.record.intent.party, new.record.organization, new.record.environment)
        return try await unlessUndone { [holds, closings] session in
            if closings.isClosed(new.record.organization) { throw Undo(outcome: CommitOutcome.closed) }
            try Claims.claim(new, holds: holds, in: session)
            if let quota = new.quota, try QuotaCounts.take(quota, in: session) == nil {
                throw Undo(outcome: CommitOutcome.quotaSpent)
            }
            try RecordWriting.insert(new.record, events: new.events, party: party, in: session)
            if let change = new.change { try RecordWriting.apply(change, with: CommitOutcome.stale, in: session) }
            session.add(new.audit)
            return .committed
        }
    }

    package func apply(_ changes: [RecordChange]) async throws(GatewayError) -> ApplyOutcome {
        for change in changes { change.hold.map(holds.note) }
        return try await unlessUndone { [holds] session in
            for change in changes {
                try Claims.claim(for: change, holds: holds, in: session)
                try RecordWriting.apply(change, with: ApplyOutcome.conflict, in: session)
            }
            return .applied
        }
    }

    package func idempotencyEntry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> IdempotencyEntry? {
        try await read { sql in try Claims.entry(key, organization: organization, environment: environment, in: sql) }
    }

    /// Runs a transaction that may be undone for a reason that is an answer.
    private func unlessUndone<Outcome: Sendable>(
        _ job: @escaping @Sendable (WriteSession) throws -> Outcome
    ) async throws(GatewayError) -> Outcome {
        do {
            let outcome = try await database.write(job)
            state.wrotePayment(nil)
            return outcome
        } catch let undo as Undo<Outcome> {
            return undo.outcome
        } catch {
            if let error = error as? SQLError { state.wrotePayment(error.message) }
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
        receipt: String,
        accounts: [String],
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        let holder = try await read { sql -> RecordID? in
            for direction in [OperationDirection.incoming, .outgoing] {
                for account in accounts {
                    let found = try sql.first(
                        """
                        SELECT record_id FROM receipts WHERE organization_id = $1 AND environment = $2
                            AND account = $3 AND direction = $4 AND receipt = $5
                        """,
                        [
                            .text(organization.description), .text(environment.rawValue), .text(account),
                            .text(direction.rawValue), .text(receipt),
                        ]
                    ) { $0.text(0).flatMap { RecordID($0) } }
                    if let found { return found }
                }
            }
            return nil
        }
        guard let holder else { return nil }
        return try await record(holder, organization: organization, environment: environment)
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
        var (filter, found) = (filter, [Record]())
        let wanted = max(1, filter.limit)
        while true {
            filter.limit = wanted - found.count
            let page = try await page(matching: filter, organization: organization, environment: environment)
            found += page.records
            guard found.count < wanted, let next = page.next else { return found }
            filter.before = next
        }
    }

    package func page(
        matching filter: RecordFilter,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> RecordPage {
        let list = RecordList(
            filter: filter,
            organization: organization,
            environment: environment,
            party: digest(of: filter.party, organization, environment),
            words: database.words,
            settings: database.settings
        )
        return try await read { sql in try list.page(in: sql) }
    }

    private func digest(of party: String?, _ organization: OrganizationID, _ environment: Environment) -> Int64? {
        party.map { parties.digest(of: $0, organization: organization, environment: environment) }
    }

    package func laterTwins(of record: Record, limit: Int) async throws(GatewayError) -> [Record] {
        guard let party = record.intent.party, let amount = record.intent.amount else { return [] }
        return try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.columns) FROM records
                WHERE organization_id = $1 AND record_id > $2 AND environment = $3 AND class = 'transaction'
                    AND direction = $4 AND party = $5 AND amount = $6
                    AND (state <> 'rejected' OR sent_ms IS NOT NULL)
                ORDER BY record_id LIMIT $7
                """,
                [
                    .text(record.organization.description), .text(record.id.description),
                    .text(record.environment.rawValue), .text(record.direction.rawValue), .text(party),
                    .integer(amount.amount), .integer(Int64(limit)),
                ],
                RecordCoding.record
            )
        }
    }

    package func openRecordsByPlugin() async throws(GatewayError) -> [String: Int] {
        try await read { sql in
            let open = RecordCoding.open.map { "SELECT plugin, COUNT(*) FROM records WHERE \($0) GROUP BY plugin" }
            let rows = try sql.query(
                open.joined(separator: " UNION ALL "),
                []
            ) { row in (row.text(0) ?? "", Int(row.integer(1) ?? 0)) }
            return Dictionary(rows, uniquingKeysWith: +)
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
