import Gateway
import OrderedJSON
import Testing

@testable import Store

/// A draft with what holds it.
private func makeDraft(at time: Timestamp = moment) -> Record {
    var record = makeRecord(at: time)
    record.state = .draft
    record.hold = Hold(arguments: ["amount": 100, "phone": "254"], reason: "rule 1", until: time + .seconds(3_600))
    record.hold?.unmoved = [RecordID(Identifier(high: 8, low: 5)), RecordID(Identifier(high: 8, low: 6))]
    record.hold?.place = AccountPlace(shortCode: "174379", kind: "till", till: "5001")
    let people = Approvers(
        named: [UserID(Identifier(high: 8, low: 1)), UserID(Identifier(high: 8, low: 2))],
        substitutes: [UserID(Identifier(high: 8, low: 3))],
        answerWithin: .seconds(90)
    )
    record.hold?.asked = Hold.Asked(
        role: .manager,
        count: 2,
        isNewReceiver: true,
        people: people,
        isConfirmation: true,
        isOfTool: true,
        isAskedThere: true,
        session: Identifier(high: 8, low: 4),
        bearer: "key:1|https://issuer.example|amina"
    )
    record.nextActionAt = time + .seconds(3_600)
    return record
}

struct `A held record` {
    @Test func `is found as it was written, and as it was changed`() async throws {
        try await withEachStore { (store) async throws in
            let draft = makeDraft()
            _ = try await store.commit(NewRecord(record: draft))
            #expect(try await store.record(draft.id, organization: ours, environment: .test) == draft)

            var released = advanced(draft, to: .released).record
            released.hold?.until = moment + .seconds(900)
            released.hold?.decidedBy = "user:1"
            released.hold?.unsent = 2
            released.hold?.confirmation = Hold.Confirmation(
                by: "user:1",
                at: moment,
                way: .session,
                shown: "Pay out: 10 shillings\nTo: 254711000001",
                digest: "00ff"
            )
            released.hold?.countedAt = moment + .seconds(5)
            released.attempts = 2
            released.sendBefore = moment + .seconds(77)
            released.request = RequestTemplate(headers: ["A": "b"], body: ["now": 1])
            _ = try await store.apply([RecordChange(record: released, events: [])])
            #expect(try await store.record(draft.id, organization: ours, environment: .test) == released)

            var withdrawn = advanced(released, to: .withdrawn).record
            withdrawn.hold?.withdrawal = .unsent
            _ = try await store.apply([RecordChange(record: withdrawn, events: [])])
            #expect(try await store.record(draft.id, organization: ours, environment: .test) == withdrawn)
        }
    }

    @Test func `is due among what is held, and nowhere else`() async throws {
        try await withEachStore { (store) async throws in
            let (draft, other) = (makeDraft(), makeRecord())
            for record in [draft, other] { _ = try await store.commit(NewRecord(record: record)) }
            let late = moment + .seconds(3_600)

            #expect(try await store.dueHeld(at: late + .seconds(-1), limit: 10, except: []).isEmpty)
            #expect(try await store.dueHeld(at: late, limit: 10, except: []).map(\.id) == [draft.id])
            #expect(try await store.dueHeld(at: late, limit: 10, except: [AccountID(of: draft)]).isEmpty)
            #expect(try await store.due(at: late, limit: 10, except: []).contains { $0.id == draft.id } == false)
            #expect(try await store.openRecordsByPlugin().values.reduce(0, +) == 2)
            #expect(try await store.organizationsHolding(after: nil, limit: 10) == [ours])
            #expect(try await store.organizationsHolding(after: ours, limit: 10).isEmpty)
        }
    }

    @Test func `follows a clock that was set back`() async throws {
        try await withEachStore { (store) async throws in
            let draft = makeDraft(at: moment + .seconds(7_200))
            _ = try await store.commit(NewRecord(record: draft))

            try await store.bringForward(by: .seconds(7_200), after: moment + .seconds(60))

            let found = try await store.record(draft.id, organization: ours, environment: .test)
            #expect(found?.hold?.until == moment + .seconds(3_600) && found?.nextActionAt == found?.hold?.until)
        }
    }

