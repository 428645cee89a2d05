import Gateway

extension Store: UsageRepository {
    package func usage(_ question: UsageQuestion) async throws(GatewayError) -> [UsageSum] {
        let parts = UsageQuestion.Part.allCases.filter(question.parts.contains)
        let columns = parts.map { $0.rawValue + ", " }.joined()
        // A day of Nairobi begins three hours before one of UTC; hours are whole in both.
        let start =
            question.period == .hour ? "hour_ms" : "(hour_ms + 10800000) / 86400000 * 86400000 - 10800000"
        let groups = ["1"] + parts.map(\.rawValue)
        let values: [SQLValue] = [
            .text(question.organization.description), .integer(question.from.milliseconds),
            .integer(question.until.milliseconds), .text(question.environment.rawValue),
            .integer(Int64(question.rowsMax + 1)),
        ]
        let rows = try await read { sql in
            try sql.query(
                """
                SELECT \(start), \(columns)SUM(succeeded), SUM(failed) FROM usage
                WHERE organization_id = $1 AND hour_ms >= $2 AND hour_ms < $3 AND environment = $4
                GROUP BY \(groups.joined(separator: ", ")) ORDER BY 1 LIMIT $5
                """,
                values
            ) { row in
                let texts = parts.enumerated().map { ($0.element, row.text($0.offset + 1) ?? "") }
                return UsageSum(
                    start: Timestamp(milliseconds: row.integer(0) ?? 0),
                    parts: Dictionary(uniqueKeysWithValues: texts.filter { !$0.1.isEmpty }),
                    succeeded: row.integer(parts.count + 1) ?? 0,
                    failed: row.integer(parts.count + 2) ?? 0
                )
            }
        }
        guard rows.count <= question.rowsMax else {
            throw GatewayError(
                .limitExceeded,
                "There are more than \(question.rowsMax) rows. Ask for less time, longer periods or fewer parts."
            )
        }
        return question.period == .month ? Store.months(of: rows) : rows
    }

    private static func months(of days: [UsageSum]) -> [UsageSum] {
        struct Place: Hashable {
            let month: Month
            let parts: [UsageQuestion.Part: String]
        }
        var months: [UsageSum] = []
        var places: [Place: Int] = [:]
        for day in days {
            let place = Place(month: Month(of: day.start), parts: day.parts)
            if let known = places[place] {
                months[known].succeeded += day.succeeded
                months[known].failed += day.failed
                continue
            }
            places[place] = months.count
            months.append(
                UsageSum(start: place.month.start, parts: day.parts, succeeded: day.succeeded, failed: day.failed)
            )
        }
        return months
    }

    package func volume(_ question: VolumeQuestion) async throws(GatewayError) -> [VolumeSum] {
        // Ids begin with the time, so that a time is a range of the key.
        let first = Identifier(at: question.from, random: (0, 0)).description.prefix(13)
        let last = Identifier(at: question.until, random: (0, 0)).description.prefix(13)
        let values: [SQLValue] = [
            .text(question.organization.description), .text(String(first)), .text(String(last)),
            .text(question.environment.rawValue), .integer(Int64(question.recordsMax)),
        ]
        return try await read { sql in
            try sql.query(
                """
                SELECT direction, state, COUNT(*), CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM (
                    SELECT direction, state, amount FROM records
                    WHERE organization_id = $1 AND record_id >= $2 AND record_id < $3 AND environment = $4
                        AND class = 'transaction'
                    LIMIT $5) AS found
                GROUP BY direction, state ORDER BY direction, state
                """,
                values
            ) { row in
                guard let direction = row.text(0).flatMap(OperationDirection.init(rawValue:)),
                    let state = row.text(1).flatMap(RecordState.init(rawValue:))
                else { throw SQLError(message: "a record's row is damaged") }
                return VolumeSum(
                    direction: direction,
                    state: state,
                    count: row.integer(2) ?? 0,
                    amount: row.integer(3) ?? 0
                )
            }
        }
    }

    // MARK: Invoices

    package func invoice(
        _ month: Month,
        organization: OrganizationID
    ) async throws(GatewayError) -> [InvoiceLine] {
        try await read { sql in
            try sql.query(
                """
                SELECT kind, tool, counted, description, quantity, unit_cents, made_by, made_ms FROM invoice_lines
                WHERE organization_id = $1 AND month = $2 ORDER BY line
                """,
                [.text(organization.description), .integer(Int64(month.number))]
            ) { row in
                guard let kind = row.text(0).flatMap(InvoiceLine.Kind.init(rawValue:)) else {
                    throw SQLError(message: "an invoice's row is damaged")
                }
                return InvoiceLine(
                    kind: kind,
                    tool: row.text(1),
                    counted: row.text(2),
                    text: row.text(3) ?? "",
                    quantity: row.integer(4) ?? 0,
                    unitCents: row.integer(5) ?? 0,
                    madeBy: row.text(6) ?? "",
                    madeAt: Timestamp(milliseconds: row.integer(7) ?? 0)
                )
            }
        }
    }

    package func invoices(
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [(month: Month, cents: Int64)] {
        try await read { sql in
            try sql.query(
                """
                SELECT month, CAST(SUM(amount_cents) AS BIGINT) FROM invoice_lines
                WHERE organization_id = $1 GROUP BY month ORDER BY month DESC LIMIT $2
                """,
                [.text(organization.description), .integer(Int64(max(1, limit)))]
            ) { row in
                let number = row.integer(0) ?? 0
                let text = "\(number / 100)-\(number % 100 < 10 ? "0" : "")\(number % 100)"
                guard let month = Month(text) else { throw SQLError(message: "an invoice's row is damaged") }
                return (month, row.integer(1) ?? 0)
            }
        }
    }

    package func add(
        _ lines: [InvoiceLine],
        to month: Month,
        organization: OrganizationID,
        isNew: Bool
    ) async throws(GatewayError) {
        let place: [SQLValue] = [.text(organization.description), .integer(Int64(month.number))]
        let refusal = GatewayError(
            .conflict,
            isNew
                ? "The month has an invoice. Correct it by lines that are added."
                : "The month has no invoice that could be corrected."
        )
        try await change(of: organization, conflict: "The invoice is being written.") { sql in
            let last =
                try sql.first(
                    "SELECT MAX(line) FROM invoice_lines WHERE organization_id = $1 AND month = $2",
                    place
                ) { $0.integer(0) ?? 0 } ?? 0
            guard (last == 0) == isNew else { throw refusal }
            for (index, line) in lines.enumerated() {
                try sql.execute(
                    """
                    INSERT INTO invoice_lines (organization_id, month, line, kind, tool, counted, description, quantity,
                        unit_cents, amount_cents, made_by, made_ms)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                    """,
                    place + [
                        .integer(last + Int64(index) + 1), .text(line.kind.rawValue), .optional(line.tool),
                        .optional(line.counted), .text(line.text), .integer(line.quantity),
                        .integer(line.unitCents), .integer(line.amountCents), .text(line.madeBy),
                        .integer(line.madeAt.milliseconds),
                    ]
                )
            }
        }
    }
}
