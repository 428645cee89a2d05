import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

struct `What the feed costs a payment` {
    private static let count = 40

    /// What the log gains by payments that begin and end, one after another.
    private func gained(isTold: Bool) async throws -> (pages: Int, commits: Int) {
        var gained = (pages: 0, commits: 0)
        try await withSQLiteStore { (store, database) async throws in
            let before = try SQLiteLog(beside: database)
            for _ in 0..<Self.count {
                let record = makeRecord()
                let next = advanced(record, to: .succeeded).record
                let told = FeedEvent(
                    organization: record.organization,
                    id: newID(),
                    kind: .succeeded,
                    subject: record.id.description,
                    version: next.version,
                    at: moment,
                    payload: [
                        "environment": "test", "tool": .string(record.tool), "operation": .string(record.operation),
                        "direction": "in", "account": "main", "source": "calls", "made_by": .string(record.madeBy),
                        "state": "succeeded", "amount": 100, "receipt": "R1AAAAAAAA",
                    ]
                )
                _ = try await store.commit(NewRecord(record: record))
                _ = try await store.apply([RecordChange(record: next, events: [], told: isTold ? [told] : [])])
            }
            let after = try SQLiteLog(beside: database)
            gained = (after.pages - before.pages, after.commits - before.commits)
        }
        return gained
    }

    @Test func `is no commit, and the pages of a row in two trees`() async throws {
        let (silent, told) = (try await gained(isTold: false), try await gained(isTold: true))

        #expect(silent.commits == 2 * Self.count && told.commits == silent.commits)
        let extra = Double(told.pages - silent.pages) / Double(Self.count)
        #expect(extra > 0 && extra <= 3.5, "\(extra) pages a payment")
    }
}
