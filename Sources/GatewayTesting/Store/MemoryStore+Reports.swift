import Gateway

extension MemoryStore: ReportRepository {
    package func totals(_ asked: ReportTotals.Asked) async throws(GatewayError) -> ReportTotals {
        let (cursor, groups, late, open) = try await read { tables in
            var groups: [[[String]: RollupSum]] = []
            for group in asked.groups {
                var sums: [[String]: RollupSum] = [:]
                for (place, sum) in tables.rollups where asked.question.includes(place) {
                    sums[group.map { $0.value(at: place) }, default: RollupSum()].add(sum)
                }
                groups.append(sums)
            }
            let cursor = tables.cursors["\(FeedReader.rollups) \(FeedReader.lane)"] ?? 0
            let late = tables.feed.filter {
                $0.position > cursor && $0.event.organization == asked.question.organization
            }
            return (cursor, groups, late, asked.hasOpen ? tables.open(asked.question) : [])
        }
        return try ReportTotals(asked, summed: groups, upTo: cursor, late: late, open: open)
    }

    package func open(_ question: ReportQuestion) async throws(GatewayError) -> [OpenSum] {
        try await read { tables in tables.open(question) }
    }

    package func batchesMade(
        _ question: ReportQuestion,
        countMax: Int
    ) async throws(GatewayError) -> [String: Int64] {
        let made = try await read { tables in
            tables.batches.values.filter { batch in
                batch.organization == question.organization && batch.environment == question.environment
                    && question.moments.contains(batch.createdAt)
            }
        }
        guard made.count <= countMax else { throw ReportQuestion.tooManyBatches(countMax) }
        return made.reduce(into: [:]) { counts, batch in
            guard question.madeBy.map({ $0 == batch.madeBy }) ?? true,
                question.accounts?.contains(batch.accountName) ?? true
            else { return }
            counts[batch.tool, default: 0] += 1
        }
    }

    package func counted(
        _ question: ReportQuestion,
        after record: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> CountedRecords {
        try await read { tables in
            let found =
                tables.sorted { other in
                    other.organization == question.organization && other.environment == question.environment
                        && record.map { other.id.raw > $0.raw } ?? true
                }
                .prefix(max(1, limit))
            var all = CountedRecords()
            for other in found {
                guard let place = RollupPlace(of: other), question.includes(place) else { continue }
                all.add(RollupSum(of: other), at: place, isTold: other.countedAt != nil)
            }
            all.records = found.count
            all.last = found.count < limit ? nil : found.last?.id
            return all
        }
    }

    package func balances(
        of organization: OrganizationID,
        in environment: Environment,
        accounts: Set<AccountName>?,
        before moment: Timestamp
    ) async throws(GatewayError) -> [ToldBalance] {
        let all = try await balanceHistory(
            of: organization,
            in: environment,
            accounts: accounts,
            before: moment,
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
            let sorted = found.sorted { ($1.at, $0.balance.name) < ($0.at, $1.balance.name) }
            let last = sorted.prefix(max(1, limit)).last?.at
            return sorted.filter { told in last.map { told.at >= $0 } ?? false }
        }
    }

    package func removeBalances(before moment: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        try await write { tables in
            let old = tables.balances.count { $0.at < moment }
            tables.balances.removeAll { $0.at < moment }
            return old
        }
    }

    package func keep(_ report: StoredReport, reportsMax: Int) async throws(GatewayError) -> StoredReport {
        try await write { tables in
            let earlier = tables.reports.values.first {
                $0.question.organization == report.question.organization
                    && $0.question.environment == report.question.environment && $0.key == report.key
                    && $0.expiresAt > report.madeAt
            }
            if let earlier, report.key != nil { return earlier }
            let kept = tables.reports.values.count {
                $0.question.organization == report.question.organization
                    && $0.question.environment == report.question.environment && $0.expiresAt > report.madeAt
            }
            guard kept < reportsMax else {
                throw GatewayError(.limitExceeded, "At most \(reportsMax) reports are kept; the oldest ones expire.")
            }
            tables.reports[report.id] = report
            return report
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

    package func reports(
        kind: String,
        like question: ReportQuestion,
        limit: Int
    ) async throws(GatewayError) -> [StoredReport] {
        try await read { tables in
            let found = tables.reports.values.filter { report in
                report.kind == kind && report.question.organization == question.organization
                    && report.question.environment == question.environment
                    && report.question.madeBy == question.madeBy && report.question.accounts == question.accounts
            }
            return found.sorted { $0.id > $1.id }.prefix(max(1, limit)).map(\.head)
        }
    }

    package func emptyExpiredReports(at now: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        try await write { tables in
            let expired = tables.reports.values.filter { $0.expiresAt <= now && !$0.document.isEmpty }
                .prefix(max(1, limit))
            for report in expired { tables.reports[report.id] = report.head }
            return expired.count
        }
    }

    package func removeReports(expiredBefore moment: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        try await write { tables in
            let old = tables.reports.values.filter { $0.expiresAt < moment }.prefix(max(1, limit))
            for report in old { tables.reports[report.id] = nil }
            return old.count
        }
    }
}

extension MemoryTables {
    fileprivate func open(_ question: ReportQuestion) -> [OpenSum] {
        let open = sorted { record in
            record.organization == question.organization && record.environment == question.environment
                && record.recordClass == .transaction && !record.state.isEnded
                && question.madeBy.map { $0 == record.madeBy } ?? true
                && question.accounts?.contains(record.accountName) ?? true
        }
        let alike = Dictionary(grouping: open) { "\($0.state) \($0.direction) \($0.tool) \($0.accountName)" }
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
            correctedTo: correctedTo,
            key: key,
            document: []
        )
    }
}
