import Gateway

/// Reports that are kept.
extension Store: ReportRepository {
    /// All but the document.
    private static let reportHead = """
        organization_id, report_id, environment, kind, from_day, to_day, made_by, made_ms, expires_ms, maker, accounts,
        position, corrected, keep_key
        """
    private static let reportColumns = reportHead + ", document"

    package func keep(_ report: StoredReport, reportsMax: Int) async throws(GatewayError) -> StoredReport {
        let question = report.question
        let accounts = Store.text(of: question.accounts)
        let place: [SQLValue] = [
            .text(question.organization.description), .text(question.environment.rawValue),
            .integer(report.madeAt.milliseconds),
        ]
        return try await write { session in
            if let key = report.key {
                let earlier = try session.sql.first(
                    """
                    SELECT \(Store.reportColumns) FROM reports
                    WHERE organization_id = $1 AND environment = $2 AND expires_ms > $3 AND keep_key = $4
                    """,
                    place + [.text(key)],
                    Store.storedReport
                )
                if let earlier { return earlier }
            }
            let kept = try session.sql.first(
                "SELECT COUNT(*) FROM reports WHERE organization_id = $1 AND environment = $2 AND expires_ms > $3",
                place
            ) { $0.integer(0) ?? 0 }
            guard (kept ?? 0) < Int64(reportsMax) else {
                throw GatewayError(.limitExceeded, "At most \(reportsMax) reports are kept; the oldest ones expire.")
            }
            try session.sql.execute(
                """
                INSERT INTO reports (\(Store.reportColumns))
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                """,
                [
                    .text(question.organization.description), .text(report.id.description),
                    .text(question.environment.rawValue), .text(report.kind), .integer(question.days.lowerBound),
                    .integer(question.days.upperBound), .text(report.madeBy), .integer(report.madeAt.milliseconds),
                    .integer(report.expiresAt.milliseconds), .optional(question.madeBy), .optional(accounts),
                    .integer(report.position), .integer(report.correctedTo), .optional(report.key),
                    .text(String(decoding: report.document, as: UTF8.self)),
                ]
            )
            return report
        }
    }

    package func batchesMade(
        _ question: ReportQuestion,
        countMax: Int
    ) async throws(GatewayError) -> [String: Int64] {
        let made = try await read { sql in
            try sql.query(
                """
                SELECT detail FROM batches
                WHERE organization_id = $1 AND environment = $2 AND created_ms >= $3 AND created_ms < $4 LIMIT $5
                """,
                [
                    .text(question.organization.description), .text(question.environment.rawValue),
                    .integer(question.moments.lowerBound.milliseconds),
                    .integer(question.moments.upperBound.milliseconds), .integer(Int64(countMax) + 1),
                ]
            ) { BatchCoding.making($0.text(0) ?? "") }
        }
        guard made.count <= countMax else { throw ReportQuestion.tooManyBatches(countMax) }
        return made.compactMap { $0 }
            .reduce(into: [:]) { counts, batch in
                guard question.madeBy.map({ $0 == batch.madeBy }) ?? true,
                    question.accounts?.contains(batch.account) ?? true
                else { return }
                counts[batch.tool, default: 0] += 1
            }
    }

    package func report(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Gateway.Environment,
        now: Timestamp
    ) async throws(GatewayError) -> StoredReport? {
        try await read { sql in
            try sql.first(
                """
                SELECT \(Store.reportColumns) FROM reports
                WHERE organization_id = $1 AND report_id = $2 AND environment = $3 AND expires_ms > $4
                """,
                [
                    .text(organization.description), .text(id.description), .text(environment.rawValue),
                    .integer(now.milliseconds),
                ],
                Store.storedReport
            )
        }
    }

