import Gateway
import Testing

@testable import Store

private let day: Duration = .seconds(86_400)

/// A record of this moment, with an id of it.
private func record(
    at time: Timestamp,
    party: String = "254700000000",
    _ organization: OrganizationID = ours,
    operation: String = "stk_push"
) -> Record {
    var record = Record(
        id: RecordID(Identifier(at: time, random: (newID().low, newID().low))),
        organization: organization,
        environment: .test,
        recordClass: .transaction,
        plugin: "stk-push",
        operation: operation,
        tool: "mpesa_stk_push",
        direction: .incoming,
        madeBy: "key:1",
        intent: Intent(amount: Shillings(100), party: party, reference: "1"),
        about: nil,
        createdAt: time,
        query: nil,
        sendBefore: time + .seconds(60),
        request: RequestTemplate(headers: [:], body: [:])
    )
    record.nextActionAt = time
    return record
}

private func add(_ records: [Record], to store: Store) async throws {
    for record in records { #expect(try await store.commit(NewRecord(record: record)) == .committed) }
}

private func end(_ record: Record, as state: RecordState, in store: Store) async throws {
    _ = try await store.apply([advanced(record, to: state)])
}

/// All pages of a list, each at most so long, and how many there were.
private func pages(_ filter: RecordFilter, of store: Store) async throws -> (ids: [RecordID], count: Int) {
    var (filter, ids, count) = (filter, [RecordID](), 0)
    while true {
        let page = try await store.page(matching: filter, organization: ours, environment: .test)
        ids += page.records.map(\.id)
        count += 1
        guard let next = page.next else { return (ids, count) }
        filter.before = next
    }
}

@Suite(.timeLimit(.minutes(15)))
struct `A list of records` {
    @Test func `by party holds that party's, newest first, however many days lie between`() async throws {
        try await withStore { store in
            let wanted = (0..<9).map { record(at: moment + day * ($0 * -40), party: "254711111111") }
            let others = (0..<9).map { record(at: moment + day * ($0 * -40), party: "254722222222") }
            try await add(wanted + others + [record(at: moment, party: "254711111111", theirs)], to: store)
            var filter = RecordFilter(limit: 4)
            filter.party = "254711111111"

            let found = try await pages(filter, of: store)
            #expect(found.ids == wanted.map(\.id) && found.count == 3)

            filter.from = wanted[6].createdAt
            filter.until = wanted[2].createdAt
            #expect(try await pages(filter, of: store).ids == wanted[3...6].map(\.id))
        }
    }

    @Test func `by direction, reference, receipt and amount holds what is so, and nobody else's`() async throws {
        try await withStore { store in
            let paid = record(at: moment)
            let refund = makeRecord(at: moment + .seconds(1), reversing: paid.id)
            try await add([paid, refund, record(at: moment, theirs)], to: store)
            let step = advanced(paid, to: .succeeded)
            var done = step.record
            done.receipt = "RLIST"
            _ = try await store.apply([RecordChange(record: done, events: step.events)])

            func found(_ change: (inout RecordFilter) -> Void) async throws -> [RecordID] {
                var filter = RecordFilter(limit: 10)
                change(&filter)
                return try await pages(filter, of: store).ids
            }
            #expect(try await found { $0.direction = .reverse } == [refund.id])
            #expect(try await found { $0.reference = "1" } == [paid.id])
            #expect(try await found { $0.receipt = "RLIST" } == [paid.id])
            #expect(try await found { ($0.amountMin, $0.amountMax) = (100, 100) }.count == 2)
            #expect(try await found { $0.amountMin = 101 }.isEmpty)
            #expect(try await found { $0.amountMax = 99 }.isEmpty)
        }
    }

    @Test func `misses nobody whose id and creation lie on two sides of midnight`() async throws {
        try await withStore { store in
            let midnight = Timestamp(milliseconds: moment.milliseconds / 86_400_000 * 86_400_000)
            var wanted: [Record] = []
            for days in 0..<70 {
                let late = record(at: midnight + day * -days + .milliseconds(-1), party: "254711111111")
                let moved = Record(
                    id: RecordID(Identifier(at: midnight + day * -days, random: (1, 1))),
                    organization: ours,
                    environment: .test,
                    recordClass: .transaction,
                    plugin: late.plugin,
                    operation: late.operation,
                    tool: late.tool,
                    direction: .incoming,
                    madeBy: late.madeBy,
                    intent: late.intent,
                    about: nil,
                    createdAt: late.createdAt,
                    query: nil,
                    sendBefore: late.sendBefore,
                    request: late.request
                )
                wanted.append(moved)
            }
            try await add(wanted, to: store)
            var filter = RecordFilter(limit: 100)
            filter.party = "254711111111"

            #expect(try await pages(filter, of: store).ids == wanted.map(\.id))
        }
    }

    @Test func `by status holds what has not succeeded, and what has`() async throws {
        try await withStore { store in
            let all = (0..<12).map { record(at: moment + .seconds(-$0)) }
            try await add(all, to: store)
            for (index, record) in all.enumerated() where index % 4 != 0 {
                try await end(record, as: [RecordState.succeeded, .failed, .cancelled][index % 4 - 1], in: store)
            }

            for (status, remainder) in [("PENDING", 0), ("SUCCESS", 1), ("FAILED", 2), ("CANCELLED", 3)] {
                var filter = RecordFilter(limit: 2)
                filter.status = status
                let wanted = all.enumerated().filter { $0.offset % 4 == remainder }.map(\.element.id)
                #expect(try await pages(filter, of: store).ids == wanted, "\(status)")
            }
        }
    }

    @Test func `reads so much and no more, and a short page says where the next goes on`() async throws {
        try await withDatabase { url in
            var settings = StoreSettings()
            settings.listEntriesMax = 5
            settings.listDaysMax = 64
            let store = try await Store.open(url, settings: settings)
            let many = (0..<23).map { record(at: moment + .seconds(-$0)) }
            let rare = record(at: moment + .seconds(-100), operation: "rare")
            let old = record(at: moment + day * -1000, party: "254733333333")
            try await add(many + [rare, old], to: store)
            var filter = RecordFilter(limit: 10)
            filter.operation = "rare"

            let first = try await store.page(matching: filter, organization: ours, environment: .test)
            #expect(first == RecordPage(records: [], next: many[4].id))
            let all = try await pages(filter, of: store)
            #expect(all.ids == [rare.id] && all.count == 6)

            var parties = RecordFilter(limit: 10)
            parties.party = "254733333333"
            let (ids, count) = try await pages(parties, of: store)
            #expect(ids == [old.id] && count == 2)
            // Who asks for all of it is given all of it.
            let found = try await store.records(matching: parties, organization: ours, environment: .test)
            #expect(found.map(\.id) == [old.id])
            store.shutdown()
        }
    }

    @Test func `by party is found under the key of the host that asks, though another wrote it`() async throws {
        try await withDatabase { url in
            let first = try await Store.open(url, parties: PartyDigests(key: Secret([1])))
            let kept = record(at: moment, party: "254711111111")
            try await add([kept, record(at: moment)], to: first)
            let before = try await digests(in: first)
            first.shutdown()

            let second = try await Store.open(url, parties: PartyDigests(key: Secret([2])))

            var filter = RecordFilter(limit: 10)
            filter.party = "254711111111"
            #expect(try await pages(filter, of: second).ids == [kept.id])
            #expect(Set(before).isDisjoint(with: try await digests(in: second)))
            second.shutdown()
        }
    }

    private func digests(in store: Store) async throws -> [Int64] {
        try await store.database.read { sql in
            try sql.query("SELECT party_digest FROM records", []) { $0.integer(0) ?? 0 }
        }
    }
}
