import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

private let today = RollupPlace.day(of: moment)

private func question(
    _ days: ClosedRange<Int64> = today...today,
    madeBy: String? = nil,
    accounts: Set<AccountName>? = nil
) -> ReportQuestion {
    ReportQuestion(organization: ours, environment: .test, days: days, madeBy: madeBy, accounts: accounts)
}

private func place(_ change: (inout Parts) -> Void = { _ in }) -> RollupPlace {
    var parts = Parts()
    change(&parts)
    return RollupPlace(
        organization: ours,
        environment: .test,
        day: parts.day,
        account: parts.account,
        source: "calls",
        direction: parts.direction,
        tool: "t",
        madeBy: parts.madeBy,
        outcome: .succeeded,
        hour: parts.hour
    )
}

private struct Parts {
    var day = today
    var account = "main"
    var direction = OperationDirection.incoming
    var madeBy = "key:a"
    var hour: Int64 = 0
}

private func report(
    _ change: Int64 = 0,
    kind: String = "DAILY",
    at now: Timestamp = moment,
    life: Duration = .seconds(60),
    key: String? = nil,
    of organization: OrganizationID = ours
) -> StoredReport {
    StoredReport(
        id: newID(),
        kind: kind,
        question: ReportQuestion(
            organization: organization,
            environment: .test,
            days: today...(today + change),
            madeBy: "key:a",
            accounts: [.main]
        ),
        madeBy: "key:a",
        madeAt: now,
        expiresAt: now + life,
        position: 7,
        correctedTo: 5,
        key: key,
        document: JSON.object(["a": 1]).bytes
    )
}

struct `Sums for reports` {
    @Test func `count the batches that were made on their days, of those that may be seen`() async throws {
        try await withEachStore { (store) async throws in
            let start = RollupPlace.start(of: today)
            let moments = [start, start + .seconds(86_399), start + .seconds(86_400), start + .milliseconds(-1)]
            for (index, time) in moments.enumerated() {
                let id = try #require(BatchID("b-\(index)"))
                let batch = makeBatch(id, content: [UInt8(index)], at: time)
                #expect(try await store.commit(new(batch, [])) == .committed)
            }
            let theirs = makeBatch(try #require(BatchID("b-0")), at: start, of: theirs)
            #expect(try await store.commit(new(theirs, [])) == .committed)

            let made = { (question: ReportQuestion) in try await store.batchesMade(question, countMax: 2) }
            #expect(try await made(question()) == ["t": 2])
            #expect(try await made(question(madeBy: "user:1", accounts: [.main])) == ["t": 2])
            #expect(try await made(question(madeBy: "user:2")).isEmpty)
            #expect(try await made(question(accounts: [])).isEmpty)
            #expect(try await made(question(today + 2...today + 2)).isEmpty)
            await #expect(throws: GatewayError.self) { try await made(question(today...today + 1)) }
        }
    }

    @Test func `are told apart by everything, and by the hour of the day`() async throws {
        try await withEachStore { (store) async throws in
            let sum = RollupSum(transactions: 1, amount: 10, feeCents: 3, feesStated: 1)
            let places = [
                place(), place { $0.hour = 5 }, place { $0.madeBy = "key:b" }, place { $0.account = "shop" },
                place { $0.day = today + 1 },
            ]
            _ = try await store.add(
                Dictionary(uniqueKeysWithValues: places.map { ($0, sum) }),
                lane: FeedReader.lane,
                from: 0,
                to: 9
            )

            let sums = { (group: [ReportGroup], question: ReportQuestion) in
                try await store.totals(ReportTotals.Asked(question, by: [group])).groups[0]
            }
            let days = try await sums([.day, .madeBy, .account], question())
            let both = [NairobiDay.text(today), "key:a", "main"]
            #expect(days[both] == RollupSum(transactions: 2, amount: 20, feeCents: 6, feesStated: 2))
            #expect(days.count == 3)
            let hours = try await sums([.hour, .status], question())
            #expect(hours.mapValues(\.transactions) == [["00", "SUCCESS"]: 3, ["05", "SUCCESS"]: 1])
            #expect(try await sums([], question(madeBy: "key:b"))[[]]?.transactions == 1)
            #expect(try await sums([], question(accounts: [.main]))[[]]?.transactions == 3)
            #expect(try await sums([.tool], question(accounts: [])).isEmpty)
            let all = try await store.totals(ReportTotals.Asked(question(), by: [[], [.day]]))
            #expect(all.groups.count == 2 && all.position == 9 && all.late == 0 && all.open.isEmpty)
        }
    }

    @Test func `are refused where they are more rows than are asked for`() async throws {
        try await withEachStore { (store) async throws in
            let sum = RollupSum(transactions: 1, amount: 10)
            let changes = [place(): sum, place { $0.hour = 5 }: sum]
            _ = try await store.add(changes, lane: FeedReader.lane, from: 0, to: 9)

            let refusal = await #expect(throws: GatewayError.self) {
                try await store.totals(ReportTotals.Asked(question(), by: [[.hour]], rowsMax: 1))
            }
            #expect(refusal?.code == .limitExceeded)
            let few = try await store.totals(ReportTotals.Asked(question(), by: [[.day]], rowsMax: 1))
            #expect(few.groups[0].count == 1)
        }
    }

