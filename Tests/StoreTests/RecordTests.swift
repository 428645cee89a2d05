import Gateway
import Testing

@testable import Store

struct `Records` {
    @Test func `are read back as they were written`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()

            #expect(try await store.commit(NewRecord(record: record)) == .committed)
            #expect(try await store.record(record.id, organization: ours, environment: .test) == record)
        }
    }

    @Test func `are read in the longer forms of before`() async throws {
        try await withStore { store in
            let record = makeRecord()
            let change = advanced(record, to: .accepted)
            _ = try await store.commit(NewRecord(record: record, events: [record.firstEvent]))
            _ = try await store.apply([change])
            let events = try await store.events(of: record.id, organization: ours, limit: 10)
            let plan = """
                {"send_before_ms":\(record.sendBefore.milliseconds),"query":{"operation":"stk_query","first_after_ms":1,\
                "every_ms":[2,3],"trust_failure_after_ms":4,"horizon_ms":5},"headers":{},"body":{}}
                """
            let lines = events.map { event in
                """
                [\(event.sequence),\(event.at.milliseconds),"\(event.source)",null,null,null,\
                "\(event.from.rawValue)","\(event.to.rawValue)"]

                """
            }
            try await store.write { session in
                try session.sql.execute(
                    "UPDATE records SET plan = $1, events = $2 WHERE organization_id = $3 AND record_id = $4",
                    [.text(plan), .text(lines.joined()), .text(ours.description), .text(record.id.description)]
                )
            }

            let read = try await store.record(record.id, organization: ours, environment: .test)
            #expect(read?.query?.every == [.milliseconds(2), .milliseconds(3)])
            #expect(read?.query?.horizon == .milliseconds(5))
            #expect(try await store.events(of: record.id, organization: ours, limit: 10) == events)
            #expect(try await store.events(of: record.id, organization: ours, limit: 1) == events.suffix(1))
        }
    }

    @Test func `are nobody else's, by any question`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))
            let change = advanced(record, to: .accepted)
            _ = try await store.apply([change])
            let checkout = "ws_\(record.id)"

            #expect(try await store.record(record.id, organization: theirs, environment: .test) == nil)
            #expect(try await store.record(record.id, organization: ours, environment: .live) == nil)
            #expect(
                try await store.record(
                    externalID: checkout,
                    namespace: "checkout_request_id",
                    organization: theirs,
                    environment: .test
                )
                    == nil
            )
            #expect(
                try await store.record(
                    externalID: checkout,
                    namespace: "checkout_request_id",
                    organization: ours,
                    environment: .test
                )
                    == change.record
            )
            #expect(try await store.events(of: record.id, organization: theirs, limit: 10).isEmpty)
            let filter = RecordFilter(limit: 10)
            #expect(try await store.records(matching: filter, organization: theirs, environment: .test).isEmpty)
        }
    }

    @Test func `are found by either id with their steps, and for nobody else`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, events: [record.firstEvent]))
            let change = advanced(record, to: .accepted)
            _ = try await store.apply([change])
            let (checkout, namespace) = ("ws_\(record.id)", "checkout_request_id")
            func find(_ name: String, _ whose: OrganizationID = ours, in place: Environment = .test, limit: Int = 10)
                async throws -> (record: Record, events: [RecordEvent])?
            {
                try await store.recordAndEvents(
                    named: name,
                    namespace: namespace,
                    organization: whose,
                    environment: place,
                    limit: limit
                )
            }

            let events = try await store.events(of: record.id, organization: ours, limit: 10)
            for name in [checkout, record.id.description] {
                let found = try #require(try await find(name))
                #expect(found.record == change.record && found.events == events && events.count > 1)
                #expect(try await find(name, limit: 1)?.events == events.suffix(1))
                #expect(try await find(name, theirs) == nil)
                #expect(try await find(name, in: .live) == nil)
            }
            #expect(try await find("ws_other") == nil)
            #expect(try await find(makeRecord().id.description) == nil)
        }
    }

    @Test func `are changed under their version or not at all`() async throws {
        try await withEachStore { (store) async throws in
            let first = makeRecord()
            let second = makeRecord()
            for record in [first, second] { _ = try await store.commit(NewRecord(record: record)) }
            #expect(try await store.apply([advanced(first, to: .accepted)]) == .applied)

            let outcome = try await store.apply([advanced(second, to: .accepted), advanced(first, to: .failed)])
            #expect(outcome == .conflict(first.id))
            #expect(try await store.record(second.id, organization: ours, environment: .test)?.version == 1)
        }
    }

    @Test func `are due when their time has come`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))

            #expect(try await store.due(at: moment + .seconds(59), limit: 10, except: []).isEmpty)
            #expect(try await store.due(at: moment + .seconds(60), limit: 10, except: []) == [record])
        }
    }

    @Test func `are left out, put off and brought forward`() async throws {
        try await withEachStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))
            let mine = AccountID(of: record)
            let others = AccountID(organization: ours, environment: .live)
            let shop = try #require(AccountName("shop"))
            // One account that hangs hides nothing of the organization's others.
            let sibling = AccountID(organization: ours, environment: record.environment, name: shop)
            #expect(try await store.due(at: moment + .seconds(60), limit: 10, except: [sibling]) == [record])
            #expect(try await store.due(at: moment + .seconds(60), limit: 10, except: [mine, others]).isEmpty)
            #expect(try await store.due(at: moment + .seconds(60), limit: 10, except: [others]) == [record])

            try await store.postpone(record, until: moment + .seconds(3600))
            #expect(try await store.due(at: moment + .seconds(3599), limit: 10, except: []).isEmpty)
            try await store.bringForward(by: .seconds(600), after: moment)

            let due = try await store.due(at: moment + .seconds(3000), limit: 10, except: [])
            #expect(due.map(\.nextActionAt) == [moment + .seconds(3000)])
            #expect(due.map(\.version) == [record.version])
        }
    }

    @Test func `follow a clock that was set back with their ends, their guards and what waits in the inbox`()
        async throws
    {
        try await withEachStore { (store) async throws in
            let rule = Guard(key: "phone", openMax: 1, window: .seconds(7_200), code: "busy", message: "Wait.")
            try await store.save(Plan(name: "all", tools: [], organizationLimits: [:], principalLimits: [:]))
            try await store.save(Organization(id: ours, slug: "ours", name: "Ours", plan: "all"))
            let guarded = makeRecord()
            _ = try await store.commit(NewRecord(record: guarded, guards: [rule]))
            var ended = advanced(guarded, to: .failed).record
            ended.endedAt = moment + .seconds(7_000)
            _ = try await store.apply([RecordChange(record: ended, events: [])])
            let callback = makeCallback(for: guarded, at: moment + .seconds(7_000))
            try await store.receive(callback)
            let unread = makeCallback(for: guarded, at: moment + .seconds(7_000))
            try await store.receive(unread)
            try await store.quarantine(unread.id, organization: ours, digest: "d", at: moment)

            try await store.bringForward(by: .seconds(6_000), after: moment + .seconds(900))
            try await store.reopen(unread.id, organization: ours)
            _ = try await store.bringEndedForward(after: nil, now: moment + .seconds(900), limit: 500)

            let found = try await store.record(guarded.id, organization: ours, environment: .test)
            #expect(found?.endedAt == moment + .seconds(1_000))
            let waiting = try await store.unsettled(before: moment + .seconds(901), limit: 10)
            #expect(Set(waiting.map(\.id)) == [callback.id, unread.id])
            let early = NewRecord(record: makeRecord(at: moment + .seconds(1_199)), guards: [rule])
            #expect(
                try await store.commit(early)
                    == .guarded(index: 0, by: guarded.id, until: moment + .seconds(1_200))
            )
            let late = NewRecord(record: makeRecord(at: moment + .seconds(1_200)), guards: [rule])
            #expect(try await store.commit(late) == .committed)
        }
    }

    @Test func `tell, with the moment that is kept, where the clock was`() async throws {
        try await withEachStore { (store) async throws in
            #expect(try await store.newestMoment() == nil)
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))
            #expect(try await store.newestMoment() == record.updatedAt)

            for seconds in [3_600, 7_200] { try await store.keep(moment: record.updatedAt + .seconds(seconds)) }
            #expect(try await store.newestMoment() == record.updatedAt + .seconds(7_200))
            try await store.keep(moment: record.updatedAt + .seconds(-60))

            #expect(try await store.newestMoment() == record.updatedAt)

            let callback = makeCallback(for: record, at: record.updatedAt + .seconds(90))
            try await store.receive(callback)
            #expect(try await store.newestMoment() == callback.receivedAt)
            try await store.end(callback.id, organization: ours, as: .ignored, at: callback.receivedAt)
            #expect(try await store.newestMoment() == record.updatedAt)
        }
    }
}

