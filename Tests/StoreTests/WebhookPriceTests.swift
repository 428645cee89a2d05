import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

struct `What webhooks cost a payment` {
    /// Payments that begin and end, one after another, and what the log has of it all.
    private func pay(_ changes: [(NewRecord, RecordChange)], endpoints: Int) async throws -> (
        before: SQLiteLog, after: SQLiteLog
    ) {
        var found: (before: SQLiteLog, after: SQLiteLog)?
        try await withSQLiteStore { (store, database) async throws in
            for _ in 0..<endpoints { try await store.add(makeEndpoint(), endpointsMax: endpoints) }
            let before = try SQLiteLog(beside: database)
            for (beginning, ending) in changes {
                _ = try await store.commit(beginning)
                _ = try await store.apply([ending])
            }
            found = (before, try SQLiteLog(beside: database))
        }
        return try #require(found)
    }

    @Test func `is no page and no commit, however many endpoints there are`() async throws {
        let changes = (0..<40)
            .map { _ in
                let record = makeRecord()
                let next = advanced(record, to: .succeeded).record
                let told = FeedEvent(
                    organization: record.organization,
                    id: newID(),
                    kind: .succeeded,
                    subject: record.id.description,
                    version: next.version,
                    at: moment,
                    payload: ["environment": "test", "tool": .string(record.tool), "amount": 100]
                )
                return (NewRecord(record: record), RecordChange(record: next, events: [], told: [told]))
            }

        let (none, many) = (try await pay(changes, endpoints: 0), try await pay(changes, endpoints: 10))

        #expect(none.after.commits - none.before.commits == 80)
        #expect(many.after.commits - many.before.commits == 80)
        #expect(many.after.pages - many.before.pages == none.after.pages - none.before.pages)
        #expect(many.before.commits - none.before.commits == 10)
    }
}