    /// What ends while nobody sums up is in the sums, and not in what is open: each transaction stands in one of them.
    @Test func `are of one place in the feed with what is open`() async throws {
        try await withEachStore { (store) async throws in
            let records = [makeRecord(), makeRecord()]
            for record in records { _ = try await store.commit(NewRecord(record: record)) }
            let paid = advanced(records[0], to: .succeeded).record
            let event = FeedEvent(
                organization: ours,
                id: newID(),
                kind: .succeeded,
                subject: paid.id.description,
                version: paid.version,
                at: moment,
                payload: [
                    "environment": "test", "tool": "t", "direction": "in", "account": "main", "source": "calls",
                    "made_by": "key:1", "state": "succeeded", "amount": 100,
                ]
            )
            _ = try await store.apply([RecordChange(record: paid, events: [], told: [event])])

            let totals = try await store.totals(ReportTotals.Asked(question(), by: [[.state]], hasOpen: true))

            #expect(totals.groups == [[["succeeded"]: RollupSum(transactions: 1, amount: 100)]])
            #expect(totals.open.map(\.transactions) == [1] && totals.position == 1 && totals.late == 1)
            let refusal = await #expect(throws: GatewayError.self) {
                try await store.totals(ReportTotals.Asked(question(), by: [], lateMax: 0))
            }
            #expect(refusal?.code == .unavailable)
        }
    }

    @Test func `of what is open are by where it stands`() async throws {
        try await withEachStore { (store) async throws in
            let records = [makeRecord(), makeRecord()]
            for record in records { _ = try await store.commit(NewRecord(record: record)) }

            let open = try await store.open(question())

            #expect(open.map(\.transactions) == [2] && open.map(\.state) == [records[0].state])
            #expect(open.first?.amount == records.reduce(0) { $0 + ($1.intent.amount?.amount ?? 0) })
            #expect(try await store.open(question(madeBy: "key:nobody")).isEmpty)
        }
    }

    @Test func `of what is open are found by the organization's own index`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            let (text, values) = Store.openSums(question())
            let steps = try await store.read { sql in
                try sql.query("EXPLAIN QUERY PLAN " + text, values) { $0.text(3) ?? "" }
            }

            let search = "SEARCH records USING INDEX records_open (organization_id=? AND environment=?)"
            #expect(steps == [search, "USE TEMP B-TREE FOR GROUP BY"])
            let open = RecordState.allCases.filter { !$0.isEnded }
            #expect(open.allSatisfy { RecordCoding.isOpen.contains("'\($0.rawValue)'") })
        }
    }

    @Test func `are counted from the records too, page by page`() async throws {
        try await withEachStore { (store) async throws in
            for _ in 0..<5 {
                let record = makeRecord()
                _ = try await store.commit(NewRecord(record: record))
                var next = advanced(record, to: .succeeded).record
                next.countedAt = moment
                next.feeCents = 7
                _ = try await store.apply([RecordChange(record: next, events: [])])
            }
            let old = makeRecord()
            _ = try await store.commit(NewRecord(record: old))
            _ = try await store.apply([advanced(old, to: .failed)])
            var (sum, before) = (RollupSum(), RollupSum())
            var last: RecordID?
            var sizes: [Int] = []
            repeat {
                let page = try await store.counted(question(), after: last, limit: 4)
                for found in page.sums.values { sum.add(found) }
                before.add(page.beforeFeed)
                last = page.last
                sizes.append(page.records)
            } while last != nil

            #expect(sum.transactions == 5 && sum.feeCents == 35 && sum.feesStated == 5 && sizes == [4, 2])
            #expect(before.transactions == 1, "what ended before there was a feed is told apart")
            let other = try await store.counted(question((today + 1)...(today + 1)), after: nil, limit: 10)
            #expect(other.sums.isEmpty)
        }
    }
}

