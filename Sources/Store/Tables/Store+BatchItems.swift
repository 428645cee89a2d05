import Gateway

// The items of batches, which are records too.
extension Store {
    /// How many people are asked about at a time.
    private static let partiesMax = 100
    static let dayMilliseconds: Int64 = 86_400_000

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
        let rows = try await read { sql in
            try Store.filling(question.limit) { (after: Int64?, limit: Int) -> [(row: Reading<Record>, place: Int64)] in
                var values = all
                if let after { values[2] = .integer(after) }
                values[values.count - 1] = .integer(Int64(limit))
                return try sql.query(
                    """
                    SELECT \(RecordCoding.selected) FROM records\(index)
                    WHERE organization_id = $1 AND batch_id = $2 AND batch_sequence > $3 \(condition)
                    ORDER BY batch_sequence LIMIT $\(all.count)
                    """,
                    values
                ) { (row: Reading($0, RecordCoding.record), place: $0.integer(26) ?? .max) }
            }
        }
        let found = readable("transaction", rows)
        state.tell(ofDamaged: found)
        return found
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
        let place: [SQLValue] = [.text(organization.description), .text(id.description)]
        return try await read { sql in
            let isLeft = try sql.first(
                """
                SELECT 1 FROM records\(index)
                WHERE organization_id = $1 AND batch_id = $2 AND batch_id IS NOT NULL AND \(RecordCoding.isLeft) LIMIT 1
                """,
                place
            ) { _ in true }
            if isLeft == true { return true }
            // Nobody knows what became of one that has not ended and cannot be read: its batch is not over.
            return try sql.first(
                """
                SELECT 1 FROM records
                WHERE organization_id = $1 AND batch_id = $2 AND batch_id IS NOT NULL AND ended_ms IS NULL
                    AND (\(RecordCoding.isUnread)) LIMIT 1
                """,
                place
            ) { _ in true } ?? false
        }
    }

    package func undecided(
        of id: BatchID,
        organization: OrganizationID,
        sentBy moment: Timestamp
    ) async throws(GatewayError) -> Int64 {
        let index = database.words.index("records_batch_left")
        return try await read { sql in
            try sql.first(
                """
                SELECT COUNT(*) FROM records\(index)
                WHERE organization_id = $1 AND sent_ms <= $2 AND batch_id = $3 AND batch_id IS NOT NULL
                    AND \(RecordCoding.isLeft) AND state IN ('accepted', 'unknown', 'reconciling')
                """,
                [.text(organization.description), .integer(moment.milliseconds), .text(id.description)]
            ) { $0.integer(0) ?? 0 } ?? 0
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
                // Of whose state nobody can read, a person must look.
                let state = row.text(0).flatMap(RecordState.init(rawValue:)) ?? .manual
                return (state, RollupSum(transactions: row.integer(1) ?? 0, amount: row.integer(2) ?? 0))
            }
        }
        return rows.reduce(into: [:]) { sums, row in sums[row.0, default: RollupSum()].add(row.1) }
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

    /// The same of some of them, by three indexes: by the days of what is young enough to be undecided; by their end of what
    /// was held, which may have been made long before it is sent; and what waits for a person, however old.
    private func recent(
        _ question: RecentPayments,
        of some: [String]
    ) async throws(GatewayError) -> [RecentPayment] {
        let oldest = question.from.milliseconds - RecentPayments.undecidedFor.wholeMilliseconds
        let days = oldest / Store.dayMilliseconds...question.until.milliseconds / Store.dayMilliseconds
        let digests = some.map {
            parties.digest(of: $0, organization: question.organization, environment: question.environment)
        }
        // Always as many places, so that there are few statements to keep prepared.
        let padded = digests + Array(repeating: digests[0], count: Store.partiesMax - digests.count)
        let people = padded.map { SQLValue.integer($0) }
        let (words, wanted) = (database.words, Set(some))
        return try await read { sql in
            var found: [RecordID: RecentPayment] = [:]
            for way in RecentWay.allCases {
                let first: [SQLValue] =
                    switch way {
                    case .byDay: days.map { .integer($0) }
                    case .held: [.integer(oldest)]
                    case .manual: []
                    }
                let rows = try sql.query(
                    way.statement(words, places: first.count, people: people.count),
                    first + people + RecentWay.values(of: question),
                    RecentWay.payment
                )
                for payment in rows.compactMap(\.self) where wanted.contains(payment.party) {
                    found[payment.record] = payment
                }
            }
            return found.values.sorted { $0.record.raw < $1.record.raw }
        }
    }
}

/// By which index earlier payments to somebody are found.
private enum RecentWay: CaseIterable {
    case byDay
    case held
    case manual

    func statement(_ words: SQLWords, places: Int, people: Int) -> String {
        let listed = { (first: Int, count: Int) in (first..<first + count).map { "$\($0)" }.joined(separator: ", ") }
        let (index, condition) =
            switch self {
            case .byDay: ("records_by_party", "(created_ms / 86400000) IN (\(listed(1, places))) AND ")
            case .held: ("records_held_by_party", "held_until_ms IS NOT NULL AND held_until_ms >= $1 AND ")
            case .manual: ("records_manual_by_party", "state = 'manual' AND ")
            }
        let unpaid = RecentPayment.unpaid.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
        let rest = places + people
        return """
            SELECT party, amount, record_id, created_ms FROM records\(words.index(index))
            WHERE \(condition)party_digest IN (\(listed(places + 1, people))) AND party_digest IS NOT NULL
                AND organization_id = $\(rest + 1) AND environment = $\(rest + 2) AND direction = $\(rest + 3)
                AND state NOT IN (\(unpaid)) AND (batch_id IS NULL OR batch_id <> $\(rest + 4))
                AND (created_ms >= $\(rest + 5) OR sent_ms >= $\(rest + 6) OR ended_ms >= $\(rest + 7)
                    OR \(RecordCoding.isOpen))
            """
    }

    static func values(of question: RecentPayments) -> [SQLValue] {
        let from = SQLValue.integer(question.from.milliseconds)
        return [
            .text(question.organization.description), .text(question.environment.rawValue),
            .text(question.direction.rawValue), .text(question.batch?.description ?? ""), from, from, from,
        ]
    }

    static func payment(_ row: any SQLRow) -> RecentPayment? {
        guard let party = row.text(0), let amount = row.integer(1), let record = row.text(2).flatMap({ RecordID($0) }),
            let madeAt = row.integer(3)
        else { return nil }
        return RecentPayment(
            party: party,
            amount: amount,
            record: record,
            madeAt: Timestamp(milliseconds: madeAt)
        )
    }
}