    @Test func `keeps its derived key, also of money in, and gives its guards and unique keys back`() async throws {
        try await withEachStore { (store) async throws in
            let claim = IdempotencyClaim(key: "call:k", fingerprint: [1], retention: .seconds(120), isDerived: true)
            let unique = UniqueKey(key: "u", releasedBy: [.failed])
            let draft = makeDraft()
            _ = try await store.commit(
                NewRecord(record: draft, idempotency: claim, guards: [rule], unique: [unique])
            )
            var withdrawn = advanced(draft, to: .withdrawn).record
            withdrawn.endedAt = moment
            _ = try await store.apply([RecordChange(record: withdrawn, events: [])])

            let again = NewRecord(record: makeRecord(), idempotency: claim)
            #expect(try await store.commit(again) == .replay(draft.id))
            let other = NewRecord(record: makeRecord(), guards: [rule], unique: [unique])
            #expect(try await store.commit(other) == .committed)
        }
    }
}

struct `What a held record claims late` {
    private func release(_ draft: Record, at time: Timestamp, in store: any EachStore) async throws -> ApplyOutcome {
        var released = advanced(draft, to: .released).record
        released.hold?.until = time + .seconds(900)
        let unique = UniqueKey(key: "u", releasedBy: [.failed])
        return try await store.apply([
            RecordChange(record: released, events: [], claims: LateClaims(guards: [rule], unique: [unique], at: time))
        ])
    }

    @Test func `is refused while it is another's, and nothing is written`() async throws {
        try await withEachStore { (store) async throws in
            let (draft, other) = (makeDraft(), makeRecord(at: moment + .seconds(100)))
            _ = try await store.commit(NewRecord(record: draft))
            _ = try await store.commit(NewRecord(record: other, guards: [rule]))

            let outcome = try await release(draft, at: moment + .seconds(110), in: store)

            let until = moment + .seconds(160)
            #expect(outcome == .refused(draft.id, .guarded(index: 0, by: other.id, until: until)))
            #expect(try await store.record(draft.id, organization: ours, environment: .test) == draft)
        }
    }

    @Test func `holds against others from then on, once more where it has it already`() async throws {
        try await withEachStore { (store) async throws in
            let draft = makeDraft()
            _ = try await store.commit(NewRecord(record: draft))
            #expect(try await release(draft, at: moment + .seconds(100), in: store) == .applied)
            let unique = UniqueKey(key: "u", releasedBy: [.failed])
            #expect(
                try await store.commit(NewRecord(record: makeRecord(), unique: [unique]))
                    == .duplicate(index: 0, by: draft.id)
            )

            let released = try #require(try await store.record(draft.id, organization: ours, environment: .test))
            let later = moment + .seconds(500)
            var sending = advanced(released, to: .sending).record
            sending.sentAt = later
            let claims = LateClaims(guards: [rule], unique: [unique], at: later)
            #expect(
                try await store.apply([RecordChange(record: sending, events: [], claims: claims)]) == .applied
            )

            var ended = advanced(sending, to: .failed).record
            ended.sentAt = later
            _ = try await store.apply([RecordChange(record: ended, events: [])])
            let next = NewRecord(record: makeRecord(at: later + .seconds(59)), guards: [rule])
            #expect(try await store.commit(next) == .guarded(index: 0, by: draft.id, until: later + .seconds(60)))
            let last = NewRecord(record: makeRecord(at: later + .seconds(60)), guards: [rule])
            #expect(try await store.commit(last) == .committed)
        }
    }
}

struct `What may be the same payment` {
    @Test func `is what was begun after it: of what was held, with its sending`() async throws {
        try await withEachStore { (store) async throws in
            let late = makeRecord(at: moment + .seconds(100))
            var sentBefore = makeDraft()
            sentBefore.sentAt = moment + .seconds(50)
            sentBefore.state = .accepted
            var sentAfter = makeDraft(at: moment + .seconds(1))
            sentAfter.sentAt = moment + .seconds(200)
            sentAfter.state = .accepted
            let waiting = makeDraft(at: moment + .seconds(2))
            var withdrawn = makeDraft(at: moment + .seconds(3))
            withdrawn.state = .withdrawn
            var never = makeRecord(at: moment + .seconds(150))
            never.state = .rejected
            var next = makeRecord(at: moment + .seconds(151))
            next.sentAt = moment + .seconds(151)
            next.state = .accepted
            for record in [sentBefore, sentAfter, waiting, withdrawn, late, never, next] {
                _ = try await store.commit(NewRecord(record: record))
            }

            let twins = try await store.laterTwins(of: late, limit: 10)
            #expect(twins.map(\.id) == [sentAfter.id, waiting.id, next.id])
            // What was held begins with its sending too.
            #expect(try await store.laterTwins(of: sentAfter, limit: 10).map(\.id) == [waiting.id])
            #expect(
                try await store.laterTwins(of: sentBefore, limit: 10).map(\.id) == [sentAfter.id, waiting.id, next.id]
            )
        }
    }
}

