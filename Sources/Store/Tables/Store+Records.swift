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
            session.tell(new.told)
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
                SELECT \(RecordCoding.selected) FROM records
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
                SELECT \(RecordCoding.selected) FROM records
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

    package func recordAndEvents(
        named id: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment,
        limit: Int
    ) async throws(GatewayError) -> (record: Record, events: [RecordEvent])? {
        try await read { sql in
            try sql.first(
                """
                SELECT \(RecordCoding.selected), events FROM records
                WHERE organization_id = $1 AND record_id = COALESCE((
                    SELECT record_id FROM external_ids
                    WHERE organization_id = $2 AND environment = $3 AND namespace = $4 AND value = $5), $6)
                    AND environment = $7
                """,
                [
                    .text(organization.description), .text(organization.description),
                    .text(environment.rawValue), .text(namespace), .text(id),
                    .optional(RecordID(id)?.description), .text(environment.rawValue),
                ]
            ) { row in
                let events = row.text(RecordCoding.selectedCount) ?? ""
                return (try RecordCoding.record(row), try RecordCoding.events(events, newest: limit))
            }
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
            settings: database.settings,
            readable: { [self] in readable("transaction", $0) }
        )
        return try await read { sql in try list.page(in: sql) }
    }

    private func digest(of party: String?, _ organization: OrganizationID, _ environment: Environment) -> Int64? {
        party.map { parties.digest(of: $0, organization: organization, environment: environment) }
    }

    package func drafts(
        of organization: OrganizationID,
        in environments: [Environment],
        madeBy maker: String?,
        before: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> [Record] {
        let index = database.words.index("records_held")
        let places = environments.isEmpty ? "''" : environments.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let rows = try await read { sql in
            try Store.filling(limit) { (below: String?, limit: Int) -> [(row: Reading<Record>, place: String)] in
                try sql.query(
                    """
                    SELECT \(RecordCoding.selected) FROM records\(index)
                    WHERE \(RecordCoding.isHeld) AND state = 'draft' AND organization_id = $1
                        AND environment IN (\(places))
                        AND record_id < $2 AND ($3 = '' OR made_by = $4) AND batch_id IS NULL
                    ORDER BY record_id DESC LIMIT $5
                    """,
                    [
                        .text(organization.description), .text(below ?? before?.description ?? "~"),
                        .text(maker ?? ""), .text(maker ?? ""), .integer(Int64(limit)),
                    ]
                ) { (row: Reading($0, RecordCoding.record), place: $0.text(1) ?? "") }
            }
        }
        return readable("transaction", rows)
    }

    package func moved(at place: LimitPlace) async throws(GatewayError) -> (calls: Int64, amount: Int64) {
        try await read { try MoneyCounts.moved(at: place, in: $0) }
    }

    package func laterTwins(of record: Record, limit: Int) async throws(GatewayError) -> [Record] {
        guard let party = record.intent.party, let amount = record.intent.amount else { return [] }
        let begun = record.begunAt
        let later = try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.selected) FROM records
                WHERE organization_id = $1 AND record_id > $2 AND environment = $3 AND class = 'transaction'
                    AND direction = $4 AND party = $5 AND amount = $6
                    AND (held_until_ms IS NULL AND sent_ms IS NOT NULL AND created_ms >= $7
                        OR held_until_ms IS NOT NULL AND sent_ms >= $8 OR \(RecordCoding.isHeld))
                ORDER BY record_id LIMIT $9
                """,
                [
                    .text(record.organization.description), .text(record.id.description),
                    .text(record.environment.rawValue), .text(record.direction.rawValue), .text(party),
                    .integer(amount.amount), .integer(record.hold == nil ? 0 : begun.milliseconds),
                    .integer(begun.milliseconds), .integer(Int64(limit)),
                ]
            ) { Reading($0, RecordCoding.record) }
        }
        let held = try await heldTwins(of: record, party, amount, limit: limit)
        return Array((held + readable("transaction", later)).sorted { $0.id.raw < $1.id.raw }.prefix(limit))
    }

    /// Those of them that were asked for before the record was, and held: they may have been sent after it, or may yet be.
    private func heldTwins(
        of record: Record,
        _ party: String,
        _ amount: Shillings,
        limit: Int
    ) async throws(GatewayError) -> [Record] {
        guard let digest = digest(of: party, record.organization, record.environment) else { return [] }
        let longest = Hold.longest.wholeMilliseconds / 86_400_000
        let last = record.begunAt.milliseconds / 86_400_000
        let days = (last - longest...last).map { SQLValue.integer($0) }
        let places = days.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        let next = days.count
        let index = database.words.index("records_by_party")
        let rows = try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.selected) FROM records\(index)
                WHERE (created_ms / 86400000) IN (\(places)) AND party_digest = $\(next + 1)
                    AND organization_id = $\(next + 2) AND environment = $\(next + 3) AND record_id < $\(next + 4)
                    AND class = 'transaction' AND direction = $\(next + 5) AND party = $\(next + 6)
                    AND amount = $\(next + 7) AND held_until_ms IS NOT NULL
                    AND (sent_ms >= $\(next + 8) OR \(RecordCoding.isHeld))
                ORDER BY record_id LIMIT $\(next + 9)
                """,
                days + [
                    .integer(digest), .text(record.organization.description), .text(record.environment.rawValue),
                    .text(record.id.description), .text(record.direction.rawValue), .text(party),
                    .integer(amount.amount), .integer(record.begunAt.milliseconds), .integer(Int64(limit)),
                ]
            ) { Reading($0, RecordCoding.record) }
        }
        return readable("transaction", rows)
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
        let rows = try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.selected) FROM records WHERE \(RecordCoding.isWaiting) AND state = $1 LIMIT $2
                """,
                [.text(state.rawValue), .integer(Int64(limit))]
            ) { Reading($0, RecordCoding.record) }
        }
        return readable("transaction", rows)
    }
}
