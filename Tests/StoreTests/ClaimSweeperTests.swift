import Logging
import Testing

@testable import Gateway
@testable import Store

struct `Claims that have ended` {
    private func claim(_ key: Int, expires: Duration) -> IdempotencyClaim {
        IdempotencyClaim(key: "key:\(key)", fingerprint: [1], retention: expires, isDerived: false)
    }

    private func guardRule(_ key: Int) -> Guard {
        Guard(key: "phone:\(key)", openMax: 2, window: .seconds(60), code: "conflict", message: "open")
    }

    private func sweeper(_ store: Store, at now: Timestamp, slice: Int) -> ClaimSweeper {
        var settings = ClaimSweeper.Settings()
        settings.sliceMax = slice
        settings.pause = .zero
        return ClaimSweeper(
            claims: store,
            entropy: Entropy(now: { now }, random: { 1 }),
            logger: Logger(label: "test"),
            settings: settings
        )
    }

    private func count(_ table: String, in store: Store) async throws -> Int64? {
        try await store.read { sql in try sql.first("SELECT COUNT(*) FROM \(table)", []) { $0.integer(0) ?? 0 } }
    }

    /// Twenty-one records of two organizations, each with a key and a slot; every third has ended.
    private func fill(_ store: Store) async throws -> [Record] {
        var records: [Record] = []
        for number in 0..<21 {
            var record = makeRecord(number % 2 == 0 ? ours : theirs)
            record.sentAt = moment
            let expires: Duration = number % 3 == 0 ? .seconds(10) : .seconds(600)
            let new = NewRecord(
                record: record,
                idempotency: claim(number, expires: expires),
                guards: [guardRule(number)]
            )
            #expect(try await store.commit(new) == .committed)
            if number % 3 == 0 { _ = try await store.apply([advanced(record, to: .succeeded)]) }
            records.append(record)
        }
        return records
    }

    @Test(arguments: [1, 4, 7, 500]) func `are forgotten, whatever a slice holds, and no other is`(slice: Int)
        async throws
    {
        try await withStore { (store) async throws in
            let records = try await fill(store)

            // Both times have passed; what is open holds its guard all the same.
            let late = moment + .seconds(121)
            #expect(await sweeper(store, at: late, slice: slice).walk() == 14)
            #expect(try await count("idempotency", in: store) == 14)
            #expect(try await count("guards", in: store) == 14)
            for (number, record) in records.enumerated() {
                let entry = try await store.idempotencyEntry(
                    "key:\(number)",
                    organization: record.organization,
                    environment: .test
                )
                #expect(entry?.record == (number % 3 == 0 ? nil : record.id))
            }
            #expect(await sweeper(store, at: late, slice: slice).walk() == 0)
        }
    }

    @Test func `are kept for a margin, in which another host's clock may still be`() async throws {
        try await withStore { (store) async throws in
            _ = try await fill(store)

            #expect(await sweeper(store, at: moment + .seconds(69), slice: 500).walk() == 0)
            #expect(await sweeper(store, at: moment + .seconds(70), slice: 500).walk() == 7)
        }
    }

    @Test func `leave the slots beside them as they were`() async throws {
        try await withStore { (store) async throws in
            var first = makeRecord()
            first.sentAt = moment
            let second = makeRecord()
            _ = try await store.commit(NewRecord(record: first, guards: [guardRule(1)]))
            _ = try await store.commit(NewRecord(record: second, guards: [guardRule(1)]))
            _ = try await store.apply([advanced(first, to: .failed)])

            #expect(await sweeper(store, at: moment + .seconds(600), slice: 1).walk() == 1)
            let late = moment + .seconds(600)
            #expect(
                try await store.commit(NewRecord(record: makeRecord(at: late), guards: [guardRule(1)])) == .committed
            )
            #expect(
                try await store.commit(NewRecord(record: makeRecord(at: late), guards: [guardRule(1)]))
                    == .guarded(index: 0, by: second.id, until: nil)
            )
        }
    }

    @Test func `are kept while a success may still come, whether given or derived, on every store`() async throws {
        try await withEachStore { (store) async throws in
            var records: [Record] = []
            for (number, state) in [RecordState.failed, .expired, .succeeded, .rejected].enumerated() {
                var record = makeRecord()
                if state != .rejected { record.sentAt = moment }
                let claim = IdempotencyClaim(
                    key: "k:\(number)",
                    fingerprint: [1],
                    retention: .seconds(120),
                    isDerived: number % 2 == 0
                )
                _ = try await store.commit(NewRecord(record: record, idempotency: claim))
                _ = try await store.apply([advanced(record, to: state)])
                records.append(record)
            }
            let place = ClaimPlace(.idempotency)
            let soon = moment + .seconds(180)

            let early = try await store.forgetClaims(
                after: place,
                limit: 10,
                endedBy: soon,
                late: moment + .seconds(-1)
            )
            let late = try await store.forgetClaims(after: place, limit: 10, endedBy: soon, late: moment)

            // What was paid, and what never left, has nothing to wait for.
            #expect(early.forgotten == 2 && late.forgotten == 2)
        }
    }
}