struct `Limits of a day` {
    private func claim(_ amount: Int64, most: Int64 = 250, count: Int64 = 3) -> LimitClaim {
        let place = LimitPlace(organization: ours, environment: .test, scope: "out|*", day: 20_000)
        return LimitClaim(place: place, amount: amount, amountMax: most, countMax: count, at: moment)
    }

    private func told(in store: any FeedRepository) async throws -> [String] {
        try await store.feed(lane: FeedReader.lane, after: 0, limit: 100)
            .filter { $0.event.kind == .limitNear || $0.event.kind == .limitReached }
            .map { "\($0.event.kind.rawValue) \($0.event.version) \($0.event.payload["amount"]?.text ?? "")" }
    }

    @Test func `tell of 80 hundredths and of all of them once, whatever is given back meanwhile`() async throws {
        try await withEachStore { (store) async throws in
            let pay = { (amount: Int64) in
                try await store.commit(NewRecord(record: makeRecord(), limits: [claim(amount, count: 90)]))
            }
            #expect(try await pay(199) == .committed)
            #expect(try await told(in: store).isEmpty)
            // What is refused tells nothing.
            #expect(try await pay(60) == .limitReached(claim(1).place))
            #expect(try await told(in: store).isEmpty)
            #expect(try await pay(1) == .committed)
            #expect(try await told(in: store) == ["limit.near 80 200"])

            let draft = makeDraft()
            _ = try await store.commit(NewRecord(record: draft))
            let back = LimitCharge(place: claim(1).place, amount: -1, calls: -1)
            let change = RecordChange(record: advanced(draft, to: .released).record, events: [], charges: [back])
            #expect(try await store.apply([change]) == .applied)
            #expect(try await pay(1) == .committed)
            #expect(try await told(in: store) == ["limit.near 80 200"])
            #expect(try await pay(50) == .committed)
            #expect(try await told(in: store) == ["limit.near 80 200", "limit.reached 100 250"])
            #expect(try await store.moved(at: claim(0).place) == (3, 250))
        }
    }

    @Test func `tell nothing of a payment that another of them refuses`() async throws {
        try await withEachStore { (store) async throws in
            let own = LimitPlace(organization: ours, environment: .test, scope: "out|key:1", day: 20_000)
            let refusing = LimitClaim(place: own, amount: 240, amountMax: 100, countMax: 9, at: moment)
            let refused = try await store.commit(NewRecord(record: makeRecord(), limits: [claim(240), refusing]))

            #expect(refused == .limitReached(own))
            #expect(try await told(in: store).isEmpty)
            #expect(try await store.moved(at: claim(0).place) == (0, 0))
            // Nor is it noted that it was told.
            let paid = try await store.commit(NewRecord(record: makeRecord(), limits: [claim(240)]))
            #expect(paid == .committed)
            #expect(try await told(in: store) == ["limit.near 80 240"])
        }
    }

    @Test func `are counted in the commit, or nothing of it is written`() async throws {
        try await withEachStore { (store) async throws in
            #expect(try await store.commit(NewRecord(record: makeRecord(), limits: [claim(200)])) == .committed)
            let refused = makeRecord()
            #expect(
                try await store.commit(NewRecord(record: refused, limits: [claim(51)])) == .limitReached(claim(1).place)
            )
            #expect(try await store.record(refused.id, organization: ours, environment: .test) == nil)
            #expect(
                try await store.commit(NewRecord(record: makeRecord(), limits: [claim(251)]))
                    == .limitReached(claim(1).place)
            )
            #expect(try await store.moved(at: claim(0).place) == (1, 200))

            let draft = makeDraft()
            _ = try await store.commit(NewRecord(record: draft))
            var released = advanced(draft, to: .released).record
            released.limited = LimitMark(day: 20_000, scopes: ["out|*"])
            let claims = LateClaims(guards: [], unique: [], limits: [claim(50)], at: moment)
            let change = RecordChange(record: released, events: [], claims: claims)
            #expect(try await store.apply([change]) == .applied)
            #expect(try await store.record(draft.id, organization: ours, environment: .test) == released)
            #expect(
                try await store.commit(NewRecord(record: makeRecord(), limits: [claim(1)]))
                    == .limitReached(claim(1).place)
            )

            var withdrawn = advanced(released, to: .withdrawn).record
            withdrawn.limited?.isGivenBack = true
            let back = LimitCharge(place: claim(50).place, amount: -50, calls: -1)
            _ = try await store.apply([RecordChange(record: withdrawn, events: [], charges: [back])])
            #expect(try await store.commit(NewRecord(record: makeRecord(), limits: [claim(50)])) == .committed)
        }
    }
}
