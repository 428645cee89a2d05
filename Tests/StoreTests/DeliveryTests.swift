import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

struct `A stored delivery` {
    @Test func `is read as it was written, whole again each time, and is nobody else's`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            var delivery = makeDelivery(to: endpoint, due: moment + .seconds(5))
            try await store.note([makeNote(endpoint) { $0.deliveries = [delivery] }])
            let read = { (id: OrganizationID) async throws in
                try await store.deliveries(to: endpoint.id, organization: id, state: nil, before: nil, limit: 9)
            }
            #expect(try await read(ours) == [delivery])
            #expect(try await read(theirs).isEmpty)
            #expect(try await store.servedWebhooks(after: nil, limit: 9).map(\.dueAt) == [moment + .seconds(5)])

            delivery.state = .delivered
            delivery.dueAt = nil
            delivery.isReplay = true
            delivery.tries = 2
            delivery.attempts.removeLast()
            try await store.note([makeNote(endpoint) { $0.deliveries = [delivery] }])
            #expect(try await read(ours) == [delivery])
            #expect(try await store.servedWebhooks(after: nil, limit: 9).map(\.dueAt) == [nil])
            let named = try await store.deliveries(of: [newID(), delivery.event], to: endpoint.id, organization: ours)
            #expect(named == [delivery])
        }
    }

    @Test func `keeps its newest attempts, and no more than fifty`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            var delivery = makeDelivery(to: endpoint)
            delivery.attempts = (0..<60)
                .map { number in
                    WebhookAttempt(
                        at: moment,
                        milliseconds: number,
                        status: 500,
                        fault: nil,
                        beginning: [],
                        isReplay: false
                    )
                }
            try await store.note([makeNote(endpoint) { $0.deliveries = [delivery] }])
            let found = try await store.deliveries(of: [delivery.event], to: endpoint.id, organization: ours)
            #expect(found.first?.attempts.suffix(50).map(\.milliseconds) == (10..<60).map { Int64($0) })
        }
    }

    @Test func `is listed newest first, in pages and by its state`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            let states: [WebhookDelivery.State] = [.waiting, .delivered, .givenUp, .delivered]
            let all = states.map { makeDelivery(to: endpoint, state: $0) }
            try await store.note([makeNote(endpoint) { $0.deliveries = all }])
            let sorted = all.sorted { $0.event > $1.event }
            let first = try await store.deliveries(
                to: endpoint.id,
                organization: ours,
                state: nil,
                before: nil,
                limit: 3
            )
            let rest = try await store.deliveries(
                to: endpoint.id,
                organization: ours,
                state: nil,
                before: first.last?.event,
                limit: 3
            )
            #expect(first + rest == sorted)
            let delivered = try await store.deliveries(
                to: endpoint.id,
                organization: ours,
                state: .delivered,
                before: nil,
                limit: 9
            )
            #expect(delivered == sorted.filter { $0.state == .delivered })
        }
    }

    @Test func `is due from its moment on, the earliest first`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            let all = [30, 10, 20].map { makeDelivery(to: endpoint, due: moment + .seconds($0)) }
            try await store.note([makeNote(endpoint) { $0.deliveries = all + [makeDelivery(to: endpoint)] }])
            let due = { (seconds: Int64, limit: Int) async throws in
                try await store.dueDeliveries(
                    to: endpoint.id,
                    organization: ours,
                    at: moment + .seconds(seconds),
                    limit: limit
                )
            }
            #expect(try await due(9, 9).isEmpty)
            #expect(try await due(20, 9) == [all[1], all[2]])
            #expect(try await due(99, 2) == [all[1], all[2]])
        }
    }

    @Test func `is forgotten by its age, whether it waits or not; so is a wish that was worked off`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            let old = makeDelivery(to: endpoint, state: .delivered)
            let waiting = makeDelivery(to: endpoint, due: moment)
            let new = makeDelivery(to: endpoint, at: moment + .seconds(60), state: .delivered)
            var done = makeReplay(of: endpoint)
            let open = makeReplay(of: endpoint)
            for replay in [done, open] { try await store.begin(replay, openMax: 9) }
            done.endedAt = moment
            try await store.note([
                makeNote(endpoint) {
                    $0.deliveries = [old, waiting, new]
                    $0.replay = done
                }
            ])
            #expect(try await store.forgetDeliveries(before: moment, limit: 9) == 0)
            #expect(try await store.forgetDeliveries(before: moment + .seconds(1), limit: 9) == 3)
            let left = try await store.deliveries(
                to: endpoint.id,
                organization: ours,
                state: nil,
                before: nil,
                limit: 9
            )
            #expect(left.map(\.event) == [new.event])
            #expect(try await store.replays(to: endpoint.id, organization: ours, limit: 9) == [open])
        }
    }
}

