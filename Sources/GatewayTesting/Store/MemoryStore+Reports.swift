import Gateway

extension MemoryStore: ReportRepository {
    package func totals(_ question: ReportQuestion) async throws(GatewayError) -> ReportTotals {
        try await read { tables in
            let position = tables.cursors["\(FeedReader.rollups) \(FeedReader.lane)"] ?? 0
            var totals = ReportTotals(
                rows: [:],
                hours: [:],
                position: position,
                newest: max(position, tables.feed.last?.position ?? 0)
            )
            for (place, sum) in tables.rollups where question.includes(place) {
                totals.rows[place.ofWholeDay, default: RollupSum()].add(sum)
                let hour = ReportHour(hour: place.hour, direction: place.direction, outcome: place.outcome)
                totals.hours[hour, default: RollupSum()].add(sum)
            }
            totals.rows = totals.rows.filter { $0.value != RollupSum() }
            totals.hours = totals.hours.filter { $0.value != RollupSum() }
            return totals
        }
    }

    package func open(_ question: ReportQuestion) async throws(GatewayError) -> [OpenSum] {
        try await read { tables in
            let open = tables.sorted { record in
                record.organization == question.organization && record.environment == question.environment
                    && record.recordClass == .transaction && !record.state.isEnded
                    && question.madeBy.map { $0 == record.madeBy } ?? true
                    && question.accounts?.contains(record.accountName) ?? true
            }
            let alike = Dictionary(grouping: open) {
                "\($0.state) \($0.direction) \($0.tool) \($0.accountName)"
            }
            return alike.sorted { $0.key < $1.key }
                .compactMap { _, records in
                    guard let first = records.first else { return nil }
                    return OpenSum(
                        state: first.state,
                        direction: first.direction,
                        tool: first.tool,
                        account: first.accountName.description,
                        transactions: Int64(records.count),
                        amount: records.reduce(0) { $0 + ($1.intent.amount?.amount ?? 0) },
                        oldest: records.map(\.createdAt).min() ?? first.createdAt
                    )
                }
        }
    }

    package func counted(
        _ question: ReportQuestion,
        after record: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> (sums: [RollupPlace: RollupSum], last: RecordID?) {
        try await read { tables in
            let found =
                tables.sorted { other in
                    other.organization == question.organization && other.environment == question.environment
                        && record.map { other.id.raw > $0.raw } ?? true
                }
                .prefix(max(1, limit))
            var sums: [RollupPlace: RollupSum] = [:]
            for other in found {
                guard let place = RollupPlace(of: other), question.includes(place) else { continue }
                sums[place, default: RollupSum()].add(RollupSum(of: other))
            }
            return (sums, found.count < limit ? nil : found.last?.id)
        }
    }

    package func changes(
        of organization: OrganizationID,
        after position: Int64,
        behind id: Identifier,
        limit: Int
    ) async throws(GatewayError) -> [FeedEntry] {
        try await read { tables in
            let found = tables.feed.filter {
                $0.event.organization == organization && $0.position > position && $0.event.id > id
            }
            return Array(found.sorted { $0.event.id < $1.event.id }.prefix(max(1, limit)))
        }
    }

    package func balances(
        of organization: OrganizationID,
        in environment: Environment,
        accounts: Set<AccountName>?
    ) async throws(GatewayError) -> [ToldBalance] {
        let all = try await balanceHistory(
            of: organization,
            in: environment,
            accounts: accounts,
            before: Timestamp(milliseconds: .max),
            limit: .max
        )
        var newest: [String: ToldBalance] = [:]
        for told in all where newest[told.account + " " + told.balance.name] == nil {
            newest[told.account + " " + told.balance.name] = told
        }
        return newest.values.sorted { ($0.account, $0.balance.name) < ($1.account, $1.balance.name) }
    }

    package func balanceHistory(
        of organization: OrganizationID,
        in environment: Environment,
        accounts: Set<AccountName>?,
        before: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [ToldBalance] {
        try await read { tables in
            let found = tables.balances.filter { told in
                told.at < before && tables.record(told.record, organization, environment) != nil
                    && accounts?.contains { $0.description == told.account } ?? true
            }
            return Array(found.sorted { ($1.at, $0.balance.name) < ($0.at, $1.balance.name) }.prefix(max(1, limit)))
        }
    }

    package func removeBalances(before moment: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        try await write { tables in
            let old = tables.balances.count { $0.at < moment }
            tables.balances.removeAll { $0.at < moment }
            return old
        }
    }

    package func keep(_ report: StoredReport, reportsMax: Int) async throws(GatewayError) {
        try await write { tables in
            let kept = tables.reports.values.count {
                $0.question.organization == report.question.organization
                    && $0.question.environment == report.question.environment
            }
            guard kept < reportsMax else {
                throw GatewayError(.limitExceeded, "At most \(reportsMax) reports are kept; the oldest ones expire.")
            }
            tables.reports[report.id] = report
        }
    }

    package func report(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> StoredReport? {
        try await read { tables in
            guard let report = tables.reports[id], report.question.organization == organization,
                report.question.environment == environment, report.expiresAt > now
            else { return nil }
            return report
        }
    }

    package func reports(
        organization: OrganizationID,
        environment: Environment,
        kind: String?,
        before: Identifier?,
        limit: Int,
        now: Timestamp
    ) async throws(GatewayError) -> [StoredReport] {
        try await read { tables in
            let found = tables.reports.values.filter { report in
                report.question.organization == organization && report.question.environment == environment
                    && report.expiresAt > now && kind.map { $0 == report.kind } ?? true
                    && before.map { report.id < $0 } ?? true
            }
            return found.sorted { $0.id > $1.id }.prefix(max(1, limit)).map(\.head)
        }
    }

    package func removeExpiredReports(at now: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        try await write { tables in
            let expired = tables.reports.values.filter { $0.expiresAt <= now }.prefix(max(1, limit))
            for report in expired { tables.reports[report.id] = nil }
            return expired.count
        }
    }
}

extension StoredReport {
    fileprivate var head: StoredReport {
        StoredReport(
            id: id,
            kind: kind,
            question: question,
            madeBy: madeBy,
            madeAt: madeAt,
            expiresAt: expiresAt,
            position: position,
            document: []
        )
    }
}

extension RollupPlace {
    fileprivate var ofWholeDay: RollupPlace {
        RollupPlace(
            organization: organization,
            environment: environment,
            day: day,
            account: account,
            source: source,
            direction: direction,
            tool: tool,
            madeBy: madeBy,
            outcome: outcome,
            hour: 0
        )
    }
}
