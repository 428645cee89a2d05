import Gateway
import Testing

@testable import Store

/// A question for payments of the samples, asked at a moment.
private func recent(
    _ party: String = "254712345678",
    since: Timestamp,
    besides batch: BatchID? = nil
) -> RecentPayments {
    RecentPayments(
        organization: ours,
        environment: .test,
        direction: .incoming,
        parties: [party],
        from: since,
        until: since + .seconds(3 * 86_400),
        besides: batch
    )
}

private func found(_ record: Record) -> RecentPayment {
    RecentPayment(party: "254712345678", amount: 100, record: record.id, madeAt: record.createdAt)
}

struct `A payment to somebody` {
    private let days: (Int64) -> Duration = { .seconds($0 * 86_400) }

    /// One that has ended so long after it was made.
    private func ended(_ state: RecordState, after wait: Duration, heldFor hold: Duration? = nil) -> Record {
        var record = makeRecord()
        if let hold { record.hold = Hold(arguments: [:], reason: "b", until: moment + hold) }
        record.state = state
        (record.sentAt, record.endedAt) = (moment + wait, moment + wait + .seconds(5))
        record.nextActionAt = nil
        return record
    }

    @Test func `is found by whoever pays the same again`() async throws {
        try await withEachStore { (store) async throws in
            let paid = makeRecord()
            _ = try await store.commit(NewRecord(record: paid))
            let expected = found(paid)
            #expect(try await store.recent(recent("254712345678", since: moment)) == [expected])
            #expect(try await store.recent(recent("254700000000", since: moment)).isEmpty)
        }
    }

    @Test(arguments: [RecordState.draft, .released])
    func `that is held is known for as long as it may be sent`(state: RecordState) async throws {
        try await withEachStore { (store) async throws in
            var item = makeRecord()
            item.hold = Hold(arguments: [:], reason: "b", until: moment + days(120))
            item.state = state
            _ = try await store.commit(NewRecord(record: item))

            #expect(try await store.recent(recent(since: moment + days(100))) == [found(item)])
        }
    }

    @Test func `is known by when it was sent and ended, and not by when it was made`() async throws {
        try await withEachStore { (store) async throws in
            let paid = ended(.succeeded, after: days(60), heldFor: days(120))
            _ = try await store.commit(NewRecord(record: paid))

            #expect(try await store.recent(recent(since: moment + days(60))) == [found(paid)])
            #expect(try await store.recent(recent(since: moment + days(60) + .seconds(5))) == [found(paid)])
            #expect(try await store.recent(recent(since: moment + days(60) + .seconds(6))).isEmpty)
        }
    }

    @Test(arguments: [RecordState.accepted, .unknown, .reconciling, .manual])
    func `of which nothing is known is known however long ago it was sent`(state: RecordState) async throws {
        try await withEachStore { (store) async throws in
            let open = makeRecord()
            _ = try await store.commit(NewRecord(record: open))
            var sent = advanced(open, to: state).record
            (sent.sentAt, sent.endedAt) = (moment, nil)
            _ = try await store.apply([RecordChange(record: sent, events: [])])

            let later = moment + days(state == .manual ? 300 : 29)
            #expect(try await store.recent(recent(since: later)) == [found(open)])
        }
    }

    @Test func `is not known once it was not made, nor to the batch whose own it is`() async throws {
        try await withEachStore { (store) async throws in
            let (id, other) = (try #require(batchID), try #require(BatchID("b-2")))
            _ = try await store.commit(NewRecord(record: ended(.failed, after: .seconds(5))))
            let item = makeItem(1, of: id)
            _ = try await store.commit(new(makeBatch(id), [item]))

            #expect(try await store.recent(recent(since: moment, besides: id)).isEmpty)
            #expect(try await store.recent(recent(since: moment, besides: other)) == [found(item)])
        }
    }
}

struct `The same items once more` {
    private func found(_ batch: Batch, since: Timestamp, in store: any EachStore) async throws -> Bool {
        let id = try await store.batch(
            containing: batch.content,
            organization: ours,
            environment: .test,
            since: since
        )
        return id == batch.id
    }

    @Test func `are found while their batch is open, and for some days after its end`() async throws {
        try await withEachStore { (store) async throws in
            var batch = makeBatch(try #require(batchID))
            _ = try await store.commit(new(batch, [makeItem(1, of: batch.id)]))
            let (later, end) = (moment + .seconds(70 * 86_400), moment + .seconds(60 * 86_400))
            #expect(try await found(batch, since: later, in: store))
            let again = makeBatch(try #require(BatchID("b-2")), at: later)
            #expect(try await store.commit(new(again, [], since: later)) == .sameItems(batch.id))

            (batch.version, batch.state, batch.releasedBy, batch.endedAt) = (2, .completed, "user:2", end)
            #expect(try await store.apply(BatchChange(batch: batch)))
            #expect(try await found(batch, since: end, in: store))
            #expect(try await !found(batch, since: end + .seconds(1), in: store))
        }
    }

    @Test func `are not, once their batch was taken back before it was let go`() async throws {
        try await withEachStore { (store) async throws in
            var batch = makeBatch(try #require(batchID))
            _ = try await store.commit(new(batch, [makeItem(1, of: batch.id)]))
            (batch.version, batch.state) = (2, .cancelled)
            #expect(try await store.apply(BatchChange(batch: batch)))

            #expect(try await !found(batch, since: moment, in: store))
        }
    }
}
