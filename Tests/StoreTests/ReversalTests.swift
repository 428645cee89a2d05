import Testing

@testable import Gateway
@testable import Store

struct `A reversal` {
    private func commit(_ record: Record, as state: RecordState, in store: any EachStore) async throws -> Record {
        _ = try await store.commit(NewRecord(record: record))
        let change = advanced(record, to: state)
        _ = try await store.apply([change])
        return change.record
    }

    private let success = RecordMachine.Happening.evidence(
        Evidence(.succeeded, receipt: "RBACK", code: "0", amount: Shillings(100)),
        .callback("result")
    )

    @Test func `that succeeds takes its original along, in one commit`() async throws {
        try await withEachStore { (store) async throws in
            let original = try await commit(makeRecord(), as: .succeeded, in: store)
            let reversal = try await commit(makeRecord(reversing: original.id), as: .accepted, in: store)

            let settled = try await makeSettlement(store).settle(reversal) { _ in success }

            #expect(settled.record.state == .succeeded)
            let found = try await store.record(original.id, organization: ours, environment: .test)
            #expect(found?.state == .reversed)
            let events = try await store.events(of: original.id, organization: ours, limit: 10)
            #expect(events.last?.source == "reversal")
            let audit = try await store.records(organization: ours, before: nil, limit: 10)
            #expect(Set(audit.map(\.action)) == ["TRANSACTION_ENDED", "TRANSACTION_REVERSED"])
        }
    }

    @Test func `that fails leaves its original as it was`() async throws {
        try await withEachStore { (store) async throws in
            let original = try await commit(makeRecord(), as: .succeeded, in: store)
            let reversal = try await commit(makeRecord(reversing: original.id), as: .accepted, in: store)

            _ = try await makeSettlement(store)
                .settle(reversal) { _ in .evidence(Evidence(.failed, code: "R000002"), .callback("result")) }

            #expect(try await store.record(original.id, organization: ours, environment: .test) == original)
        }
    }

    @Test func `reaches nobody else's transaction`() async throws {
        try await withEachStore { (store) async throws in
            let foreign = try await commit(makeRecord(theirs), as: .succeeded, in: store)
            let reversal = try await commit(makeRecord(reversing: foreign.id), as: .accepted, in: store)

            let settled = try await makeSettlement(store).settle(reversal) { _ in success }

            #expect(settled.record.state == .succeeded)
            #expect(try await store.record(foreign.id, organization: theirs, environment: .test) == foreign)
        }
    }
}
