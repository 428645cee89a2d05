import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

private func told(_ record: Record, _ kind: FeedEvent.Kind = .succeeded, was: RecordState? = nil) -> FeedEvent {
    var payload: JSONObject = [
        "environment": "test", "tool": .string(record.tool), "direction": "in", "account": "main", "source": "calls",
        "state": .string(record.state.rawValue), "amount": 100,
    ]
    if let was {
        payload["was"] = .string(was.rawValue)
        payload["was_ms"] = .integer(moment.milliseconds)
    }
    return FeedEvent(
        organization: record.organization,
        id: newID(),
        kind: kind,
        subject: record.id.description,
        version: record.version,
        at: moment,
        payload: .object(payload)
    )
}

/// The record's next version, and what is told of it.
private func ending(_ record: Record, as state: RecordState = .succeeded) -> RecordChange {
    let next = advanced(record, to: state).record
    return RecordChange(record: next, events: [], told: [told(next)])
}

private func begin(_ count: Int, in store: any EachStore) async throws -> [Record] {
    var records: [Record] = []
    for _ in 0..<count {
        let record = makeRecord()
        _ = try await store.commit(NewRecord(record: record))
        records.append(record)
    }
    return records
}

struct `The feed` {
    @Test func `has what was committed, as it was told`() async throws {
        try await withEachStore { (store) async throws in
            let record = try await begin(1, in: store)[0]
            let change = ending(record)

            _ = try await store.apply([change])

            let entries = try await store.feed(lane: FeedReader.lane, after: 0, limit: 10)
            #expect(entries == [FeedEntry(event: change.told[0], position: 1)])
        }
    }

    @Test func `has no gap and no event of what did not hold, however many write at the same time`() async throws {
        try await withEachStore { (store) async throws in
            let records = try await begin(40, in: store)

            // Each twice, of which one meets the other's version.
            await withTaskGroup(of: Void.self) { group in
                for record in records + records { group.addTask { _ = try? await store.apply([ending(record)]) } }
            }

            let entries = try await store.feed(lane: FeedReader.lane, after: 0, limit: 1_000)
            #expect(entries.map(\.position) == (1...40).map { Int64($0) })
            #expect(Set(entries.map(\.event.subject)) == Set(records.map(\.id.description)))
            let page = try await store.feed(lane: FeedReader.lane, after: 38, limit: 1)
            #expect(page.map(\.position) == [39])
        }
    }

    @Test func `tells once that a key is revoked, and that an organization is on another plan`() async throws {
        try await withEachStore { (store) async throws in
            let key = APIKey(
                id: APIKeyID(newID()),
                organization: ours,
                name: "till",
                prefix: "p",
                hash: [1],
                environment: .test,
                role: .user,
                scopes: nil
            )
            for name in ["small", "large"] {
                try await store.save(Plan(name: name, tools: [], organizationLimits: [:], principalLimits: [:]))
            }
            try await store.save(Organization(id: ours, slug: "shop", name: "Shop", plan: "small"))
            try await store.save(key)
            for _ in 1...2 { _ = try await store.change(key.id, organization: ours) { $0.revokedAt = moment } }
            for _ in 1...2 { _ = try await store.change(ours, at: moment) { $0.plan = "large" } }
            _ = try await store.change(ours) { $0.name = "Shop 2" }

            let told = try await store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event)
            #expect(told.map(\.kind) == [.keyRevoked, .planChanged])
            #expect(told.map(\.subject) == [key.id.description, ours.description])
            #expect(told.last?.payload == ["plan": "large", "was": "small"] && told.allSatisfy { $0.at == moment })
        }
    }

    @Test func `tells everybody on a plan that it was set anew, and nobody else`() async throws {
        try await withEachStore { (store) async throws in
            var plans: [Plan] = []
            for name in ["small", "large"] {
                let plan = Plan(name: name, tools: [], organizationLimits: [:], principalLimits: [:])
                plans.append(try await store.set(plan, from: nil, at: moment))
            }
            try await store.save(Organization(id: ours, slug: "shop", name: "Shop", plan: "small"))
            try await store.save(Organization(id: theirs, slug: "farm", name: "Farm", plan: "large"))
            plans[0].tools = ["a"]
            #expect(try await store.set(plans[0], from: 1, at: moment).version == 2)
            await #expect(throws: GatewayError.self) { try await store.set(plans[0], from: 1, at: moment) }
            #expect(try await store.set(plans[0], from: nil, at: moment).version == 3)
            #expect(try await store.set(plans[0], from: 3).version == 4)

            let told = try await store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event)
            #expect(told.map(\.kind) == [.planChanged, .planChanged] && told.allSatisfy { $0.organization == ours })
            #expect(told.map(\.subject) == ["small", "small"] && told.map(\.version) == [2, 3])
            #expect(Set(told.map(\.id)).count == 2)
        }
    }

    @Test func `tells that secrets were changed, and nothing of what they are`() async throws {
        try await withEachStore { (store) async throws in
            var sealed = SealedCredential(environment: .test, fields: ["a": [1]], keyVersion: 1, version: -1)
            try await store.save(sealed, organization: ours, at: moment)
            await #expect(throws: GatewayError.self) { try await store.save(sealed, organization: ours, at: moment) }
            sealed.version = 1
            try await store.save(sealed, organization: ours, at: moment)
            sealed.version = 2
            try await store.save(sealed, organization: ours)

            let told = try await store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event)
            #expect(told.map(\.kind) == [.credentialChanged, .credentialChanged])
            #expect(told.map(\.version) == [1, 2] && told.allSatisfy { $0.subject == "test/main" })
            #expect(told.last?.payload == ["environment": "test", "account": "main"])
        }
    }

    @Test func `goes on where the last process ended`() async throws {
        try await withDatabase { url in
            for _ in 1...3 {
                let store = try await Store.open(url, settings: patient)
                _ = try await store.apply([ending(try await begin(1, in: store)[0])])
                store.shutdown()
            }

            let store = try await Store.open(url, settings: patient)
            let entries = try await store.feed(lane: FeedReader.lane, after: 0, limit: 10)
            store.shutdown()

            #expect(entries.map(\.position) == [1, 2, 3])
        }
    }

    @Test func `lets each reader be where it is`() async throws {
        try await withEachStore { (store) async throws in
            #expect(try await store.moveCursor(of: "a", lane: 1, from: 0, to: 5))
            #expect(try await !store.moveCursor(of: "a", lane: 1, from: 0, to: 6))
            #expect(try await store.moveCursor(of: "a", lane: 1, from: 5, to: 6))

            #expect(try await store.cursor(of: "a", lane: 1) == 6)
            #expect(try await store.cursor(of: "b", lane: 1) == 0)
        }
    }
}

