import Gateway
import OrderedJSON

/// What reports are made of: sums, what is open, and what became true.
extension Store {
    /// How often sums are read again that were added to meanwhile.
    private static let readingsMax = 5

    package func totals(_ question: ReportQuestion) async throws(GatewayError) -> ReportTotals {
        try await read { sql in
            var totals = try Store.totals(question, in: sql)
            // Sums and the reader's place are one commit: where the place has not moved, all that was read belongs to it.
            for _ in 1..<Store.readingsMax {
                let position = try Store.cursor(of: FeedReader.rollups, FeedReader.lane, in: sql)
                if position == totals.position { break }
                totals = try Store.totals(question, in: sql)
            }
            return totals
        }
    }

    private static func totals(_ question: ReportQuestion, in sql: any SQLSession) throws -> ReportTotals {
        let position = try cursor(of: FeedReader.rollups, FeedReader.lane, in: sql)
        let newest = try sql.first(
            "SELECT MAX(position) FROM feed WHERE lane = $1",
            [.integer(Int64(FeedReader.lane))]
        ) { $0.integer(0) ?? 0 }
        let (narrowed, values) = narrowing(question)
        let rows = try sql.query(
            """
            SELECT organization_id, environment, day, account, source, direction, tool, made_by, outcome, 0, \(sums)
            FROM rollups WHERE organization_id = $1 AND environment = $2 AND day BETWEEN $3 AND $4 \(narrowed)
            GROUP BY organization_id, environment, day, account, source, direction, tool, made_by, outcome
            """,
            values,
            rollup
        )
        let hours = try sql.query(
            """
            SELECT hour, direction, outcome, \(sums) FROM rollups
            WHERE organization_id = $1 AND environment = $2 AND day BETWEEN $3 AND $4 \(narrowed)
            GROUP BY hour, direction, outcome
            """,
            values,
            hour
        )
        let something = { (sum: RollupSum) in sum != RollupSum() }
        return ReportTotals(
            rows: Dictionary(rows) { first, _ in first }.filter { something($0.value) },
            hours: Dictionary(hours) { first, _ in first }.filter { something($0.value) },
            position: position,
            newest: max(position, newest ?? 0)
        )
    }

    private static let sums = ["transactions", "amount", "fee_cents", "fees_stated"]
        .map { "CAST(SUM(\($0)) AS BIGINT)" }.joined(separator: ", ")

    private static func hour(_ row: any SQLRow) throws -> (ReportHour, RollupSum) {
        guard let direction = row.text(1).flatMap(OperationDirection.init(rawValue:)),
            let outcome = row.text(2).flatMap(RecordState.init(rawValue:))
        else { throw SQLError(message: "a rollup's row is damaged") }
        let hour = ReportHour(hour: row.integer(0) ?? 0, direction: direction, outcome: outcome)
        return (hour, rollupSum(row, from: 3))
    }

    /// What narrows the rows of some days, and the values of all places in the statement.
    private static func narrowing(_ question: ReportQuestion) -> (clauses: String, values: [SQLValue]) {
        var values: [SQLValue] = [
            .text(question.organization.description), .text(question.environment.rawValue),
            .integer(question.days.lowerBound), .integer(question.days.upperBound),
        ]
        let clauses = narrow(question, account: "account", &values)
        return (clauses, values)
    }

    private static func narrow(_ question: ReportQuestion, account: String, _ values: inout [SQLValue]) -> String {
        var clauses = ""
        if let madeBy = question.madeBy {
            values.append(.text(madeBy))
            clauses += " AND made_by = $\(values.count)"
        }
        if let accounts = question.accounts?.map(\.description).sorted() {
            let places = accounts.indices.map { "$\(values.count + 1 + $0)" }.joined(separator: ", ")
            values += accounts.map { .text($0) }
            clauses += " AND \(account) IN (\(places.isEmpty ? "''" : places))"
        }
        return clauses
    }

