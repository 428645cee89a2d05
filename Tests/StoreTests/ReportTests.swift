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

private func report(_ change: Int64 = 0, kind: String = "DAILY", life: Duration = .seconds(60)) -> StoredReport {
    StoredReport(
        id: newID(),
        kind: kind,
        question: question(today...(today + change), madeBy: "key:a", accounts: [.main]),
        madeBy: "key:a",
        madeAt: moment,
        expiresAt: moment + life,
        position: 7,
        document: JSON.object(["a": 1]).bytes
    )
}

struct `Sums for reports` {
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

            let all = try await store.totals(question())
            #expect(all.rows[place()] == RollupSum(transactions: 2, amount: 20, feeCents: 6, feesStated: 2))
            #expect(all.rows.count == 3 && all.position == 9 && all.newest == 9)
            #expect(all.hours.map { "\($0.key.hour) \($0.value.transactions)" }.sorted() == ["0 3", "5 1"])
            #expect(try await store.totals(question(madeBy: "key:b")).rows.values.map(\.transactions) == [1])
            let main = try await store.totals(question(accounts: [.main]))
            #expect(main.rows.values.reduce(0) { $0 + $1.transactions } == 3)
            #expect(try await store.totals(question(accounts: [])).rows.isEmpty)
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
            var sum = RollupSum()
            var last: RecordID?
            var pages = 0
            repeat {
                let page = try await store.counted(question(), after: last, limit: 2)
                for found in page.sums.values { sum.add(found) }
                last = page.last
                pages += 1
            } while last != nil

            #expect(sum.transactions == 5 && sum.feeCents == 35 && sum.feesStated == 5 && pages == 3)
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
            #expect(try await store.removeExpiredReports(at: moment, limit: 10) == 0)
            #expect(try await store.removeExpiredReports(at: moment + .seconds(60), limit: 10) == 1)
            #expect(try await find(ours, moment) == nil)
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

struct `What became true since` {
    @Test func `is read by pages, of one organization and after a place`() async throws {
        try await withEachStore { (store) async throws in
            for _ in 0..<3 {
                let record = makeRecord()
                _ = try await store.commit(NewRecord(record: record))
                let next = advanced(record, to: .succeeded).record
                let event = FeedEvent(
                    organization: ours,
                    id: newID(),
                    kind: .succeeded,
                    subject: record.id.description,
                    version: next.version,
                    at: moment,
                    payload: [:]
                )
                _ = try await store.apply([RecordChange(record: next, events: [], told: [event])])
            }
            let none = Identifier(high: 0, low: 0)

            let first = try await store.changes(of: ours, after: 1, behind: none, limit: 1)
            #expect(first.count == 1)
            let behind = try #require(first.first?.event.id)
            let rest = try await store.changes(of: ours, after: 1, behind: behind, limit: 10)
            #expect(Set((first + rest).map(\.position)) == [2, 3])
            #expect(try await store.changes(of: theirs, after: 0, behind: none, limit: 10).isEmpty)
        }
    }
}
