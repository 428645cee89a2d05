import Gateway

/// A page of an organization's records, newest first, found without reading all of them.
///
/// A list by party goes by the index of parties, day by day; one by a status other than SUCCESS by the index of what has
/// not succeeded; every other by the records themselves. However rare what it looks for is, it reads at most
/// `StoreSettings.listEntriesMax` entries, or so many days: a page may be short, or empty, and says where the next goes
/// on.
struct RecordList {
    let filter: RecordFilter
    let organization: OrganizationID
    let environment: Environment
    /// The digest of the party that is looked for.
    let party: Int64?
    let words: SQLWords
    let settings: StoreSettings
    /// What is done with rows that cannot be read.
    let readable: @Sendable ([Reading<Record>]) -> [Record]

    private static let dayMilliseconds: Int64 = 86_400_000
    /// How far apart a record's id and its creation may be.
    private static let slack: Duration = .seconds(3600)
    /// How many days one question asks about.
    private static let daysAtOnce: Int64 = 32

    func page(in sql: any SQLSession) throws -> RecordPage {
        if let party { return try pageByDay(party, in: sql) }
        var (records, high) = ([Record](), highest)
        let most = max(1, settings.listEntriesMax)
        let few = min(most, filter.limit * 4)
        // Nearly always the newest hold a page, and only where they do not is more looked through.
        for count in [few, most - few] where count > 0 {
            let low = try floor(below: high, count, in: sql)
            let wanted = filter.limit - records.count
            records += try self.records(from: max(low, lowest), below: high, limit: wanted, in: sql)
            if records.count >= filter.limit { return RecordPage(records: records, next: records.last?.id) }
            if low.isEmpty { return RecordPage(records: records, next: nil) }
            high = low
        }
        return RecordPage(records: records, next: RecordID(high))
    }

    // MARK: Where it looks

    /// The ids of a time range begin here; text, as they are compared.
    private var lowest: String { filter.from.map { Self.id(at: $0 + Self.slack * -1) } ?? "" }

    /// They end before this.
    private var highest: String {
        let until = filter.until.map { Self.id(at: $0 + Self.slack) } ?? "~"
        return min(until, filter.before?.description ?? "~")
    }

    private static func id(at moment: Timestamp) -> String {
        Identifier(at: Timestamp(milliseconds: max(0, moment.milliseconds)), random: (0, 0)).description
    }

    /// Whether the states that are looked for are all in the index of what has not succeeded.
    private var isUnsuccessful: Bool { filter.status.map { $0 != RecordState.succeeded.status } ?? false }

    private var index: String {
        if party != nil { return words.index("records_by_party") }
        return isUnsuccessful ? words.index("records_not_succeeded") : ""
    }

    /// Where so many entries end; empty where there are not as many.
    private func floor(below high: String, _ count: Int, in sql: any SQLSession) throws -> String {
        let inIndex = isUnsuccessful ? "AND environment = $2 AND state <> 'succeeded'" : "AND $2 <> ''"
        return try sql.first(
            """
            SELECT record_id FROM records\(index) WHERE organization_id = $1 \(inIndex)
                AND record_id >= $3 AND record_id < $4
            ORDER BY record_id DESC LIMIT 1 OFFSET $5
            """,
            [
                .text(organization.description), .text(environment.rawValue), .text(lowest), .text(high),
                .integer(Int64(count - 1)),
            ]
        ) { $0.text(0) ?? "" } ?? ""
    }

    // MARK: By party

    private func pageByDay(_ party: Int64, in sql: any SQLSession) throws -> RecordPage {
        guard let (oldest, newest) = try days(in: sql) else { return RecordPage(records: [], next: nil) }
        var records: [Record] = []
        var top = newest
        while top >= oldest {
            let bottom = max(oldest, top - Self.daysAtOnce + 1)
            let start = Self.id(at: Timestamp(milliseconds: bottom * Self.dayMilliseconds))
            let end = Self.id(at: Timestamp(milliseconds: (top + 1) * Self.dayMilliseconds))
            // A day more on either side: an id and its record's creation may lie on two sides of midnight.
            let days = (0..<Self.daysAtOnce + 2).map { bottom - 1 + $0 }
            records += try self.records(
                from: max(start, lowest),
                below: min(end, highest),
                limit: filter.limit - records.count,
                party: (party, days),
                in: sql
            )
            if records.count == filter.limit { return RecordPage(records: records, next: records.last?.id) }
            if newest - bottom >= Int64(settings.listDaysMax) && bottom > oldest {
                return RecordPage(records: records, next: RecordID(start))
            }
            top = bottom - 1
        }
        return RecordPage(records: records, next: nil)
    }

