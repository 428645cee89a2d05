import Gateway

extension Store: BatchRepository {
    package func commit(_ new: NewBatch) async throws(GatewayError) -> BatchOutcome {
        let (batch, digests) = (new.batch, new.items.map { digest(of: $0) })
        do {
            return try await database.write(within: patience(with: new.items.count)) {
                [closings, words = database.words] session in
                if closings.isClosed(batch.organization) { throw Undo(outcome: BatchOutcome.closed) }
                if let taken = try Self.batch(batch.id, batch.organization, in: session.sql) {
                    throw Undo(outcome: BatchOutcome.taken(taken))
                }
                if batch.repeats == nil, let same = try Self.same(as: new, in: session.sql), same != batch.retryOf {
                    throw Undo(outcome: BatchOutcome.sameItems(same))
                }
                if try Self.isFull(new, in: session.sql) { throw Undo(outcome: BatchOutcome.tooManyOpen) }
                if let quota = new.quota, try QuotaCounts.take(quota, in: session) == nil {
                    throw Undo(outcome: BatchOutcome.quotaSpent)
                }
                try session.sql.execute(
                    """
                    INSERT INTO batches (\(BatchCoding.columns))
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
                    """,
                    BatchCoding.values(batch)
                )
                for (item, party) in zip(new.items, digests) {
                    try RecordWriting.insert(item, events: [item.firstEvent], party: party, in: session)
                }
                guard try Self.noteRetries(new.items, in: session.sql) else {
                    throw Undo(outcome: BatchOutcome.retried)
                }
                if let known = new.known, try Self.isOvertaken(batch, since: known, words, in: session.sql) {
                    throw Undo(outcome: BatchOutcome.overtaken)
                }
                session.add(new.audit)
                session.tell(new.told)
                return .committed
            }
        } catch let undo as Undo<BatchOutcome> {
            return undo.outcome
        } catch { throw Store.unavailable(error) }
    }

    /// How long a commit of so many rows may take.
    private func patience(with rows: Int) -> Duration {
        rows < database.settings.manyRows ? database.settings.waitMax : database.settings.manyRowsMax
    }

    /// Whether as many of its organization are open as may be.
    private static func isFull(_ new: NewBatch, in sql: any SQLSession) throws -> Bool {
        let open = try sql.first(
            "SELECT COUNT(*) FROM batches WHERE organization_id = $1 AND ended_ms IS NULL",
            [.text(new.batch.organization.description)]
        ) { $0.integer(0) ?? 0 }
        return Int(open ?? 0) >= new.openMax
    }

    private func digest(of record: Record) -> Int64? {
        record.intent.party.map {
            parties.digest(of: $0, organization: record.organization, environment: record.environment)
        }
    }

    private static func batch(
        _ id: BatchID,
        _ organization: OrganizationID,
        in sql: any SQLSession
    ) throws -> Batch? {
        try sql.first(
            "SELECT \(BatchCoding.columns) FROM batches WHERE organization_id = $1 AND batch_id = $2",
            [.text(organization.description), .text(id.description)],
            BatchCoding.batch
        )
    }

    private static func same(as new: NewBatch, in sql: any SQLSession) throws -> BatchID? {
        try same(new.batch.content, new.batch.organization, new.batch.environment, new.sameSince, in: sql)
    }

    private static func same(
        _ content: [UInt8],
        _ organization: OrganizationID,
        _ environment: Environment,
        _ since: Timestamp,
        in sql: any SQLSession
    ) throws -> BatchID? {
        try sql.first(
            """
            SELECT batch_id FROM batches
            WHERE organization_id = $1 AND content = $2 AND environment = $3
                AND (created_ms >= $4 OR ended_ms >= $5 OR ended_ms IS NULL)
                AND (state <> 'cancelled' OR released_by IS NOT NULL)
            ORDER BY created_ms DESC LIMIT 1
            """,
            [
                .text(organization.description), .bytes(content), .text(environment.rawValue),
                .integer(since.milliseconds), .integer(since.milliseconds),
            ]
        ) { $0.text(0).flatMap { BatchID($0) } } ?? nil
    }

