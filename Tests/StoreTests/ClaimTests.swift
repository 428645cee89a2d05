import Gateway
import Testing

@testable import Store

struct `Idempotency claims` {
    func claim(_ fingerprint: UInt8 = 1, derived: Bool = false, expires: Duration = .seconds(600)) -> IdempotencyClaim {
        IdempotencyClaim(key: "key:k", fingerprint: [fingerprint], retention: expires, isDerived: derived)
    }

    @Test func `are taken once, however many try at the same time`() async throws {
        try await withEachStore { (store) async throws in
            let outcomes = try await withThrowingTaskGroup(of: CommitOutcome.self) { group in
                for _ in 0..<64 {
                    group.addTask { try await store.commit(NewRecord(record: makeRecord(), idempotency: claim())) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(outcomes.filter { $0 == .committed }.count == 1)
            #expect(outcomes.allSatisfy { if case .keyReused = $0 { false } else { true } })
        }
    }

    @Test func `tell other arguments, and other organizations, apart`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, idempotency: claim()))

            #expect(
                try await store.commit(NewRecord(record: makeRecord(), idempotency: claim(2))) == .keyReused(record.id)
            )
            #expect(
                try await store.commit(NewRecord(record: makeRecord(theirs), idempotency: claim(2))) == .committed
            )
        }
    }

    @Test func `are free again once nothing was sent for them`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, idempotency: claim()))
            _ = try await store.apply([advanced(record, to: .rejected)])

            #expect(try await store.commit(NewRecord(record: makeRecord(), idempotency: claim())) == .committed)
        }
    }

    @Test func `that a caller gave outlive a failure, and those that the host derived do not`() async throws {
        for isDerived in [false, true] {
            try await withEachStore { (store) async throws in
                var record = makeRecord()
                record.sentAt = moment
                _ = try await store.commit(NewRecord(record: record, idempotency: claim(derived: isDerived)))
                _ = try await store.apply([advanced(record, to: .failed)])
                // The same second: a key of the caller's counts on, one of the host's does not.
                let again = try await store.commit(
                    NewRecord(record: makeRecord(), idempotency: claim(derived: isDerived))
                )

                #expect(again == (isDerived ? .committed : .replay(record.id)))
            }
        }
    }

    @Test func `never expire while their record is open, and live from its end on`() async throws {
        try await withEachStore { (store) async throws in
            var record = makeRecord()
            record.sentAt = moment
            _ = try await store.commit(NewRecord(record: record, idempotency: claim(expires: .seconds(5))))
            let later = makeRecord(at: moment + .seconds(1_000_000))
            #expect(try await store.commit(NewRecord(record: later, idempotency: claim())) == .replay(record.id))

            _ = try await store.apply([advanced(record, to: .succeeded)])

            let during = makeRecord(at: moment + .seconds(4))
            #expect(try await store.commit(NewRecord(record: during, idempotency: claim())) == .replay(record.id))
            let after = makeRecord(at: moment + .seconds(6))
            #expect(try await store.commit(NewRecord(record: after, idempotency: claim(2))) == .committed)
        }
    }

    @Test func `that the host derived name an old call that has not ended, instead of answering for it`() async throws {
        try await withEachStore { (store) async throws in
            var record = makeRecord()
            record.sentAt = moment
            _ = try await store.commit(NewRecord(record: record, idempotency: claim(derived: true)))
            _ = try await store.apply([advanced(record, to: .manual)])
            let again = makeRecord(at: moment + .seconds(86_401))

            #expect(
                try await store.commit(NewRecord(record: again, idempotency: claim(derived: true)))
                    == .keyStillOpen(record.id)
            )
        }
    }
}

struct `Guards` {
    @Test func `hold while the record is open, and for their window`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, guards: [rule]))
            let blocked = try await store.commit(NewRecord(record: makeRecord(), guards: [rule]))
            #expect(blocked == .guarded(index: 0, by: record.id, until: moment + .seconds(60)))

            let late = makeRecord(at: moment + .seconds(61))
            #expect(
                try await store.commit(NewRecord(record: late, guards: [rule]))
                    == .guarded(index: 0, by: record.id, until: nil)
            )
            var sent = record
            sent.sentAt = moment
            _ = try await store.apply([advanced(sent, to: .failed)])
            #expect(try await store.commit(NewRecord(record: late, guards: [rule])) == .committed)
        }
    }

    @Test func `hold against many at the same time, even with a window of no length`() async throws {
        let rule = Guard(key: "phone:2", openMax: 2, window: .zero, code: "conflict", message: "open")
        try await withEachStore { (store) async throws in
            let outcomes = try await withThrowingTaskGroup(of: CommitOutcome.self) { group in
                for _ in 0..<64 {
                    group.addTask { try await store.commit(NewRecord(record: makeRecord(), guards: [rule])) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(outcomes.filter { $0 == .committed }.count == 2)
        }
    }

    @Test func `are free for the next one while a person looks at the record`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, guards: [rule]))
            var waiting = advanced(record, to: .manual).record
            waiting.sentAt = moment
            _ = try await store.apply([RecordChange(record: waiting, events: [])])

            let late = makeRecord(at: moment + .seconds(61))
            #expect(try await store.commit(NewRecord(record: late, guards: [rule])) == .committed)
        }
    }

    @Test func `are given back at once when nothing was sent`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, guards: [rule]))
            _ = try await store.apply([advanced(record, to: .rejected)])

            #expect(try await store.commit(NewRecord(record: makeRecord(), guards: [rule])) == .committed)
        }
    }

    @Test func `undo the whole commit that meets them`() async throws {
        try await withEachStore { (store) async throws in
            _ = try await store.commit(NewRecord(record: makeRecord(), guards: [rule]))
            let loser = makeRecord()
            let claim = IdempotencyClaim(
                key: "key:x",
                fingerprint: [1],
                retention: .seconds(60),
                isDerived: false
            )
            _ = try await store.commit(NewRecord(record: loser, idempotency: claim, guards: [rule]))

            #expect(try await store.record(loser.id, organization: ours, environment: .test) == nil)
            #expect(
                try await store.idempotencyEntry("key:x", organization: ours, environment: .test) == nil
            )
        }
    }
}

struct `Unique keys` {
    @Test func `are held until a state gives them back`() async throws {
        try await withEachStore { (store) async throws in
            let unique = UniqueKey(key: "u", releasedBy: [.failed])
            var record = makeRecord()
            record.sentAt = moment
            _ = try await store.commit(NewRecord(record: record, unique: [unique]))
            #expect(
                try await store.commit(NewRecord(record: makeRecord(), unique: [unique]))
                    == .duplicate(index: 0, by: record.id)
            )
            let cancelled = advanced(record, to: .cancelled)
            _ = try await store.apply([cancelled])
            #expect(
                try await store.commit(NewRecord(record: makeRecord(), unique: [unique]))
                    == .duplicate(index: 0, by: record.id)
            )
            _ = try await store.apply([advanced(cancelled.record, to: .failed)])

            #expect(try await store.commit(NewRecord(record: makeRecord(), unique: [unique])) == .committed)
        }
    }
}
