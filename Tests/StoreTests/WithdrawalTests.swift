import Testing

@testable import Gateway
@testable import Store

struct `A record whose commit failed` {
    private let claim = IdempotencyClaim(
        key: "key:a",
        fingerprint: [1],
        retention: .seconds(60),
        isDerived: false
    )

    private func waiting(_ record: Record) -> Withdrawals.Waiting {
        Withdrawals.Waiting(
            record: record,
            reason: "Never sent.",
            until: moment + Withdrawals.commitMax,
            statement: nil
        )
    }

    private func withdrawn(isWritten: Bool, in store: any EachStore) async throws -> Record? {
        let settlement = makeSettlement(store)
        let record = makeRecord()
        let beginning = try #require(settlement.beginning(record))
        if isWritten {
            let events = [record.firstEvent, beginning.event]
            _ = try await store.commit(NewRecord(record: beginning.record, events: events, idempotency: claim))
        }

        let outcome = await settlement.withdraw(waiting(beginning.record), at: moment)
        #expect(outcome == (isWritten ? .ended : .mayCome))

        return try await store.record(record.id, organization: ours, environment: .test)
    }

    @Test func `ends as never sent where it was written all the same, and its key is free`() async throws {
        try await withEachStore { (store) async throws in
            let record = try #require(try await withdrawn(isWritten: true, in: store))

            #expect(record.state == .rejected)
            #expect(record.sentAt == nil)
            let entry = try await store.idempotencyEntry("key:a", organization: ours, environment: .test)
            #expect(entry?.answer(to: claim, at: moment) == .free)
        }
    }

    @Test func `ends so too where it was given up for lost meanwhile`() async throws {
        try await withEachStore { (store) async throws in
            let settlement = makeSettlement(store)
            let record = makeRecord()
            let beginning = try #require(settlement.beginning(record))
            let events = [record.firstEvent, beginning.event]
            _ = try await store.commit(NewRecord(record: beginning.record, events: events))
            let lost = try await settlement.settle(beginning.record) { _ in .noAnswer("No answer came in time.") }
            #expect(lost.record.state == .unknown)

            #expect(await settlement.withdraw(waiting(beginning.record), at: moment) == .ended)

            let found = try await store.record(record.id, organization: ours, environment: .test)
            #expect(found?.state == .rejected && found?.sentAt == nil)
        }
    }

    @Test func `leaves nothing where it was not`() async throws {
        try await withEachStore { (store) async throws in
            #expect(try await withdrawn(isWritten: false, in: store) == nil)
        }
    }

    @Test func `waits for a second sending that may yet be written, and then leaves the record as it is`() async throws
    {
        try await withEachStore { (store) async throws in
            let settlement = makeSettlement(store)
            var record = makeRecord()
            record.attempts = 1
            _ = try await store.commit(NewRecord(record: record))
            let second = try #require(settlement.beginning(record)).record
            #expect(second.attempts == 2 && second.resentAt != nil)

            #expect(await settlement.withdraw(waiting(second), at: moment) == .mayCome)
            let late = moment + Withdrawals.commitMax + .seconds(1)
            #expect(await settlement.withdraw(waiting(second), at: late) == .ended)

            let found = try await store.record(record.id, organization: ours, environment: .test)
            #expect(found == record)
        }
    }
}
