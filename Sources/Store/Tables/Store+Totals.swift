import Gateway
import OrderedJSON

/// What reports are made of: sums, what is open, and what became true.
extension Store {
    package func totals(_ asked: ReportTotals.Asked) async throws(GatewayError) -> ReportTotals {
        try await readAtOnce { sql in
            let question = asked.question
            let cursor = try Store.cursor(of: FeedReader.rollups, FeedReader.lane, in: sql)
            let late = try self.feed(
                FeedReader.lane,
                of: question.organization,
                after: cursor,
                limit: asked.lateMax + 1,
                in: sql
            )
            var groups: [[[String]: RollupSum]] = []
            for group in asked.groups {
                let sums = try Store.sums(by: group, of: question, rowsMax: asked.rowsMax, in: sql)
                guard let sums else { throw asked.isTooMuch }
                groups.append(sums)
            }
            return try ReportTotals(
                asked,
                summed: groups,
                upTo: cursor,
                late: late,
                open: asked.hasOpen ? Store.open(question, in: sql) : []
            )
        }
    }

    /// The sums of one way to tell them apart; nil where there are more rows than those.
    private static func sums(
        by group: [ReportGroup],
        of question: ReportQuestion,
        rowsMax: Int,
        in sql: any SQLSession
    ) throws -> [[String]: RollupSum]? {
        var (narrowed, values) = narrowing(question)
        values.append(.integer(Int64(rowsMax) + 1))
        let columns = group.map(\.column)
        let selected = (columns + [sums]).joined(separator: ", ")
        let grouped = columns.isEmpty ? "" : "GROUP BY " + columns.joined(separator: ", ")
        let rows = try sql.query(
            """
            SELECT \(selected) FROM rollups
            WHERE organization_id = $1 AND environment = $2 AND day BETWEEN $3 AND $4 \(narrowed) \(grouped)
            LIMIT $\(values.count)
            """,
            values
        ) { row in
            let key = try group.enumerated().map { try $0.element.value(in: row, $0.offset) }
            return (key, rollupSum(row, from: group.count))
        }
        guard rows.count <= rowsMax else { return nil }
        return rows.reduce(into: [:]) { $0[$1.0, default: RollupSum()].add($1.1) }
    }

    private static let sums = ["transactions", "amount", "fee_cents", "fees_stated"]
        .map { "CAST(SUM(\($0)) AS BIGINT)" }.joined(separator: ", ")

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
        try await read { sql in try Store.open(question, in: sql) }
    }

    private static func open(_ question: ReportQuestion, in sql: any SQLSession) throws -> [OpenSum] {
        let (text, values) = openSums(question)
        return try sql.query(text, values, openSum)
    }

    /// The question for what is open, by the organization's own index.
    static func openSums(_ question: ReportQuestion) -> (text: String, values: [SQLValue]) {
        var values: [SQLValue] = [.text(question.organization.description), .text(question.environment.rawValue)]
        let account = "COALESCE(account_name, '\(AccountName.main)')"
        let narrowed = narrow(question, account: account, &values)
        let text = """
            SELECT state, direction, tool, \(account), COUNT(*), CAST(SUM(COALESCE(amount, 0)) AS BIGINT),
                MIN(created_ms)
            FROM records WHERE organization_id = $1 AND environment = $2 \(narrowed)
                AND class = 'transaction' AND \(RecordCoding.isOpen)
            GROUP BY state, direction, tool, \(account)
            """
        return (text, values)
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
    ) async throws(GatewayError) -> CountedRecords {
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
            var all = CountedRecords()
            for case (_, let counted?) in rows where question.includes(counted.change.place) {
                all.add(counted.change.sum, at: counted.change.place, isTold: counted.isTold)
            }
            all.records = rows.count
            all.last = rows.count < limit ? nil : rows.last?.0.flatMap { RecordID($0) }
            return all
        }
    }

    /// Where a record is counted that has ended and moves money, and whether the feed has told of it.
    private static func counted(
        _ row: any SQLRow,
        _ organization: OrganizationID,
        _ environment: Gateway.Environment
    ) throws -> (change: Rollups.Change, isTold: Bool)? {
        guard row.text(1) == RecordClass.transaction.rawValue,
            let state = row.text(2).flatMap(RecordState.init(rawValue:)), state.isEnded,
            let direction = row.text(6).flatMap(OperationDirection.init(rawValue:))
        else { return nil }
        let detail = try JSON(parsing: row.text(4) ?? "")
        let told = detail["counted_ms"]?.integerValue
        guard let moment = told ?? row.integer(3) else { return nil }
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
        return (Rollups.Change(place: place, sum: sum), told != nil)
    }
}

extension ReportGroup {
    /// The column that it stands in.
    fileprivate var column: String {
        switch self {
        case .state, .status: "outcome"
        default: rawValue
        }
    }

    fileprivate func value(in row: any SQLRow, _ column: Int) throws -> String {
        switch self {
        case .day: return NairobiDay.text(row.integer(column) ?? 0)
        case .hour: return ReportGroup.text(ofHour: row.integer(column) ?? 0)
        case .status:
            guard let outcome = row.text(column).flatMap(RecordState.init(rawValue:)) else {
                throw SQLError(message: "a rollup's row is damaged")
            }
            return outcome.status
        default: return row.text(column) ?? ""
        }
    }
}