struct `What came of sending` {
    @Test func `moves an endpoint on from where it stood, and from nowhere else`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            var progress = WebhookProgress(place: 5)
            progress.failures = 3
            progress.failingSince = moment
            progress.noticedAt = moment + .seconds(1)
            progress.pausedUntil = moment + .seconds(2)
            try await store.note([makeNote(endpoint) { $0.progress = (from: 0, to: progress) }])
            #expect(try await store.servedWebhooks(after: nil, limit: 9).map(\.progress) == [progress])
            try await store.note([makeNote(endpoint) { $0.progress = (from: 4, to: WebhookProgress(place: 9)) }])
            #expect(try await store.servedWebhooks(after: nil, limit: 9).map(\.progress) == [progress])
        }
    }

    @Test func `says nothing of an endpoint that was changed meanwhile`() async throws {
        try await withEachStore { (store) async throws in
            var endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            endpoint.version = 2
            _ = try await store.change(endpoint, begins: false, telling: [])
            for (version, isOff) in [(1, false), (2, true)] {
                try await store.note([
                    makeNote(endpoint) {
                        $0.off = (.gone, at: moment)
                        $0.version = version
                    }
                ])
                let found = try await store.webhook(endpoint.id, organization: ours, environment: .test)
                #expect((found?.endpoint.off != nil) == isOff)
            }
        }
    }

    @Test func `of a wish that has ended meanwhile is not written`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            let wish = makeReplay(of: endpoint)
            try await store.begin(wish, openMax: 2)
            var ended = wish
            ended.endedAt = moment
            try await store.note([makeNote(endpoint) { $0.replay = ended }])
            try await store.note([
                makeNote(endpoint) {
                    $0.replay = wish
                    $0.deliveries = [makeDelivery(to: endpoint)]
                }
            ])
            #expect(try await store.openReplays(limit: 9).isEmpty)
            let found = try await store.deliveries(
                to: endpoint.id,
                organization: ours,
                state: nil,
                before: nil,
                limit: 9
            )
            #expect(found.isEmpty)
        }
    }

    @Test func `is given up with the wish that it waits for, and no other`() async throws {
        try await withEachStore { (store) async throws in
            let (endpoint, other) = (makeEndpoint(), makeEndpoint(theirs))
            let (replay, kept) = (makeReplay(of: endpoint), makeReplay(of: endpoint))
            let foreign = makeReplay(of: other)
            for each in [endpoint, other] { try await store.add(each, endpointsMax: 2) }
            for each in [replay, kept, foreign] { try await store.begin(each, openMax: 9) }
            func waiting(_ replay: WebhookReplay?, _ state: WebhookDelivery.State = .waiting) -> WebhookDelivery {
                var delivery = makeDelivery(to: endpoint, due: state == .waiting ? moment : nil, state: state)
                (delivery.isReplay, delivery.replay) = (replay != nil, replay?.id)
                return delivery
            }
            let all = [waiting(replay), waiting(replay, .delivered), waiting(kept), waiting(nil)]
            let later = moment + .seconds(7)
            try await store.note([
                makeNote(endpoint) {
                    $0.deliveries = all
                    $0.stopped = (replays: [replay.id, foreign.id], at: later)
                }
            ])

            let found = try await store.deliveries(of: all.map(\.event), to: endpoint.id, organization: ours)
            #expect(found.map(\.state) == [.givenUp, .delivered, .waiting, .waiting])
            #expect(found[0].dueAt == nil && found[0].at == later && found[0].replay == replay.id)
            #expect(found.dropFirst() == all.dropFirst())
            let stopped = try await store.replays(to: endpoint.id, organization: ours, limit: 9)
            #expect(stopped.first { $0.id == replay.id }?.stoppedAt == later)
            #expect(stopped.first { $0.id == replay.id }?.endedAt == later)
            #expect(Set(try await store.openReplays(limit: 9).map(\.id)) == [kept.id, foreign.id])
        }
    }

    @Test func `switches an endpoint off once, and tells it in the same commit`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            for off in [WebhookEndpoint.Off.failing, .gone] {
                let event = FeedEvent.about(
                    endpoint,
                    off: off,
                    address: "https://example.com/…",
                    failingSince: moment,
                    at: moment
                )
                try await store.note([
                    makeNote(endpoint) {
                        $0.off = (off, at: moment)
                        $0.told = [event]
                    }
                ])
            }
            let found = try await store.webhook(endpoint.id, organization: ours, environment: .test)?.endpoint
            #expect(found?.off == .failing && found?.offSince == moment && found?.version == 2)
            let told = try await store.feed(lane: FeedReader.lane, after: 0, limit: 9).map(\.event)
            #expect(told.map(\.kind) == [.webhookDisabled] && told.first?.payload["why"] == "failing")
        }
    }
}
