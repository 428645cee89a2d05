import Foundation
import Gateway
import Testing

@testable import Store

struct `An older database` {
    /// A record's columns, without those that later migrations add.
    private let columns = ["released_ms,", "held_until_ms,"]
        .reduce(RecordCoding.columns) { text, column in text.split(separator: column).joined() }

    /// Fills a database that only the first three migrations have made.
    private func fill(_ url: DatabaseURL, with line: AuditRecord, about record: Record) async throws {
        let database = try Store.engine(url, settings: StoreSettings(), state: makeState())
        var filled = SQLRowBuffer()
        RecordCoding.bind(record, to: &filled)
        let values = filled.values.enumerated().filter { $0.offset != 21 && $0.offset != 22 }.map(\.element)
        try await Migrations.run(on: database, upTo: 3)
        try await database.write { session in
            let (organization, id) = (SQLValue.text(ours.description), SQLValue.text(record.id.description))
            let fields: [SQLValue] = [
                .text(line.id.description), .integer(line.at.milliseconds), .text(line.call.description),
                .text(line.subject), .text(line.action), .null, .text(line.door), .text(line.outcome.rawValue), .null,
                .null, .null, .null, .null,
            ]
            let start = [UInt8](repeating: 0, count: 32)
            let hash = AuditChain.hash(fields, organization: ours.description, sequence: 1, after: start)
            try session.sql.execute(
                """
                INSERT INTO audit (organization_id, writer_id, sequence, previous_hash, hash, \(AuditChain.columns))
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
                """,
                [organization, .text("sqlite"), .integer(1), .bytes(start), .bytes(hash)] + fields
            )
            try session.sql.execute(
                """
                INSERT INTO records (\(columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                    $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
                """,
                values
            )
            try session.sql.execute(
                """
                INSERT INTO record_events VALUES ($1, $2, 1, 0, 'commit', NULL, NULL, NULL, 'created', 'created'),
                    ($3, $4, 2, 5, 'send', 'accepted', '0', 'Taken "as is",\n\u{1F7E2}', 'created', 'accepted')
                """,
                [organization, id, organization, id]
            )
            try session.sql.execute(
                "INSERT INTO external_ids VALUES ($1, 'test', 'checkout_request_id', 'ws_1', $2)",
                [organization, id]
            )
            try session.sql.execute(
                "INSERT INTO guards VALUES ($1, 'test', 'phone:1', 0, $2, 1, 9000000000000)",
                [organization, id]
            )
            try session.sql.execute(
                "INSERT INTO idempotency VALUES ($1, 'test', 'key:a', $2, $3, 9000000000000, 0)",
                [organization, .bytes([1]), id]
            )
            try session.sql.execute(
                "INSERT INTO profiles VALUES ($1, 'test', $2)",
                [organization, .text(#"{"short_code":"174379","short_code_type":"paybill"}"#)]
            )
            try session.sql.execute(
                "INSERT INTO credentials VALUES ($1, 'test', 'consumer_key', $2, 1, 4)",
                [organization, .bytes([5])]
            )
        }
        database.shutdown()
    }

    @Test func `keeps all that it held, its audit's chain included`() async throws {
        let record = makeRecord()
        let line = makeLine()
        try await withDatabase { url in
            try await fill(url, with: line, about: record)

            let store = try await Store.open(url)

            let found = try await store.record(
                externalID: "ws_1",
                namespace: "checkout_request_id",
                organization: ours,
                environment: .test
            )
            #expect(found == record)
            let events = try await store.events(of: record.id, organization: ours, limit: 10)
            #expect(events.map(\.sequence) == [1, 2])
            #expect(events.last?.meaning == "Taken \"as is\",\n\u{1F7E2}")
            let entry = try await store.idempotencyEntry("key:a", organization: ours, environment: .test)
            #expect(entry?.record == record.id)
            let blocked = try await store.commit(NewRecord(record: makeRecord(), guards: [rule]))
            #expect(blocked == .guarded(index: 0, by: record.id, until: Timestamp(milliseconds: 9_000_000_000_000)))
            try await store.append([makeLine()], usage: [])
            #expect(try await store.records(organization: ours, before: nil, limit: 10).count == 2)
            #expect(try await store.firstBrokenAuditLine(organization: ours) == nil)
            let account = try #require(await store.accounts(organization: ours, environment: .test).first)
            #expect(account.name == .main && account.isDefault && account.profile.shortCode == "174379")
            let sealed = try await store.sealedCredential(organization: ours, environment: .test, account: .main)
            #expect(sealed?.fields == ["consumer_key": [5]] && sealed?.version == 4)
            #expect(found?.accountName == .main)
            store.shutdown()
        }
    }
}
