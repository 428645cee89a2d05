import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import Store

struct `A stored batch` {
    @Test func `is refused where its organization has as many open as it may`() async throws {
        try await withEachStore { (store) async throws in
            let (first, second) = (try #require(BatchID("one")), try #require(BatchID("two")))
            var open = makeBatch(first)
            #expect(try await store.commit(new(open, [makeItem(1, of: first)], openMax: 1)) == .committed)
            var next = makeBatch(second, content: [9])
            #expect(try await store.commit(new(next, [makeItem(2, of: second)], openMax: 1)) == .tooManyOpen)
            #expect(try await store.batch(second, organization: ours) == nil)

            (open.version, open.state, open.endedAt) = (2, .completed, moment)
            #expect(try await store.apply(BatchChange(batch: open)))
            #expect(try await store.commit(new(next, [makeItem(2, of: second)], openMax: 1)) == .committed)
            next.version = 2
        }
    }

    @Test func `is found as it was written, with its items, and as it was changed`() async throws {
        try await withEachStore { (store) async throws in
            let id = try #require(batchID)
            var batch = makeBatch(id)
            batch.session = Identifier(high: 8, low: 4)
            let items = [makeItem(1, of: id), makeItem(2, of: id)]
            #expect(try await store.commit(new(batch, items)) == .committed)
            #expect(try await store.batch(id, organization: ours) == batch)
            #expect(try await store.batch(id, organization: theirs) == nil)
            #expect(try await store.items(BatchItems(of: id, organization: ours, limit: 10)) == items)
            #expect(try await store.items(BatchItems(of: id, organization: theirs, limit: 10)).isEmpty)

            batch.version = 2
            batch.state = .cancelled
            batch.withdrawal = .cancelled
            batch.decidedBy = "user:2"
            batch.releasedBy = "user:3"
            batch.approvers = ["user:3", "user:4"]
            batch.reason = "No."
            batch.looked = Batch.Looked(at: moment + .seconds(9), rows: [2, 11])
            batch.strikes = [Batch.Strike(by: "user:5", at: moment, reason: "Not \"her\".", rows: 1, amount: 100)]
            batch.endedAt = moment
            #expect(try await store.apply(BatchChange(batch: batch, items: [makeItem(3, of: id)])))
            #expect(try await store.batch(id, organization: ours) == batch)
            #expect(try await store.apply(BatchChange(batch: batch)) == false)
            let sums = try await store.sums(of: id, organization: ours)
            #expect(sums == [.draft: RollupSum(transactions: 3, amount: 300)])
        }
    }

    @Test func `loses rows in the commit that says so, or none where one of them has changed`() async throws {
        try await withEachStore { (store) async throws in
            let id = try #require(batchID)
            var batch = makeBatch(id)
            let items = [makeItem(1, of: id), makeItem(2, of: id)]
            #expect(try await store.commit(new(batch, items)) == .committed)
            let struck = RecordChange(record: advanced(items[1], to: .withdrawn).record, events: [])
            let stale = RecordChange(record: advanced(struck.record, to: .withdrawn).record, events: [])
            batch.version = 2
            batch.strikes = [Batch.Strike(by: "user:5", at: moment, reason: "No.", rows: 1, amount: 100)]

            #expect(try await store.apply(BatchChange(batch: batch, struck: [struck, stale, stale])) == false)
            #expect(try await store.batch(id, organization: ours)?.version == 1)
            #expect(try await store.items(BatchItems(of: id, organization: ours, limit: 9)) == items)
            #expect(try await store.apply(BatchChange(batch: batch, struck: [struck])))
            #expect(try await store.batch(id, organization: ours) == batch)
            let states = try await store.items(BatchItems(of: id, organization: ours, limit: 9)).map(\.state)
            #expect(states == [.draft, .withdrawn] && batch.items == 1 && batch.total == 100)
        }
    }

    @Test func `tries each item of another again once, whatever batch asks`() async throws {
        try await withEachStore { (store) async throws in
            let (id, second, third) = (
                try #require(batchID), try #require(BatchID("b-2")), try #require(BatchID("b-3"))
            )
            let failed = [makeItem(1, of: id, state: .failed), makeItem(2, of: id, state: .failed)]
            var first = makeBatch(id)
            #expect(try await store.commit(new(first, failed)) == .committed)
            (first.version, first.state, first.endedAt) = (2, .completed, moment)
            #expect(try await store.apply(BatchChange(batch: first)))
            func again(_ item: Record, as batch: BatchID) -> Record {
                var record = makeItem(1, of: batch)
                record.batch = BatchPlace(batch: batch, sequence: 1, row: 1, retryOf: item.id, retryOfBatch: id)
                return record
            }
            var batch = makeBatch(second)
            batch.retryOf = id
            let retry = again(failed[0], as: second)
            // It may have just the payments that it tries again.
            #expect(try await store.commit(new(batch, [retry])) == .committed)
            #expect(try await store.batch(second, organization: ours) == batch)
            #expect(try await store.items(BatchItems(of: second, organization: ours, limit: 9)) == [retry])

            var other = makeBatch(third, content: [9])
            other.retryOf = id
            #expect(try await store.commit(new(other, [again(failed[0], as: third)])) == .retried)
            #expect(try await store.batch(third, organization: ours) == nil)
            #expect(try await store.commit(new(other, [again(failed[1], as: third)])) == .committed)

            let found = try await store.retries(of: id, organization: ours, between: nil)
            #expect(Set(found.map(\.item)) == Set(failed.map(\.id)) && found.count == 2)
            let one = failed[0].id.description
            let own = try await store.retries(of: id, organization: ours, between: one...one)
            #expect(own == [BatchRetry(item: failed[0].id, retry: retry.id, batch: second)])
            #expect(try await store.retries(of: id, organization: theirs, between: nil).isEmpty)
            #expect(try await store.retries(of: second, organization: ours, between: nil).isEmpty)
        }
    }

    @Test func `is not written where its id or its items are there already`() async throws {
        try await withEachStore { (store) async throws in
            let (id, other) = (try #require(batchID), try #require(BatchID("b-2")))
            let batch = makeBatch(id)
            #expect(try await store.commit(new(batch, [makeItem(1, of: id)])) == .committed)

            #expect(try await store.commit(new(makeBatch(id, content: [8]), [])) == .taken(batch))
            #expect(try await store.commit(new(makeBatch(other), [makeItem(1, of: other)])) == .sameItems(id))
            #expect(try await store.items(BatchItems(of: other, organization: ours, limit: 10)).isEmpty)
            var ended = batch
            (ended.version, ended.state, ended.endedAt) = (2, .completed, moment)
            #expect(try await store.apply(BatchChange(batch: ended)))
            let later = new(makeBatch(other), [makeItem(1, of: other)], since: moment + .seconds(1))
            #expect(try await store.commit(later) == .committed)
        }
    }

    @Test func `lists its items by state, place and moment`() async throws {
        try await withEachStore { (store) async throws in
            let id = try #require(batchID)
            var late = makeItem(2, of: id, state: .released)
            late.nextActionAt = moment + .seconds(5)
            let items = [makeItem(1, of: id), late, makeItem(3, of: id, state: .succeeded)]
            _ = try await store.commit(new(makeBatch(id), items))
            var question = BatchItems(of: id, organization: ours, limit: 10)
            question.states = [.draft, .released]
            question.dueAt = moment
            #expect(try await store.items(question).map(\.id) == [items[0].id])
            question.dueAt = moment + .seconds(5)
            question.after = 1
            #expect(try await store.items(question).map(\.id) == [late.id])
        }
    }

    @Test func `is open while something is to be done about it`() async throws {
        try await withEachStore { (store) async throws in
            let (id, other) = (try #require(batchID), try #require(BatchID("b-2")))
            var running = makeBatch(other, content: [9])
            running.state = .running
            for batch in [makeBatch(id), running] { _ = try await store.commit(new(batch, [])) }

            #expect(try await store.openBatches(at: moment, limit: 10).map(\.id) == [other])
            let all = try await store.openBatches(at: moment + .seconds(3_600), limit: 10)
            #expect(Set(all.map(\.id)) == [id, other])
            let listed = try await store.batches(of: ours, environment: .test, before: nil, limit: 10)
            #expect(listed.map(\.id) == [other, id])
            let older = try await store.batches(of: ours, environment: .test, before: other, limit: 10)
            #expect(older.map(\.id) == [id])
        }
    }

    @Test func `comes in turn: one of each organization first, and last what was put off`() async throws {
        try await withEachStore { (store) async throws in
            func running(_ name: String, _ content: UInt8, of owner: OrganizationID) throws -> Batch {
                var batch = makeBatch(try #require(BatchID(name)), content: [content], of: owner)
                batch.state = .running
                return batch
            }
            let own = try [running("a", 1, of: ours), running("b", 2, of: ours), running("c", 3, of: ours)]
            let other = try running("d", 4, of: theirs)
            for batch in own + [other] { _ = try await store.commit(new(batch, [])) }

            let firstTwo = try await store.openBatches(at: moment, limit: 2)
            #expect(Set(firstTwo.map(\.organization)) == [ours, theirs])
            try await store.postpone(firstTwo, until: moment + .seconds(1))
            #expect(try await store.openBatches(at: moment, limit: 9).map(\.id.description) == ["b", "c"])
            let later = try await store.openBatches(at: moment + .seconds(1), limit: 9)
            #expect(later.count == 4 && later.last?.id.description == "a")

            var changed = own[0]
            changed.version = 2
            #expect(try await store.apply(BatchChange(batch: changed)))
            #expect(try await store.openBatches(at: moment, limit: 9).map(\.id.description) == ["a", "b", "c"])
            let named = try await store.openBatches(of: ours, in: [.running], after: own[0].id, limit: 9)
            #expect(named.map(\.id.description) == ["b", "c"])
        }
    }

    @Test func `that cannot be read keeps no other from being found`() async throws {
        try await withStore { (store) async throws in
            for (name, content) in [("a", 1), ("b", 2)] as [(String, UInt8)] {
                var batch = makeBatch(try #require(BatchID(name)), content: [content])
                batch.state = .running
                _ = try await store.commit(new(batch, []))
            }
            _ = try await store.database.write { session in
                try session.sql.execute(
                    "UPDATE batches SET detail = '{}' WHERE organization_id = $1 AND batch_id = 'a'",
                    [.text(ours.description)]
                )
            }

            #expect(try await store.openBatches(at: moment, limit: 9).map(\.id.description) == ["b"])
            let own = try await store.openBatches(of: ours, in: [.running], after: nil, limit: 9)
            #expect(own.map(\.id.description) == ["b"])
            let damaged = try #require(BatchID("a"))
            await #expect(throws: GatewayError.self) { try await store.batch(damaged, organization: ours) }
        }
    }

    @Test func `that cannot be read is a line of the log, once`() async throws {
        try await withDatabase { url in
            let lines = LogLines()
            let store = try await Store.open(url, settings: patient, logger: lines.logger)
            _ = try await store.commit(new(makeBatch(try #require(batchID)), []))
            _ = try await store.database.write { session in
                try session.sql.execute(
                    "UPDATE batches SET state = 'newer', next_ms = 0 WHERE organization_id = $1",
                    [.text(ours.description)]
                )
            }

            for _ in 1...3 { #expect(try await store.openBatches(at: moment, limit: 9).isEmpty) }
            let said = lines.all.filter { $0.contains("cannot be read") }
            #expect(said.count == 1 && said.first?.contains("b-1") == true, "\(lines.all)")
            store.shutdown()
        }
    }

    @Test func `follows a clock that was set back`() async throws {
        try await withEachStore { (store) async throws in
            let id = try #require(batchID)
            _ = try await store.commit(new(makeBatch(id, at: moment + .seconds(7_200)), []))

            try await store.bringForward(by: .seconds(7_200), after: moment + .seconds(60))

            #expect(try await store.batch(id, organization: ours)?.until == moment + .seconds(3_600))
        }
    }
}

struct `An item of a stored batch` {
    @Test func `leaves only while its batch runs`() async throws {
        try await withEachStore { (store) async throws in
            let id = try #require(batchID)
            let item = makeItem(1, of: id)
            var batch = makeBatch(id)
            _ = try await store.commit(new(batch, [item]))
            let sending = advanced(item, to: .sending).record
            let change = RecordChange(record: sending, events: [], whileRunning: id)
            #expect(try await store.apply([change]) == .conflict(item.id))

            batch.version = 2
            batch.state = .running
            #expect(try await store.apply(BatchChange(batch: batch)))
            #expect(try await store.apply([change]) == .applied)
        }
    }

    @Test func `stops its batch in the commit of its own failure, once`() async throws {
        try await withEachStore { (store) async throws in
            let id = try #require(batchID)
            let item = makeItem(1, of: id)
            var batch = makeBatch(id)
            batch.state = .running
            _ = try await store.commit(new(batch, [item]))
            let until = moment + .seconds(60)
            let halt = BatchHalt(
                batch: id,
                state: .paused,
                reason: "No money.",
                until: until,
                item: item.id,
                at: moment,
                event: newID()
            )
            let failed = advanced(item, to: .failed).record
            _ = try await store.apply([RecordChange(record: failed, events: [], halt: halt)])

            let found = try #require(try await store.batch(id, organization: ours))
            #expect(found.state == .paused && found.reason == "No money." && found.version == 2 && found.until == until)
            let feed = try await store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event)
            #expect(feed.map(\.kind) == [.batchPaused] && feed[0].version == 2 && feed[0].id == halt.event)
            let payload: JSON = [
                "environment": "test", "tool": "t", "account": "main", "made_by": "user:1", "state": "paused",
                "items": 2, "amount": 200, "item": .string(item.id.description),
            ]
            #expect(feed[0].payload == payload)
            let again = RecordChange(record: advanced(failed, to: .failed).record, events: [], halt: halt)
            _ = try await store.apply([again])
            #expect(try await store.batch(id, organization: ours)?.version == 2)
        }
    }

    @Test func `is found among what its account has undecided, until it is decided or waits for a person`() async throws
    {
        try await withEachStore { (store) async throws in
            let (id, other) = (try #require(batchID), try #require(BatchID("b-2")))
            func sent(_ number: Int, _ batch: BatchID, _ state: RecordState, after seconds: Int) -> Record {
                var item = makeItem(number, of: batch, state: state)
                item.sentAt = moment + .seconds(seconds)
                return item
            }
            let items = [
                sent(1, id, .accepted, after: 1), sent(2, id, .manual, after: 2), makeItem(3, of: id),
                sent(4, id, .succeeded, after: 4), sent(5, id, .unknown, after: 5),
            ]
            _ = try await store.commit(new(makeBatch(id), items))
            let another = sent(1, other, .sending, after: 3)
            _ = try await store.commit(new(makeBatch(other, content: [9]), [another]))
            let account = AccountID(of: items[0])

            let all = try await store.undecidedItems(of: account, sentSince: moment, limit: 9)
            #expect(all.map(\.record) == [items[4].id, another.id, items[0].id])
            #expect(all.map(\.batch) == [id, other, id] && all[0].sentAt == moment + .seconds(5))
            let newest = try await store.undecidedItems(of: account, sentSince: moment + .seconds(3), limit: 9)
            #expect(newest.map(\.record) == [items[4].id, another.id])
            #expect(try await store.undecidedItems(of: account, sentSince: moment, limit: 1).count == 1)
            let elsewhere = AccountID(organization: ours, environment: .live)
            #expect(try await store.undecidedItems(of: elsewhere, sentSince: moment, limit: 9).isEmpty)
            let named = AccountID(organization: ours, environment: .test, name: try #require(AccountName("till")))
            #expect(try await store.undecidedItems(of: named, sentSince: moment, limit: 9).isEmpty)
            let foreign = AccountID(organization: theirs, environment: .test)
            #expect(try await store.undecidedItems(of: foreign, sentSince: moment, limit: 9).isEmpty)

            let last = moment + .seconds(5)
            #expect(try await store.undecided(of: id, organization: ours, sentBy: last) == 2)
            #expect(try await store.undecided(of: id, organization: ours, sentBy: last + .seconds(-1)) == 1)
            #expect(try await store.undecided(of: id, organization: theirs, sentBy: last) == 0)
            #expect(try await store.hasUndecided(id, organization: ours))
            #expect(try await !store.hasUndecided(id, organization: theirs))
            for item in [items[0], items[4]] { _ = try await store.apply([advanced(item, to: .failed)]) }
            #expect(try await store.hasUndecided(id, organization: ours))
            _ = try await store.apply([advanced(items[1], to: .failed)])
            #expect(try await !store.hasUndecided(id, organization: ours))
        }
    }

    @Test func `is not among what is held and due`() async throws {
        try await withEachStore { (store) async throws in
            let id = try #require(batchID)
            _ = try await store.commit(new(makeBatch(id), [makeItem(1, of: id)]))
            #expect(try await store.dueHeld(at: moment + .seconds(200_000), limit: 10, except: []).isEmpty)
        }
    }
}
