import Gateway
import Testing

@testable import Store

struct `A clock that was set back` {
    private let back: Duration = .seconds(40 * 3600)

    /// Records that ended one after the other before the clock was set back, of two organizations.
    private func fill(_ store: Store) async throws -> [Record] {
        try await store.save(Plan(name: "all", tools: [], organizationLimits: [:], principalLimits: [:]))
        for (id, slug) in [(ours, "ours"), (theirs, "theirs")] {
            try await store.save(Organization(id: id, slug: slug, name: slug, plan: "all"))
        }
        var records: [Record] = []
        for number in 0..<9 {
            let record = makeRecord(number < 6 ? ours : theirs)
            _ = try await store.commit(NewRecord(record: record))
            var ended = advanced(record, to: .failed).record
            ended.sentAt = moment + back + .seconds(number)
            ended.updatedAt = moment + back + .seconds(100 + number)
            ended.endedAt = ended.updatedAt
            _ = try await store.apply([RecordChange(record: ended, events: [])])
            records.append(ended)
        }
        return records
    }

    /// Walks to the end, and counts the slices.
    private func walk(_ store: Store, limit: Int, from place: RecordPlace? = nil, atMost: Int = 100) async throws -> Int
    {
        var (place, slices) = (place, 0)
        repeat {
            place = try await store.bringEndedForward(after: place, now: moment + .seconds(200), limit: limit)
            slices += 1
        } while place != nil && slices < atMost
        return slices
    }

    private func expectFollowed(_ records: [Record], in store: Store) async throws {
        for record in records {
            let found = try await store.record(record.id, organization: record.organization, environment: .test)
            #expect(found?.endedAt == record.endedAt.map { $0 + (.zero - back) })
            #expect(found?.sentAt == record.sentAt.map { $0 + (.zero - back) })
            #expect(found?.updatedAt == record.updatedAt + (.zero - back))
        }
    }

    @Test(arguments: [1, 2, 500]) func `is followed by what has ended, in slices`(limit: Int) async throws {
        try await withStore { (store) async throws in
            let records = try await fill(store)
            #expect(try await walk(store, limit: limit) == 1)
            #expect(try await store.record(records[0].id, organization: ours, environment: .test) == records[0])
            try await store.bringForward(by: back, after: moment + .seconds(150))

            let slices = try await walk(store, limit: limit)

            #expect(slices > 9 / limit)
            try await expectFollowed(records, in: store)
            // Nothing is left to do for anybody.
            #expect(try await walk(store, limit: limit) == 1)
        }
    }

    @Test func `is followed once, though the walk is begun again by the next process`() async throws {
        try await withStore { (store) async throws in
            let records = try await fill(store)
            try await store.bringForward(by: back, after: moment + .seconds(150))
            #expect(try await walk(store, limit: 2, atMost: 3) == 3)

            _ = try await walk(store, limit: 500)

            try await expectFollowed(records, in: store)
        }
    }

    @Test func `moves nothing that is written meanwhile`() async throws {
        try await withStore { (store) async throws in
            _ = try await fill(store)
            let rule = Guard(key: "phone", openMax: 1, window: .seconds(60), code: "busy", message: "Wait.")
            let now = moment + .seconds(151)
            let fresh = makeRecord(at: now)
            _ = try await store.commit(NewRecord(record: fresh, guards: [rule]))
            var ended = advanced(fresh, to: .failed).record
            (ended.sentAt, ended.updatedAt, ended.endedAt) = (now, now, now)
            _ = try await store.apply([RecordChange(record: ended, events: [])])

            try await store.bringForward(by: back, after: moment + .seconds(150))
            _ = try await store.bringEndedForward(after: nil, now: moment + .seconds(150), limit: 500)

            #expect(try await store.record(fresh.id, organization: ours, environment: .test) == ended)
            let next = NewRecord(record: makeRecord(at: now + .seconds(59)), guards: [rule])
            #expect(try await store.commit(next) == .guarded(index: 0, by: fresh.id, until: now + .seconds(60)))
        }
    }
}
