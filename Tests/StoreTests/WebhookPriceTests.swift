import Foundation
import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

/// What SQLite's log has of a store: pages, and the commits that brought them.
private struct Log: Equatable {
    var pages = 0
    var commits = 0

    /// Reads the file beside a database: 32 bytes, then a header of 24 bytes before each page, whose second number is not 0
    /// where a commit ends (sqlite.org/fileformat.html, "WAL File Format").
    init(beside database: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: database + "-wal")))
        func number(at place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
        let (page, salt) = (number(at: 8), bytes[16..<24])
        var place = 32
        // What an earlier round of the log left behind has another salt.
        while place + 24 + page <= bytes.count, bytes[place + 8..<place + 16].elementsEqual(salt) {
            (pages, commits) = (pages + 1, commits + (number(at: place + 4) == 0 ? 0 : 1))
            place += 24 + page
        }
    }
}

struct `What webhooks cost a payment` {
    /// Payments that begin and end, one after another, and what the log has of it all.
    private func pay(_ changes: [(NewRecord, RecordChange)], endpoints: Int) async throws -> (before: Log, after: Log) {
        var found: (before: Log, after: Log)?
        try await withSQLiteStore { (store, database) async throws in
            for _ in 0..<endpoints { try await store.add(makeEndpoint(), endpointsMax: endpoints) }
            let before = try Log(beside: database)
            for (beginning, ending) in changes {
                _ = try await store.commit(beginning)
                _ = try await store.apply([ending])
            }
            found = (before, try Log(beside: database))
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