struct `What the host still works on` {
    @Test func `is found by an index, in the order of its time`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            let steps = try await store.read { sql in
                try sql.query(
                    """
                    EXPLAIN QUERY PLAN SELECT \(RecordCoding.selected) FROM records
                    WHERE \(RecordCoding.isWaiting) AND next_action_ms <= 5 ORDER BY next_action_ms
                    """,
                    []
                ) { $0.text(3) ?? "" }
            }

            #expect(steps == ["SEARCH records USING INDEX records_waiting (next_action_ms<?)"])
        }
    }

    @Test(arguments: [
        "INSERT INTO records (organization_id, record_id, state) VALUES ('a', 'b', 'sending')",
        "UPDATE records SET state = 'accepted' WHERE organization_id = 'a' AND record_id = 'b' AND version = 1",
    ])
    func `is known of a row that is written without a table made for it`(statement: String) async throws {
        try await withSQLiteStore { (store, _) async throws in
            let steps = try await store.read { sql in try sql.query("EXPLAIN " + statement, []) { $0.text(1) ?? "" } }

            #expect(steps.contains("IdxInsert"))
            #expect(!steps.contains("OpenEphemeral"))
        }
    }

    @Test func `is every open state, but not what waits for a person`() {
        let open = RecordState.allCases.filter { !$0.isEnded && $0 != .manual }.map { "'\($0.rawValue)'" }
        #expect(RecordCoding.claimingStates == open.joined(separator: ", "))
    }
}

struct `Callbacks` {
    @Test func `stay unsettled until they are ended`() async throws {
        try await withEachStore { (store) async throws in
            let callback = makeCallback(for: makeRecord(), at: moment)
            try await store.receive(callback)
            #expect(try await store.unsettled(before: moment, limit: 10) == [callback])
            #expect(try await store.countAttempt(callback.id, organization: ours) == 2)
            #expect(try await store.countAttempt(callback.id, organization: theirs) == 0)
            try await store.end(callback.id, organization: theirs, as: .ignored, at: moment)
            #expect(try await store.unsettled(before: moment, limit: 10).count == 1)
            try await store.end(callback.id, organization: ours, as: .ignored, at: moment)

            #expect(try await store.unsettled(before: moment, limit: 10).isEmpty)
        }
    }
}

func makeCallback(for record: Record, at now: Timestamp) -> ReceivedCallback {
    ReceivedCallback(
        id: CallbackID(newID()),
        organization: record.organization,
        environment: record.environment,
        record: record.id,
        name: "result",
        receivedAt: now,
        body: [0, 255, 10],
        address: "127.0.0.1",
        attempts: 1
    )
}