    package func open(_ question: ReportQuestion) async throws(GatewayError) -> [OpenSum] {
        var values: [SQLValue] = [.text(question.organization.description), .text(question.environment.rawValue)]
        let account = "COALESCE(account_name, '\(AccountName.main)')"
        let narrowed = Store.narrow(question, account: account, &values)
        let all = values
        return try await read { sql in
            // An index each, so a question each.
            try RecordCoding.open.flatMap { condition in
                try sql.query(
                    """
                    SELECT state, direction, tool, \(account), COUNT(*), CAST(SUM(COALESCE(amount, 0)) AS BIGINT),
                        MIN(created_ms)
                    FROM records WHERE organization_id = $1 AND environment = $2 \(narrowed)
                        AND class = 'transaction' AND \(condition)
                    GROUP BY state, direction, tool, \(account)
                    """,
                    all,
                    Store.openSum
                )
            }
        }
    }

    private static func openSum(_ row: any SQLRow) throws -> OpenSum {
        guard let state = row.text(0).flatMap(RecordState.init(rawValue:)),
            let direction = row.text(1).flatMap(OperationDirection.init(rawValue:))
        else { throw SQLError(message: "an open record's row is damaged") }
        return OpenSum(
            state: state,
            direction: direction,
            tool: row.text(2) ?? "",
            account: row.text(3) ?? "",
            transactions: row.integer(4) ?? 0,
            amount: row.integer(5) ?? 0,
            oldest: Timestamp(milliseconds: row.integer(6) ?? 0)
        )
    }

    package func counted(
        _ question: ReportQuestion,
        after record: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> (sums: [RollupPlace: RollupSum], last: RecordID?) {
        let (organization, environment) = (question.organization, question.environment)
        return try await read { sql in
            let rows = try sql.query(
                """
                SELECT record_id, class, state, ended_ms, detail, COALESCE(account_name, '\(AccountName.main)'), direction,
                    tool, made_by, amount
                FROM records WHERE organization_id = $1 AND environment = $2 AND record_id > $3
                ORDER BY record_id LIMIT $4
                """,
                [
                    .text(organization.description), .text(environment.rawValue),
                    .text(record?.description ?? ""), .integer(Int64(max(1, limit))),
                ]
            ) { row in (row.text(0), try Store.counted(row, organization, environment)) }
            var sums: [RollupPlace: RollupSum] = [:]
            for case (_, let counted?) in rows where question.includes(counted.place) {
                sums[counted.place, default: RollupSum()].add(counted.sum)
            }
            return (sums, rows.count < limit ? nil : rows.last?.0.flatMap { RecordID($0) })
        }
    }

    /// Where a record is counted that has ended and moves money.
    private static func counted(
        _ row: any SQLRow,
        _ organization: OrganizationID,
        _ environment: Gateway.Environment
    ) throws -> Rollups.Change? {
        guard row.text(1) == RecordClass.transaction.rawValue,
            let state = row.text(2).flatMap(RecordState.init(rawValue:)), state.isEnded,
            let direction = row.text(6).flatMap(OperationDirection.init(rawValue:))
        else { return nil }
        let detail = try JSON(parsing: row.text(4) ?? "")
        guard let moment = detail["counted_ms"]?.integerValue ?? row.integer(3) else { return nil }
        let place = RollupPlace(
            organization: organization,
            environment: environment,
            day: RollupPlace.day(of: Timestamp(milliseconds: moment)),
            account: row.text(5) ?? "",
            source: FeedEvent.ownCalls,
            direction: direction,
            tool: row.text(7) ?? "",
            madeBy: row.text(8) ?? "",
            outcome: state,
            hour: RollupPlace.hour(of: Timestamp(milliseconds: moment))
        )
        let sum = RollupSum(amount: row.integer(9) ?? 0, feeCents: detail["fee_cents"]?.integerValue)
        return Rollups.Change(place: place, sum: sum)
    }

    package func changes(
        of organization: OrganizationID,
        after position: Int64,
        behind id: Identifier,
        limit: Int
    ) async throws(GatewayError) -> [FeedEntry] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(Store.feedColumns) FROM feed WHERE organization_id = $1 AND event_id > $2 AND position > $3
                ORDER BY event_id LIMIT $4
                """,
                [
                    .text(organization.description), .text(id.description), .integer(position),
                    .integer(Int64(max(1, limit))),
                ],
                Store.feedEntry
            )
        }
    }
}
