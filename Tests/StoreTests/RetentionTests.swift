import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

private func tell(
    _ count: Int,
    in store: any EachStore,
    of organization: OrganizationID = ours,
    at now: Timestamp = moment
) async throws {
    for _ in 0..<count {
        let record = makeRecord(organization)
        _ = try await store.commit(NewRecord(record: record))
        let next = advanced(record, to: .succeeded).record
        let event = FeedEvent(
            organization: organization,
            id: newID(),
            kind: .succeeded,
            subject: record.id.description,
            version: next.version,
            at: now,
            payload: ["environment": "test"]
        )
        _ = try await store.apply([RecordChange(record: next, events: [], told: [event])])
    }
}

private let lane = FeedReader.lane

struct `An old event` {
    private func forget(
        _ store: any EachStore,
        before now: Timestamp = moment + .seconds(1),
        dead: Set<String> = [],
        limit: Int = 100
    ) async throws -> Int {
        try await store.forgetFeed(lane: lane, FeedAge(days: 90, before: now), exceptFor: dead, limit: limit)
    }

    @Test func `is kept for longer where the organization's plan says so, by age apart`() async throws {
        try await withEachStore { (store) async throws in
            for (id, name) in [(ours, "large"), (theirs, "small")] {
                try await store.save(Plan(name: name, tools: [], organizationLimits: [:], principalLimits: [:]))
                try await store.save(
                    Organization(id: id, slug: name, name: name, subscription: .active, plan: name)
                )
            }
            for _ in 1...3 { for id in [ours, theirs] { try await tell(1, in: store, of: id) } }
            _ = try await store.moveCursor(of: "a", lane: lane, from: 0, to: 6)
            let short = FeedAge(days: 90, before: moment + .seconds(1), longer: ["large", "none"])
            func forget(_ age: FeedAge) async throws -> Int {
                try await store.forgetFeed(lane: lane, age, exceptFor: [], limit: 2)
            }

            var looked: [Int] = []
            for _ in 1...4 { looked.append(try await forget(short)) }
            #expect(looked == [2, 2, 1, 0], "what is kept is looked at once, and the newest is there")
            #expect(try await store.feed(lane: lane, after: 0, limit: 10).map(\.position) == [1, 3, 5, 6])
            #expect(try await store.feed(lane: lane, of: ours, after: 0, limit: 10).entries.count == 3)
            #expect(try await store.feedFloor(lane: lane, keptFor: nil) == 5)
            #expect(try await store.feedFloor(lane: lane, keptFor: 40) == 5, "no plan keeps less than everybody's")
            #expect(try await store.feedFloor(lane: lane, keptFor: 400) == 0)
            await #expect(throws: GatewayError.self) { try await store.beginRollupsAnew() }

            #expect(try await forget(FeedAge(days: 400, before: moment, longer: [])) == 0)
            #expect(try await forget(FeedAge(days: 400, before: moment + .seconds(1), longer: [])) == 2)
            #expect(try await store.feed(lane: lane, after: 0, limit: 10).map(\.position) == [5, 6])
            #expect(try await store.feedFloor(lane: lane, keptFor: 400) == 4)
            #expect(try await store.feedAges(lane: lane) == [90, 400])
            #expect(try await store.feedFloor(lane: lane, keptFor: .max) == 4)
        }
    }

    @Test func `is forgotten once every reader has it behind, in slices, and never the newest`() async throws {
        try await withEachStore { (store) async throws in
            try await tell(5, in: store)
            #expect(try await forget(store) == 0, "nobody has read anything")
            _ = try await store.moveCursor(of: "fast", lane: lane, from: 0, to: 5)
            _ = try await store.moveCursor(of: "slow", lane: lane, from: 0, to: 2)

            #expect(try await forget(store) == 2)
            #expect(try await forget(store, dead: ["slow"], limit: 1) == 1)
            #expect(try await forget(store, dead: ["slow"]) == 1)
            #expect(try await forget(store, dead: ["slow"]) == 0)

            #expect(try await store.feedFloor(lane: lane, keptFor: nil) == 4)
            #expect(try await store.feed(lane: lane, after: 0, limit: 10).map(\.position) == [5])
            try await tell(1, in: store)
            #expect(try await store.feed(lane: lane, after: 5, limit: 10).map(\.position) == [6])
        }
    }