struct `What is summed up of the feed` {
    private let days = RollupPlace.day(of: moment)...RollupPlace.day(of: moment)

    private func reader(_ store: any EachStore, batchMax: Int = 3) -> RollupReader {
        var settings = RollupReader.Settings()
        settings.batchMax = batchMax
        return RollupReader(
            feed: store,
            rollups: store,
            entropy: Entropy(now: { moment }, random: { 1 }),
            logger: .init(label: "test"),
            settings: settings
        )
    }

    @Test func `counts each event once, and the same from the beginning again`() async throws {
        try await withEachStore { (store) async throws in
            let records = try await begin(8, in: store)
            for (number, record) in records.enumerated() {
                _ = try await store.apply([ending(record, as: number < 6 ? .succeeded : .failed)])
            }

            for _ in 0..<2 { try await reader(store).catchUp() }

            let live = try await store.rollups(organization: ours, environment: .test, days: days)
            #expect(
                live.map { $0.key.outcome.rawValue + " \($0.value.transactions) \($0.value.amount)" }.sorted()
                    == ["failed 2 200", "succeeded 6 600"]
            )
            try await store.beginRollupsAnew()
            #expect(try await store.rollups(organization: ours, environment: .test, days: days).isEmpty)
            try await reader(store, batchMax: 100).catchUp()
            #expect(try await store.rollups(organization: ours, environment: .test, days: days) == live)
            #expect(try await store.rollups(organization: theirs, environment: .test, days: days).isEmpty)
        }
    }

    @Test func `takes out what has ended otherwise since`() async throws {
        try await withEachStore { (store) async throws in
            let record = try await begin(1, in: store)[0]
            let failed = ending(record, as: .failed)
            _ = try await store.apply([failed])
            try await reader(store).catchUp()
            let paid = advanced(failed.record, to: .succeeded).record
            _ = try await store.apply([
                RecordChange(record: paid, events: [], newIDs: [:], told: [told(paid, .lateSuccess, was: .failed)])
            ])

            try await reader(store).catchUp()

            let live = try await store.rollups(organization: ours, environment: .test, days: days)
            #expect(live.map(\.key.outcome) == [.succeeded] && live.first?.value.transactions == 1)
        }
    }

    @Test func `is not added where the reader stands elsewhere`() async throws {
        try await withEachStore { (store) async throws in
            let record = advanced(makeRecord(), to: .succeeded).record
            let changes = Rollups.changes(by: [told(record)])

            #expect(try await store.add(changes, lane: 1, from: 0, to: 1))
            #expect(try await !store.add(changes, lane: 1, from: 0, to: 1))

            let live = try await store.rollups(organization: ours, environment: .test, days: days)
            #expect(live.values.map(\.transactions) == [1])
        }
    }
}
