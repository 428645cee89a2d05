import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import Store

extension Store {
    /// Writes into a column what no reader of it knows.
    fileprivate func damage(
        _ column: String,
        _ damage: String = "nonsense",
        of name: String,
        as key: String = "record_id",
        in table: String = "records"
    ) async throws {
        let count = try await database.write { session in
            try session.sql.execute(
                "UPDATE \(table) SET \(column) = '\(damage)' WHERE organization_id = $1 AND \(key) = $2",
                [.text(ours.description), .text(name)]
            )
        }
        #expect(count == 1, "\(table).\(column)")
    }
}

struct `A row of which a column is damaged` {
    private func due(_ after: Duration = .zero) -> Record {
        var record = makeRecord()
        (record.state, record.nextActionAt) = (.accepted, moment + after)
        return record
    }

    @Test(arguments: ["environment", "class", "direction"])
    func `is passed over where it is due, named once and counted, and keeps no other from its turn`(column: String)
        async throws
    {
        try await withDatabase { url in
            let lines = LogLines()
            let store = try await Store.open(url, settings: patient, logger: lines.logger)
            let (damaged, other) = (due(), due(.milliseconds(1)))
            for record in [damaged, other] { _ = try await store.commit(NewRecord(record: record)) }
            try await store.damage(column, of: damaged.id.description)

            let now = moment + .seconds(1)
            #expect(try await store.due(at: now, limit: 1, except: []).isEmpty)
            for _ in 1...2 { #expect(try await store.due(at: now, limit: 1, except: []).map(\.id) == [other.id]) }
            #expect(try await store.due(at: now + .seconds(3_600), limit: 9, except: []).map(\.id) == [other.id])
            let said = lines.all.filter { $0.contains("cannot be read") }
            #expect(said.count == 1 && said.first?.contains("\(damaged.id)") == true, "\(lines.all)")
            #expect(store.counts.unreadRows == 1)
            #expect(try await store.records(in: .accepted, limit: 9).map(\.id) == [other.id])
            store.shutdown()
        }
    }

    @Test func `hides nothing of a list, however short its pages are`() async throws {
        try await withStore { store in
            let records = (0..<5).map { makeRecord(at: moment + .milliseconds($0)) }
            for record in records { _ = try await store.commit(NewRecord(record: record)) }
            for damaged in records[2...3] { try await store.damage("direction", of: damaged.id.description) }

            var (found, filter) = ([RecordID](), RecordFilter(limit: 2))
            for _ in 0..<4 {
                let page = try await store.page(matching: filter, organization: ours, environment: .test)
                found += page.records.map(\.id)
                guard let next = page.next else { break }
                filter.before = next
            }
            #expect(found == [4, 1, 0].map { records[$0].id })
        }
    }

    @Test func `is a person's business where nobody can read how it stands, and its batch is not over before`()
        async throws
    {
        try await withStore { store in
            let id = try #require(batchID)
            let items = [makeItem(1, of: id, state: .withdrawn), makeItem(2, of: id), makeItem(3, of: id)]
            _ = try await store.commit(new(makeBatch(id), items))
            #expect(try await store.hasUndecided(id, organization: ours) == false)
            try await store.damage("state", of: items[1].id.description)

            let found = try await store.items(BatchItems(of: id, organization: ours, limit: 9))
            #expect(found.map(\.state) == [.withdrawn, .manual, .draft])
            #expect(found.map(\.isDamaged) == [false, true, false])
            #expect(try await store.sums(of: id, organization: ours)[.manual]?.transactions == 1)
            let unsent = try await store.items(BatchItems(unsentOf: makeBatch(id), limit: 9))
            #expect(unsent.map(\.id) == [items[2].id])
            #expect(try await store.hasUndecided(id, organization: ours))
        }
    }

    @Test(arguments: ["class", "direction"])
    func `is known not to have left where that can be read, and is marked`(column: String) async throws {
        try await withStore { store in
            let id = try #require(batchID)
            let items = [makeItem(1, of: id), makeItem(2, of: id)]
            _ = try await store.commit(new(makeBatch(id), items))
            try await store.damage(column, of: items[0].id.description)

            let found = try await store.items(BatchItems(unsentOf: makeBatch(id), limit: 1))
            #expect(found.map(\.id) == [items[0].id] && found.allSatisfy(\.isDamaged))
        }
    }

    @Test func `keeps none of its batch's others from leaving`() async throws {
        try await withStore { store in
            let id = try #require(batchID)
            let items = (1...4).map { makeItem($0, of: id) }
            _ = try await store.commit(new(makeBatch(id), items))
            for damaged in items[0...1] { try await store.damage("environment", of: damaged.id.description) }

            let found = try await store.items(BatchItems(unsentOf: makeBatch(id), limit: 2))
            #expect(found.map(\.id) == [items[2].id, items[3].id])
            #expect(try await store.hasUndecided(id, organization: ours))
        }
    }

    @Test func `is marked where a number is none, and passed over where that is its version`() async throws {
        try await withFolder { folder in
            let store = try await Store.open(.sqlite(path: folder + "/test.db"), settings: patient)
            let records = (0..<3).map { due(.milliseconds($0)) }
            for record in records { _ = try await store.commit(NewRecord(record: record)) }
            try await store.damage("amount", "x", of: records[0].id.description)
            try await store.damage("version", "x", of: records[1].id.description)

            let found = try await store.due(at: moment + .seconds(1), limit: 9, except: [])
            #expect(found.map(\.id) == [records[0].id, records[2].id] && found.map(\.isDamaged) == [true, false])
            store.shutdown()
        }
    }

    @Test func `hides no other batch from its people`() async throws {
        try await withStore { store in
            for number in 1...4 {
                let id = try #require(BatchID("b-\(number)"))
                let batch = makeBatch(id, content: [UInt8(number)], at: moment + .milliseconds(number))
                #expect(try await store.commit(new(batch, [])) == .committed)
            }
            try await store.damage("state", of: "b-3", as: "batch_id", in: "batches")

            let found = try await store.batches(of: ours, environment: .test, before: nil, limit: 2)
            #expect(found.map(\.id.description) == ["b-4", "b-2"])
        }
    }

    @Test(arguments: ["payload", "kind"])
    func `keeps no reader of the feed from the events behind it`(column: String) async throws {
        try await withStore { store in
            let events = (0..<3)
                .map { number in
                    FeedEvent(
                        organization: ours,
                        id: newID(),
                        kind: .keyRevoked,
                        subject: "k\(number)",
                        version: 1,
                        at: moment,
                        payload: ["environment": "test"]
                    )
                }
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))
            _ = try await store.database.write { session in session.tell(events) }
            let all = try await store.feed(lane: FeedReader.lane, after: 0, limit: 9)
            try #require(all.count >= 3)
            try await store.damage(column, "{", of: all[0].event.id.description, as: "event_id", in: "feed")

            let rest = all[1...].map(\.position)
            #expect(try await store.feed(lane: FeedReader.lane, after: 0, limit: 1).map(\.position) == [rest[0]])
            let own = try await store.feed(lane: FeedReader.lane, of: ours, after: 0, limit: 9)
            #expect(own.entries.map(\.position) == Array(rest) && store.counts.unreadRows == 1)
        }
    }

    @Test func `is none where an event is of a kind that a newer version tells: nobody goes past it`() async throws {
        try await withStore { store in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))
            let event = FeedEvent(
                organization: ours,
                id: newID(),
                kind: .keyRevoked,
                subject: "k",
                version: 1,
                at: moment,
                payload: ["environment": "test"]
            )
            _ = try await store.database.write { session in session.tell([event]) }
            try await store.damage("kind", "key.renamed", of: event.id.description, as: "event_id", in: "feed")

            await #expect(throws: GatewayError.self) {
                _ = try await store.feed(lane: FeedReader.lane, after: 0, limit: 9)
            }
            await #expect(throws: GatewayError.self) {
                _ = try await store.feed(lane: FeedReader.lane, of: ours, after: 0, limit: 9)
            }
        }
    }

    @Test(arguments: [true, false])
    func `ends a page whose place no longer moves, or that has none behind it to fill it with`(isStuck: Bool) throws {
        var turns = 0
        let rows = try Store.filling(1) { (place: Int?, _) -> [(row: Reading<Int>, place: Int)] in
            turns += 1
            let row = UnreadRow(organization: "", name: "", reason: "damaged")
            return [(row: .unread(row), place: isStuck ? 7 : (place ?? 0) + 1)]
        }
        #expect(rows.count == turns && turns == (isStuck ? 2 : Store.fillingMax))
    }

    @Test func `keeps no other callback from being read`() async throws {
        try await withStore { store in
            let callbacks = (0..<3).map { makeCallback(for: makeRecord(), at: moment + .milliseconds($0)) }
            for callback in callbacks { try await store.receive(callback) }
            try await store.damage(
                "environment",
                of: callbacks[0].id.description,
                as: "callback_id",
                in: "callbacks"
            )

            let now = moment + .seconds(1)
            #expect(try await store.unsettled(before: now, limit: 1).map(\.id) == [callbacks[1].id])
            #expect(try await store.unsettled(before: now, limit: 9).map(\.id) == callbacks[1...].map(\.id))
        }
    }
}