    package func reports(
        organization: OrganizationID,
        environment: Gateway.Environment,
        kind: String?,
        before: Identifier?,
        limit: Int,
        now: Timestamp
    ) async throws(GatewayError) -> [StoredReport] {
        var values: [SQLValue] = [
            .text(organization.description), .text(environment.rawValue), .integer(now.milliseconds),
            .text(before?.description ?? "~"),
        ]
        if let kind { values.append(.text(kind)) }
        values.append(.integer(Int64(max(1, limit))))
        let (all, narrowed) = (values, kind == nil ? "" : "AND kind = $5")
        return try await read { sql in
            try sql.query(
                """
                SELECT \(Store.reportHead), '' FROM reports
                WHERE organization_id = $1 AND environment = $2 AND expires_ms > $3 AND report_id < $4 \(narrowed)
                ORDER BY report_id DESC LIMIT $\(all.count)
                """,
                all,
                Store.storedReport
            )
        }
    }

    /// Accounts as one text, in one order; nil for all of them.
    static func text(of accounts: Set<AccountName>?) -> String? {
        accounts.map { $0.map(\.description).sorted().joined(separator: ",") }
    }

    /// The accounts of such a text.
    static func accounts(in text: String?) -> Set<AccountName>? {
        text.map { Set($0.split(separator: ",").compactMap { AccountName(String($0)) }) }
    }

    package func reports(
        kind: String,
        like question: ReportQuestion,
        limit: Int
    ) async throws(GatewayError) -> [StoredReport] {
        let values: [SQLValue] = [
            .text(question.organization.description), .text(question.environment.rawValue), .text(kind),
            // No account and no subject is called so.
            .text(question.madeBy ?? "*"), .text(Store.text(of: question.accounts) ?? "*"),
            .integer(Int64(max(1, limit))),
        ]
        return try await read { sql in
            try sql.query(
                """
                SELECT \(Store.reportHead), '' FROM reports
                WHERE organization_id = $1 AND environment = $2 AND kind = $3 AND COALESCE(maker, '*') = $4
                    AND COALESCE(accounts, '*') = $5
                ORDER BY report_id DESC LIMIT $6
                """,
                values,
                Store.storedReport
            )
        }
    }

    package func emptyExpiredReports(at now: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        try await changeReports(
            "document <> '' AND expires_ms <= $1",
            now,
            limit,
            by: "UPDATE reports SET document = '' WHERE organization_id = $1 AND report_id = $2"
        )
    }

    package func removeReports(expiredBefore moment: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        try await changeReports(
            "expires_ms < $1",
            moment,
            limit,
            by: "DELETE FROM reports WHERE organization_id = $1 AND report_id = $2"
        )
    }

    private func changeReports(
        _ condition: String,
        _ moment: Timestamp,
        _ limit: Int,
        by change: String
    ) async throws(GatewayError) -> Int {
        let found = try await read { sql in
            try sql.query(
                "SELECT organization_id, report_id FROM reports WHERE \(condition) LIMIT $2",
                [.integer(moment.milliseconds), .integer(Int64(max(1, limit)))]
            ) { ($0.text(0) ?? "", $0.text(1) ?? "") }
        }
        guard !found.isEmpty else { return 0 }
        try await write { session in
            for (organization, report) in found {
                try session.sql.execute(change, [.text(organization), .text(report)])
            }
        }
        return found.count
    }

    private static func storedReport(_ row: any SQLRow) throws -> StoredReport {
        let (first, last) = (row.integer(4) ?? 0, row.integer(5) ?? 0)
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ Identifier($0) }),
            let environment = row.text(2).flatMap(Gateway.Environment.init(rawValue:)), first <= last
        else { throw SQLError(message: "a report's row is damaged") }
        let question = ReportQuestion(
            organization: organization,
            environment: environment,
            days: first...last,
            madeBy: row.text(9),
            accounts: accounts(in: row.text(10))
        )
        return StoredReport(
            id: id,
            kind: row.text(3) ?? "",
            question: question,
            madeBy: row.text(6) ?? "",
            madeAt: Timestamp(milliseconds: row.integer(7) ?? 0),
            expiresAt: Timestamp(milliseconds: row.integer(8) ?? 0),
            position: row.integer(11) ?? 0,
            correctedTo: row.integer(12) ?? 0,
            key: row.text(13),
            document: Array((row.text(14) ?? "").utf8)
        )
    }
}