    package func batch(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Batch? {
        try await read { sql in try Self.batch(id, organization, in: sql) }
    }

    package func batch(
        containing content: [UInt8],
        organization: OrganizationID,
        environment: Environment,
        since: Timestamp
    ) async throws(GatewayError) -> BatchID? {
        try await read { sql in try Self.same(content, organization, environment, since, in: sql) }
    }

    package func batches(
        of organization: OrganizationID,
        environment: Environment,
        before: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch] {
        let rows = try await read { sql in
            let last = try before.flatMap { try Self.batch($0, organization, in: sql) }
            let first = BatchPage(made: last?.createdAt.milliseconds ?? .max, id: last?.id.description ?? "")
            return try Store.filling(limit) {
                (behind: BatchPage?, limit: Int) -> [(row: Reading<Batch>, place: BatchPage)] in
                let place = behind ?? first
                return try sql.query(
                    """
                    SELECT \(BatchCoding.columns) FROM batches
                    WHERE organization_id = $1 AND environment = $2
                        AND (created_ms < $3 OR created_ms = $4 AND batch_id < $5)
                    ORDER BY created_ms DESC, batch_id DESC LIMIT $6
                    """,
                    [
                        .text(organization.description), .text(environment.rawValue), .integer(place.made),
                        .integer(place.made), .text(place.id), .integer(Int64(limit)),
                    ]
                ) { row in
                    let place = BatchPage(made: row.integer(6) ?? 0, id: row.text(1) ?? "")
                    return (row: Reading(row, BatchCoding.batch), place: place)
                }
            }
        }
        return readable("batch", rows)
    }

    package func openBatches(at now: Timestamp, limit: Int) async throws(GatewayError) -> [Batch] {
        try await read { [state] sql in
            try sql.query(
                """
                SELECT \(BatchCoding.columns) FROM (
                    SELECT \(BatchCoding.columns),
                        ROW_NUMBER() OVER (PARTITION BY organization_id ORDER BY next_ms, batch_id) AS turn
                    FROM batches WHERE ended_ms IS NULL AND next_ms <= $1) AS due
                ORDER BY turn, next_ms, organization_id, batch_id LIMIT $2
                """,
                [.integer(now.milliseconds), .integer(Int64(max(1, limit)))],
                { Self.readable($0, orTell: state) }
            )
        }
        .compactMap { $0 }
    }

    package func postpone(_ batches: [Batch], until moment: Timestamp) async throws(GatewayError) {
        guard !batches.isEmpty else { return }
        try await write { session in
            // Always in the same order, so that two never wait for each other.
            for batch in batches.sorted(by: { $0.order < $1.order }) {
                try session.sql.execute(
                    """
                    UPDATE batches SET next_ms = $1
                    WHERE organization_id = $2 AND batch_id = $3 AND version = $4 AND ended_ms IS NULL
                    """,
                    [
                        .integer(moment.milliseconds), .text(batch.organization.description),
                        .text(batch.id.description), .integer(Int64(batch.version)),
                    ]
                )
            }
        }
    }

    package func openBatches(
        of organization: OrganizationID,
        in states: Set<BatchState>,
        after: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch] {
        let words = states.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
        return try await read { [state] sql in
            try sql.query(
                """
                SELECT \(BatchCoding.columns) FROM batches
                WHERE organization_id = $1 AND ended_ms IS NULL AND batch_id > $2
                    AND state IN (\(words.isEmpty ? "''" : words))
                ORDER BY batch_id LIMIT $3
                """,
                [
                    .text(organization.description), .text(after?.description ?? ""),
                    .integer(Int64(max(1, limit))),
                ],
                { Self.readable($0, orTell: state) }
            )
        }
        .compactMap { $0 }
    }

    /// A row's batch; nil for one that this version cannot read, such as of a state that a newer one knows.
    ///
    /// It stays as it is, and keeps no other from moving. The log has it once; whoever asks for it by its id is told.
    private static func readable(_ row: any SQLRow, orTell state: StoreState) -> Batch? {
        do { return try BatchCoding.batch(row) } catch {
            state.cannotRead("batch", of: row.text(0) ?? "", named: row.text(1) ?? "", because: "\(error)")
            return nil
        }
    }

    package func apply(_ change: BatchChange) async throws(GatewayError) -> Bool {
        let (batch, digests) = (change.batch, change.items.map { digest(of: $0) })
        let job = { @Sendable [words = database.words] (session: WriteSession) throws -> Bool in
            let changed = try session.sql.execute(
                """
                UPDATE batches SET state = $1, version = $2, until_ms = $3, ended_ms = $4, decided_by = $5,
                    released_by = $6, reason = $7, withdrawal = $8, approvers = $9, next_ms = $10, looked = $11,
                    strikes = $12
                WHERE organization_id = $13 AND batch_id = $14 AND version = $15
                """,
                [
                    .text(batch.state.rawValue), .integer(Int64(batch.version)), .integer(batch.until.milliseconds),
                    .optional(batch.endedAt?.milliseconds), .optional(batch.decidedBy), .optional(batch.releasedBy),
                    .optional(batch.reason), .optional(batch.withdrawal?.rawValue),
                    .optional(BatchCoding.approvers(batch)), .integer(batch.nextAt.milliseconds),
                    .optional(BatchCoding.looked(batch)), .optional(BatchCoding.strikes(batch)),
                    .text(batch.organization.description), .text(batch.id.description),
                    .integer(Int64(batch.version - 1)),
                ]
            )
            guard changed == 1 else { return false }
            for (item, party) in zip(change.items, digests) {
                try RecordWriting.insert(item, events: [item.firstEvent], party: party, in: session)
            }
            for struck in change.struck { try RecordWriting.apply(struck, with: { _ in false }, in: session) }
            if let known = change.known, try Self.isOvertaken(batch, since: known, words, in: session.sql) {
                throw Undo(outcome: false)
            }
            session.tell(change.told)
            return true
        }
        do {
            return try await database.write(within: patience(with: change.items.count), job)
        } catch let undo as Undo<Bool> {
            return undo.outcome
        } catch { throw Store.unavailable(error) }
    }

    /// Whether others have asked for a payment of the same amount to the receiver of a row that has not left, besides what was
    /// known of the rows when they were looked at.
    private static func isOvertaken(
        _ batch: Batch,
        since known: KnownPayments,
        _ words: SQLWords,
        in sql: any SQLSession
    ) throws -> Bool {
        let unpaid = RecentPayment.unpaid.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
        let day = known.since.milliseconds / Self.dayMilliseconds
        let others = try sql.query(
            """
            SELECT o.record_id FROM records AS i\(words.index("records_batch_unsent"))
                CROSS JOIN records AS o\(words.index("records_by_party"))
            WHERE i.organization_id = $1 AND i.batch_id = $2 AND i.batch_id IS NOT NULL
                AND i.state IN ('draft', 'released')
                AND (o.created_ms / 86400000) IN ($3, $4) AND o.party_digest = i.party_digest
                AND o.party_digest IS NOT NULL AND o.organization_id = $5 AND o.environment = $6
                AND o.direction = i.direction AND o.amount = i.amount AND o.party = i.party
                AND o.created_ms >= $7 AND (o.batch_id IS NULL OR o.batch_id <> $8) AND o.state NOT IN (\(unpaid))
            """,
            [
                .text(batch.organization.description), .text(batch.id.description), .integer(day), .integer(day + 1),
                .text(batch.organization.description), .text(batch.environment.rawValue),
                .integer(known.since.milliseconds), .text(batch.id.description),
            ]
        ) { $0.text(0).flatMap { RecordID($0) } }
        return others.contains { $0.map { !known.seen.contains($0) } ?? true }
    }

    /// Stops a batch in the commit that changes one of its items, if it runs.
    static func halt(_ halt: BatchHalt, of organization: OrganizationID, in session: WriteSession) throws {
        let changed = try session.sql.execute(
            """
            UPDATE batches SET state = $1, version = version + 1, decided_by = 'host', reason = $2, withdrawal = $3,
                until_ms = $4, next_ms = $5, approvers = NULL
            WHERE organization_id = $6 AND batch_id = $7 AND state IN ('running', $8)
            """,
            [
                .text(halt.state.rawValue), .text(halt.reason),
                .optional(halt.state == .broken ? Hold.Withdrawal.obsolete.rawValue : nil),
                .integer(halt.until.milliseconds), .integer(halt.state == .paused ? halt.remindAt.milliseconds : 0),
                .text(organization.description), .text(halt.batch.description),
                // What waits for money is broken all the same.
                .text(halt.state == .broken ? BatchState.paused.rawValue : BatchState.running.rawValue),
            ]
        )
        guard changed == 1, let batch = try batch(halt.batch, organization, in: session.sql) else { return }
        session.tell([halt.told(of: batch)])
    }
}

/// Where a page of batches goes on.
private struct BatchPage: Equatable {
    let made: Int64
    let id: String
}

extension Batch {
    /// Two batches are in the same order everywhere.
    fileprivate var order: String { "\(organization) \(id)" }
}
