import Gateway
import Testing

@testable import Store

struct `An organization that is about to be erased` {
    @Test func `begins no transaction any more, and others do`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))
            #expect(try await !store.closeForErasing(ours))
            var sent = record
            sent.sentAt = moment
            _ = try await store.apply([advanced(sent, to: .failed)])

            #expect(try await store.closeForErasing(ours))

            #expect(try await store.commit(NewRecord(record: makeRecord())) == .closed)
            #expect(try await store.commit(NewRecord(record: makeRecord(theirs))) == .committed)
        }
    }

    @Test func `has none that began beside its closing`() async throws {
        try await withStore { (store) async throws in
            let (outcomes, isClosed) = try await withThrowingTaskGroup(of: CommitOutcome?.self) { group in
                for number in 0..<33 {
                    group.addTask {
                        guard number == 16 else { return try await store.commit(NewRecord(record: makeRecord())) }
                        return try await store.closeForErasing(ours) ? .closed : nil
                    }
                }
                let all = try await group.reduce(into: [CommitOutcome?]()) { $0.append($1) }
                return (all.compactMap { $0 }, !all.contains(nil))
            }

            // Either it was closed before all of them, or it was not closed.
            #expect(outcomes.allSatisfy { $0 == (isClosed ? .closed : .committed) })
        }
    }

    @Test func `is felt for as long as a call may take`() {
        let (closings, now) = (Closings(), ContinuousClock.now)
        closings.note(ours, at: now)

        #expect(closings.isClosed(ours, at: now + .seconds(899)) && !closings.isClosed(theirs, at: now))
        #expect(!closings.isClosed(ours, at: now + Closings.feltFor))
    }
}
