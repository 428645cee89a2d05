import Testing

@testable import Gateway
@testable import Store

struct `An id that M-Pesa gave` {
    @Test func `finds its transaction, whenever it came and however often`() async throws {
        try await withEachStore { (store) async throws in
            let settlement = makeSettlement(store)
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))
            let ids = ["checkout": "c-\(record.id)", "merchant": "m-\(record.id)"]

            // The second arrives after the first, and again with it.
            for known in [ids.filter { $0.key == "checkout" }, ids, ids] {
                let current = try await settlement.reload(record)
                _ = try await settlement.settle(current) { _ in
                    .evidence(Evidence(.accepted, externalIDs: known), .reply)
                }
            }

            let stored = try await settlement.reload(record)
            #expect(stored.externalIDs == ids)
            for (namespace, value) in ids {
                let found = try await store.record(
                    externalID: value,
                    namespace: namespace,
                    organization: ours,
                    environment: .test
                )
                #expect(found == stored)
            }
        }
    }

    @Test func `stays the first record's, whatever else the second's change holds`() async throws {
        try await withEachStore { (store) async throws in
            let settlement = makeSettlement(store)
            let (first, second) = (makeRecord(), makeRecord())
            for record in [first, second] { _ = try await store.commit(NewRecord(record: record)) }
            let evidence = Evidence(.accepted, externalIDs: ["checkout": "c-\(first.id)", "other": "o-\(first.id)"])
            for record in [first, second] {
                _ = try await settlement.settle(record) { _ in .evidence(evidence, .reply) }
            }

            let (one, two) = (try await settlement.reload(first), try await settlement.reload(second))
            #expect(one.externalIDs == evidence.externalIDs && two.externalIDs.isEmpty)
            #expect(one.disputes.map(\.kind) == [.sharedID] && one.disputes.map(\.other) == [second.id])
            #expect(two.disputes.map(\.kind) == [.sharedID] && two.disputes.map(\.other) == [first.id])
            let found = try await store.record(
                externalID: "c-\(first.id)",
                namespace: "checkout",
                organization: ours,
                environment: .test
            )
            #expect(found?.id == first.id)
        }
    }
}