    /// The first and last day on which the organization may have records that are looked for.
    private func days(in sql: any SQLSession) throws -> (Int64, Int64)? {
        let ends = try ["ASC", "DESC"]
            .compactMap { order in
                try sql.first(
                    """
                    SELECT record_id FROM records WHERE organization_id = $1 AND record_id >= $2 AND record_id < $3
                    ORDER BY record_id \(order) LIMIT 1
                    """,
                    [.text(organization.description), .text(lowest), .text(highest)]
                ) { $0.text(0).flatMap { Identifier($0) } } ?? nil
            }
        guard ends.count == 2 else { return nil }
        return (Self.day(of: ends[0]), Self.day(of: ends[1]))
    }

    private static func day(of id: Identifier) -> Int64 { Int64(id.high >> 16) / dayMilliseconds }

    // MARK: The question

    private func records(
        from low: String,
        below high: String,
        limit: Int,
        party: (digest: Int64, days: [Int64])? = nil,
        in sql: any SQLSession
    ) throws -> [Record] {
        var clauses = ["organization_id = $1", "environment = $2", "record_id >= $3", "record_id < $4"]
        var values: [SQLValue] = [
            .text(organization.description), .text(environment.rawValue), .text(low), .text(high),
        ]
        func add(_ clause: String, _ value: SQLValue?) {
            guard let value else { return }
            values.append(value)
            clauses.append("\(clause) $\(values.count)")
        }
        if let party {
            let places = party.days.indices.map { "$\(values.count + 1 + $0)" }.joined(separator: ", ")
            values += party.days.map { .integer($0) }
            clauses.append("(created_ms / 86400000) IN (\(places))")
            add("party_digest =", .integer(party.digest))
        }
        add("class =", filter.recordClass.map { .text($0.rawValue) })
        add("operation =", filter.operation.map { .text($0) })
        add("party =", filter.party.map { .text($0) })
        add("made_by =", filter.madeBy.map { .text($0) })
        add("direction =", filter.direction.map { .text($0.rawValue) })
        add("reference =", filter.reference.map { .text($0) })
        add("receipt =", filter.receipt.map { .text($0) })
        add("amount >=", filter.amountMin.map { .integer($0) })
        add("amount <=", filter.amountMax.map { .integer($0) })
        add("created_ms >=", filter.from.map { .integer($0.milliseconds) })
        add("created_ms <", filter.until.map { .integer($0.milliseconds) })
        if let accounts = filter.accounts?.map(\.description).sorted() {
            let places = accounts.indices.map { "$\(values.count + 1 + $0)" }.joined(separator: ", ")
            values += accounts.map { .text($0) }
            clauses.append("COALESCE(account_name, '\(AccountName.main)') IN (\(places.isEmpty ? "''" : places))")
        }
        if let status = filter.status {
            let states = RecordState.allCases.filter { $0.status == status }.map { "'\($0.rawValue)'" }
            clauses.append("state IN (\(states.isEmpty ? "''" : states.joined(separator: ", ")))")
        }
        if isUnsuccessful { clauses.append("state <> 'succeeded'") }
        values.append(.integer(Int64(max(1, limit))))
        let rows = try Store.filling(limit) { (below: String?, limit: Int) -> [(row: Reading<Record>, place: String)] in
            var bound = values
            if let below { bound[3] = .text(below) }
            bound[bound.count - 1] = .integer(Int64(limit))
            return try sql.query(
                """
                SELECT \(RecordCoding.selected) FROM records\(index) WHERE \(clauses.joined(separator: " AND "))
                ORDER BY record_id DESC LIMIT $\(values.count)
                """,
                bound
            ) { (row: Reading($0, RecordCoding.record), place: $0.text(1) ?? "") }
        }
        return readable(rows)
    }
}