struct `A report in the store` {
    @Test func `is as it was kept, until its time is over`() async throws {
        try await withEachStore { (store) async throws in
            let kept = report()
            try await store.keep(kept, reportsMax: 10)

            let find = { (organization: OrganizationID, now: Timestamp) in
                try await store.report(kept.id, organization: organization, environment: .test, now: now)
            }
            #expect(try await find(ours, moment) == kept)
            #expect(try await find(theirs, moment) == nil)
            #expect(try await find(ours, moment + .seconds(60)) == nil)
        }
    }

    @Test func `is kept once by its key, by each organization, until its time is over`() async throws {
        try await withEachStore { (store) async throws in
            let kept = report(key: "a")
            #expect(try await store.keep(kept, reportsMax: 1) == kept)
            // Also where there is room for no other.
            #expect(try await store.keep(report(key: "a"), reportsMax: 1) == kept)
            let (theirsToo, another, keyless) = (report(key: "a", of: theirs), report(key: "b"), report())
            #expect(try await store.keep(theirsToo, reportsMax: 1) == theirsToo)
            #expect(try await store.keep(another, reportsMax: 10) == another)
            for one in [keyless, report()] { #expect(try await store.keep(one, reportsMax: 10) == one) }

            let later = report(at: moment + .seconds(60), key: "a")
            #expect(try await store.keep(later, reportsMax: 10) == later)
            let again = report(at: moment + .seconds(61), key: "a")
            #expect(try await store.keep(again, reportsMax: 10) == later)
        }
    }

    @Test func `is remembered without what it said once its time is over`() async throws {
        try await withEachStore { (store) async throws in
            let kept = report()
            try await store.keep(kept, reportsMax: 10)
            let end = moment + .seconds(60)
            let remembered = { (question: ReportQuestion) in
                try await store.reports(kind: "DAILY", like: question, limit: 10)
            }

            #expect(try await store.emptyExpiredReports(at: moment, limit: 10) == 0)
            #expect(try await store.emptyExpiredReports(at: end, limit: 10) == 1)
            #expect(try await store.emptyExpiredReports(at: end, limit: 10) == 0)

            let found = try await remembered(kept.question)
            #expect(found.map(\.id) == [kept.id] && found.map(\.correctedTo) == [5] && found[0].document.isEmpty)
            #expect(try await remembered(question()).isEmpty, "who sees all reads others")
            try await store.keep(report(at: end), reportsMax: 1)
            #expect(try await store.removeReports(expiredBefore: end, limit: 10) == 0)
            #expect(try await store.removeReports(expiredBefore: end + .milliseconds(1), limit: 10) == 1)
            #expect(try await remembered(kept.question).count == 1)
        }
    }

    @Test func `is listed newest first, of its kind, and of so many`() async throws {
        try await withEachStore { (store) async throws in
            let kept = [report(), report(6, kind: "WEEKLY"), report()]
            for each in kept { try await store.keep(each, reportsMax: 3) }

            await #expect(throws: GatewayError.self) { try await store.keep(report(), reportsMax: 3) }
            let list = { (kind: String?, before: Identifier?, limit: Int) in
                try await store.reports(
                    organization: ours,
                    environment: .test,
                    kind: kind,
                    before: before,
                    limit: limit,
                    now: moment
                )
                .map(\.id)
            }
            let sorted = kept.map(\.id).sorted(by: >)
            #expect(try await list(nil, nil, 10) == sorted)
            #expect(try await list("WEEKLY", nil, 10) == [kept[1].id])
            #expect(try await list(nil, sorted[0], 1) == [sorted[1]])
        }
    }
}
