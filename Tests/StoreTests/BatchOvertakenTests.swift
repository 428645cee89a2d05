import Gateway
import Testing

@testable import Store

struct `A batch that others overtake` {
    private let known = KnownPayments(since: moment + .seconds(-600), seen: [])

    /// A batch of one row that leaves with this commit.
    private func leaving(_ known: KnownPayments?) throws -> NewBatch {
        var batch = makeBatch(try #require(batchID))
        batch.state = .running
        return NewBatch(batch: batch, items: [makeItem(1, of: batch.id)], sameSince: moment, known: known)
    }

    /// What somebody has asked for of the same amount to the same receiver, unless it is changed.
    private func ask(_ store: any EachStore, _ change: (inout Record) -> Void = { _ in }) async throws -> Record {
        var other = makeRecord()
        change(&other)
        _ = try await store.commit(NewRecord(record: other))
        return other
    }

    @Test func `is not kept where it leaves at once, and nothing of it`() async throws {
        try await withEachStore { (store) async throws in
            let other = try await ask(store)
            #expect(try await store.commit(try leaving(known)) == .overtaken)
            let id = try #require(batchID)
            #expect(try await store.batch(id, organization: ours) == nil)

            let seen = KnownPayments(since: known.since, seen: [other.id])
            #expect(try await store.commit(try leaving(seen)) == .committed)
        }
    }

    @Test func `does not leave with the next change of it either`() async throws {
        try await withEachStore { (store) async throws in
            #expect(try await store.commit(try leaving(nil)) == .committed)
            let other = try await ask(store)
            let id = try #require(batchID)
            let kept = try await store.batch(id, organization: ours)
            var batch = try #require(kept)
            batch.version += 1
            let items = try await store.items(BatchItems(of: batch.id, organization: ours, limit: 9))
            #expect(try await !store.apply(BatchChange(batch: batch, known: known)))
            #expect(try await store.batch(batch.id, organization: ours)?.version == batch.version - 1)
            #expect(try await store.items(BatchItems(of: batch.id, organization: ours, limit: 9)) == items)

            let seen = KnownPayments(since: known.since, seen: [other.id])
            #expect(try await store.apply(BatchChange(batch: batch, known: seen)))
        }
    }

    @Test func `is asked about with the rows that are tried again`() async throws {
        try await withEachStore { (store) async throws in
            var batch = makeBatch(try #require(batchID))
            _ = try await store.commit(new(batch, []))
            _ = try await ask(store)
            batch.version += 1
            let again = BatchChange(batch: batch, items: [makeItem(2, of: batch.id)], known: known)
            #expect(try await !store.apply(again))
            #expect(try await store.items(BatchItems(of: batch.id, organization: ours, limit: 9)).isEmpty)
        }
    }

    @Test func `is none by what is another payment, was known before, or was never made`() async throws {
        try await withEachStore { (store) async throws in
            _ = try await ask(store) { $0.state = .failed }
            let sibling = makeItem(2, of: try #require(batchID))
            _ = try await store.commit(NewRecord(record: sibling))
            let later = KnownPayments(since: moment + .seconds(1), seen: [])
            _ = try await ask(store)
            #expect(try await store.commit(try leaving(later)) == .committed)
        }
    }

    @Test func `is another organization's, amount's or receiver's business`() async throws {
        try await withEachStore { (store) async throws in
            _ = try await store.commit(NewRecord(record: makeRecord(theirs)))
            _ = try await store.commit(NewRecord(record: makeRecord(amount: 101)))
            _ = try await store.commit(NewRecord(record: makeRecord(party: "254700000000")))
            #expect(try await store.commit(try leaving(known)) == .committed)
        }
    }
}