    @Test func `is kept for its time`() async throws {
        try await withEachStore { (store) async throws in
            try await tell(3, in: store)
            _ = try await store.moveCursor(of: "a", lane: lane, from: 0, to: 3)

            #expect(try await forget(store, before: moment) == 0)
            #expect(try await store.feedFloor(lane: lane, keptFor: nil) == 0)
        }
    }

    /// What is summed up would be lost if it were counted again from a feed that begins later.
    @Test func `that is gone lets nobody begin to count anew`() async throws {
        try await withEachStore { (store) async throws in
            try await tell(3, in: store)
            _ = try await store.moveCursor(of: FeedReader.rollups, lane: lane, from: 0, to: 3)
            _ = try await forget(store)

            await #expect(throws: GatewayError.self) { try await store.beginRollupsAnew() }
        }
    }
}

struct `An organization's part of the feed` {
    @Test func `is found among everybody's, page by page`() async throws {
        try await withEachStore { (store) async throws in
            try await tell(5, in: store)

            let first = try await store.feed(lane: lane, of: ours, after: 1, limit: 2)
            #expect(first.entries.map(\.position) == [2, 3] && first.upTo == 3)
            let rest = try await store.feed(lane: lane, of: ours, after: 3, limit: 100)
            #expect(rest.entries.map(\.position) == [4, 5] && rest.upTo == 5)
            let others = try await store.feed(lane: lane, of: theirs, after: 0, limit: 100)
            #expect(others.entries.isEmpty && others.upTo == 5)
            #expect(try await store.feed(lane: lane, of: ours, after: 9, limit: 10).upTo == 9)
        }
    }

    @Test func `is read by its own key, whatever others have`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            let steps = try await store.read { sql in
                try sql.query(
                    """
                    EXPLAIN QUERY PLAN SELECT \(Store.feedColumns) FROM feed
                    WHERE organization_id = 'o' AND lane = 1 AND position > 5 ORDER BY position LIMIT 10
                    """,
                    []
                ) { $0.text(3) ?? "" }
            }

            #expect(steps == ["SEARCH feed USING PRIMARY KEY (organization_id=? AND lane=? AND position>?)"])
        }
    }
}

struct `A balance` {
    private let late = moment + .seconds(3_600)

    private func answer(_ cents: Int64, at now: Timestamp, in store: any EachStore) async throws {
        let record = makeRecord(at: now)
        _ = try await store.commit(NewRecord(record: record))
        var next = advanced(record, to: .succeeded).record
        next.updatedAt = now
        let balances = ["Working Account", Balance.utility]
            .map {
                Balance(
                    name: $0,
                    currency: "KES",
                    currentCents: cents,
                    availableCents: cents,
                    reservedCents: 0,
                    unclearedCents: -cents
                )
            }
        _ = try await store.apply([RecordChange(record: next, events: [], balances: balances)])
    }

    @Test func `is kept with its history, and the newest is shown`() async throws {
        try await withEachStore { (store) async throws in
            try await answer(1_050, at: moment, in: store)
            try await answer(-20, at: moment + .seconds(60), in: store)

            let newest = try await store.balances(of: ours, in: .test, accounts: nil, before: late)
            #expect(newest.map(\.balance.name) == [Balance.utility, "Working Account"])
            #expect(
                newest.map(\.balance.availableCents) == [-20, -20] && newest.map(\.balance.unclearedCents) == [20, 20]
            )
            let first = try await store.balances(
                of: ours,
                in: .test,
                accounts: nil,
                before: moment + .seconds(60)
            )
            #expect(first.map(\.balance.availableCents) == [1_050, 1_050])
            let history = try await store.balanceHistory(
                of: ours,
                in: .test,
                accounts: [.main],
                before: moment + .seconds(60),
                limit: 10
            )
            #expect(history.map(\.balance.currentCents) == [1_050, 1_050])
            let page = try await store.balanceHistory(
                of: ours,
                in: .test,
                accounts: nil,
                before: moment + .seconds(61),
                limit: 1
            )
            #expect(page.map(\.balance.currentCents) == [-20, -20], "a page ends with a whole answer")
            #expect(try await store.balances(of: theirs, in: .test, accounts: nil, before: late).isEmpty)
            #expect(try await store.balances(of: ours, in: .test, accounts: [], before: late).isEmpty)
            #expect(try await store.removeBalances(before: moment + .seconds(1), limit: 10) == 2)
            #expect(try await store.balances(of: ours, in: .test, accounts: nil, before: late).count == 2)
        }
    }
}
