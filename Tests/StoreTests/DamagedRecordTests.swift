import Gateway
import GatewayTesting
import Testing

@testable import Store

struct `A record of which a text is damaged` {
    private func damage(_ column: String, of record: Record, in store: Store) async throws {
        _ = try await store.database.write { session in
            try session.sql.execute(
                "UPDATE records SET \(column) = '[1' WHERE organization_id = $1 AND record_id = $2",
                [.text(record.organization.description), .text(record.id.description)]
            )
        }
    }

    @Test(arguments: ["plan", "detail"])
    func `is what its columns say, and is marked, and hides no other`(column: String) async throws {
        try await withStore { (store) async throws in
            let id = try #require(batchID)
            let items = [makeItem(1, of: id), makeItem(2, of: id)]
            _ = try await store.commit(new(makeBatch(id), items))
            try await damage(column, of: items[1], in: store)

            let found = try await store.items(BatchItems(of: id, organization: ours, limit: 9))
            #expect(found.map(\.id) == items.map(\.id) && found.map(\.isDamaged) == [false, true])
            let damaged = found[1]
            #expect(damaged.state == .draft && damaged.version == 1 && damaged.intent.amount == items[1].intent.amount)
            #expect(damaged.intent.party == items[1].intent.party && damaged.accountName == items[1].accountName)
            #expect(damaged.batch?.batch == id && damaged.batch?.sequence == 2)
            #expect(damaged.batch?.row == (column == "plan" ? 0 : 2) && damaged.hold?.until == items[1].hold?.until)
        }
    }

    @Test func `is due like every other, and a line of the log, once`() async throws {
        try await withDatabase { url in
            let lines = LogLines()
            let store = try await Store.open(url, settings: patient, logger: lines.logger)
            var record = makeRecord()
            (record.state, record.nextActionAt) = (.accepted, moment)
            _ = try await store.commit(NewRecord(record: record))
            try await damage("plan", of: record, in: store)

            for _ in 1...3 {
                #expect(try await store.due(at: moment, limit: 9, except: []).map(\.isDamaged) == [true])
            }
            let said = lines.all.filter { $0.contains("cannot be read") }
            #expect(said.count == 1 && said.first?.contains("\(record.id)") == true, "\(lines.all)")
            store.shutdown()
        }
    }
}
