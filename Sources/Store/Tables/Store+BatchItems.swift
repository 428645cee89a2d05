import Gateway

// The items of batches, which are records too.
extension Store {
    /// How many people are asked about at a time.
    private static let partiesMax = 100
    private static let dayMilliseconds: Int64 = 86_400_000

    package func items(_ question: BatchItems) async throws(GatewayError) -> [Record] {
        var more = ""
        var values: [SQLValue] = [
            .text(question.organization.description), .text(question.batch.description),
            .integer(Int64(question.after)),
        ]
        if let states = question.states {
            let words = states.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
            more += " AND state IN (\(words.isEmpty ? "''" : words))"
        }
        if let due = question.dueAt {
            values.append(.integer(due.milliseconds))
            more += " AND (state <> 'released' OR next_action_ms <= $\(values.count))"
        }
        values.append(.integer(Int64(max(1, question.limit))))
        // What is left to be sent has an index of its own: a batch of which most has left is not walked through for it.
        let index = question.states == [.draft, .released] ? database.words.index("records_batch_unsent") : ""
        let (all, condition) = (values, more)
        return try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.columns) FROM records\(index)
                WHERE organization_id = $1 AND batch_id = $2 AND batch_sequence > $3 \(condition)
                ORDER BY batch_sequence LIMIT $\(all.count)
                """,
                all,
                RecordCoding.record
            )
        }
    }

    package func undecidedItems(
        of account: AccountID,
        sentSince moment: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [UndecidedItem] {
        let index = database.words.index("records_batch_left")
        return try await read { sql in
            try sql.query(
                """
                SELECT record_id, batch_id, sent_ms FROM records\(index)
                WHERE organization_id = $1 AND sent_ms >= $2 AND batch_id IS NOT NULL AND \(RecordCoding.isLeft)
                    AND state <> 'manual' AND environment = $3
                    AND COALESCE(account_name, '\(AccountName.main)') = $4
                ORDER BY sent_ms DESC, record_id DESC LIMIT $5
                """,
                [
                    .text(account.organization.description), .integer(moment.milliseconds),
                    .text(account.environment.rawValue), .text(account.name.description),
                    .integer(Int64(max(1, limit))),
                ]
            ) { row in
                guard let record = row.text(0).flatMap({ RecordID($0) }),
                    let batch = row.text(1).flatMap({ BatchID($0) })
                else { throw SQLError(message: "a batch's item is damaged") }
                return UndecidedItem(
                    record: record,
                    batch: batch,
                    sentAt: Timestamp(milliseconds: row.integer(2) ?? 0)
                )
            }
        }
    }

    package func hasUndecided(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Bool {
        let index = database.words.index("records_batch_left")
        return try await read { sql in
            try sql.first(
                """
                SELECT 1 FROM records\(index)
                WHERE organization_id = $1 AND batch_id = $2 AND batch_id IS NOT NULL AND \(RecordCoding.isLeft) LIMIT 1
                """,
                [.text(organization.description), .text(id.description)]
            ) { _ in true } ?? false
        }
    }

    package func sums(
        of id: BatchID,
        organization: OrganizationID
    ) async throws(GatewayError) -> [RecordState: RollupSum] {
        let rows = try await read { sql in
            try sql.query(
                """
                SELECT state, COUNT(*), CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM records
                WHERE organization_id = $1 AND batch_id = $2 GROUP BY state
                """,
                [.text(organization.description), .text(id.description)]
            ) { row in
                guard let state = row.text(0).flatMap(RecordState.init(rawValue:)) else {
                    throw SQLError(message: "a record's state is damaged")
                }
                return (state, RollupSum(transactions: row.integer(1) ?? 0, amount: row.integer(2) ?? 0))
            }
        }
        return Dictionary(rows) { first, _ in first }
    }

    package func recent(_ question: RecentPayments) async throws(GatewayError) -> [RecentPayment] {
        var found: [RecentPayment] = []
        var parties = question.parties[...]
        while !parties.isEmpty {
            let some = Array(parties.prefix(Store.partiesMax))
            parties = parties.dropFirst(Store.partiesMax)
            found += try await recent(question, of: some)
        }
        return found
    }

    private func recent(
        _ question: RecentPayments,
        of some: [String]
    ) async throws(GatewayError) -> [RecentPayment] {
        let days =
            question.from.milliseconds / Store.dayMilliseconds...question.until.milliseconds
            / Store.dayMilliseconds
        let digests = some.map {
            parties.digest(of: $0, organization: question.organization, environment: question.environment)
        }
        // Always as many places, so that there are few statements to keep prepared.
        let padded = digests + Array(repeating: digests[0], count: Store.partiesMax - digests.count)
        let dayPlaces = days.indices.enumerated().map { "$\($0.offset + 1)" }.joined(separator: ", ")
        let count = days.count
        let partyPlaces = padded.indices.map { "$\(count + $0 + 1)" }.joined(separator: ", ")
        let rest = count + padded.count
        let unpaid = RecentPayment.unpaid.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
        let values: [SQLValue] =
            days.map { .integer($0) } + padded.map { .integer($0) } + [
                .text(question.organization.description), .text(question.environment.rawValue),
                .text(question.direction.rawValue), .integer(question.from.milliseconds),
            ]
        let (index, wanted) = (database.words.index("records_by_party"), Set(some))
        return try await read { sql in
            try sql.query(
                """
                SELECT party, amount, record_id FROM records\(index)
                WHERE (created_ms / 86400000) IN (\(dayPlaces)) AND party_digest IN (\(partyPlaces))
                    AND party_digest IS NOT NULL AND organization_id = $\(rest + 1) AND environment = $\(rest + 2)
                    AND direction = $\(rest + 3) AND created_ms >= $\(rest + 4) AND state NOT IN (\(unpaid))
                ORDER BY record_id
                """,
                values
            ) { row -> RecentPayment? in
                guard let party = row.text(0), wanted.contains(party), let amount = row.integer(1),
                    let record = row.text(2).flatMap({ RecordID($0) })
                else { return nil }
                return RecentPayment(party: party, amount: amount, record: record)
            }
            .compactMap(\.self)
        }
    }
}
