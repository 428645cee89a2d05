import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

/// Events that an organization's key was revoked, so that the feed has some.
private func tell(_ count: Int, of organization: OrganizationID = ours, in store: any EachStore) async throws {
    for _ in 0..<count {
        let key = APIKey(
            id: APIKeyID(newID()),
            organization: organization,
            name: "till",
            prefix: newID().description,
            hash: newID().bytes,
            environment: .test,
            role: .user,
            scopes: nil
        )
        try await store.save(key)
        _ = try await store.change(key.id, organization: organization) { $0.revokedAt = moment }
    }
}

struct `A stored webhook endpoint` {
    @Test func `is read as it was written, begins at the feed's end, and is nobody else's`() async throws {
        try await withEachStore { (store) async throws in
            try await tell(3, in: store)
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)

            let found = try await store.webhook(endpoint.id, organization: ours, environment: .test)
            #expect(found == ServedWebhook(endpoint: endpoint, progress: WebhookProgress(place: 3), dueAt: nil))
            #expect(try await store.webhooks(of: ours, environment: .test).map(\.endpoint) == [endpoint])
            #expect(try await store.webhook(endpoint.id, organization: theirs, environment: .test) == nil)
            #expect(try await store.webhook(endpoint.id, organization: ours, environment: .live) == nil)
            #expect(try await store.webhooks(of: theirs, environment: .test).isEmpty)
        }
    }

    @Test func `has a room, of each environment and organization its own`() async throws {
        try await withEachStore { (store) async throws in
            try await store.add(makeEndpoint(), endpointsMax: 1)
            let error = await #expect(throws: GatewayError.self) {
                try await store.add(makeEndpoint(), endpointsMax: 1)
            }
            #expect(error?.code == .limitExceeded)
            try await store.add(makeEndpoint(in: .live), endpointsMax: 1)
            try await store.add(makeEndpoint(theirs), endpointsMax: 1)
        }
    }

    @Test func `is changed from the version that it has, and begins anew only where that is asked`() async throws {
        try await withEachStore { (store) async throws in
            var endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            try await tell(2, in: store)
            endpoint.version = 2
            endpoint.url = "https://example.com/2"
            endpoint.off = .person
            endpoint.offSince = moment
            #expect(try await store.change(endpoint, begins: false, telling: []))
            #expect(try await store.change(endpoint, begins: false, telling: []) == false)
            let changed = try await store.webhook(endpoint.id, organization: ours, environment: .test)
            #expect(changed?.endpoint == endpoint && changed?.progress.place == 0)
            #expect(try await store.servedWebhooks(after: nil, limit: 9).isEmpty)

            endpoint.version = 3
            endpoint.off = nil
            endpoint.offSince = nil
            #expect(try await store.change(endpoint, begins: true, telling: []))
            #expect(try await store.servedWebhooks(after: nil, limit: 9).map(\.progress.place) == [2])
        }
    }

    @Test func `counts the configuration's version up with each change`() async throws {
        try await withEachStore { (store) async throws in
            var endpoint = makeEndpoint()
            var versions = [try await store.configurationVersion()]
            try await store.add(endpoint, endpointsMax: 2)
            versions.append(try await store.configurationVersion())
            endpoint.version = 2
            _ = try await store.change(endpoint, begins: false, telling: [])
            versions.append(try await store.configurationVersion())
            try await store.note([makeNote(endpoint) { $0.off = (.gone, at: moment) }])
            versions.append(try await store.configurationVersion())
            _ = try await store.removeWebhook(endpoint.id, organization: ours)
            versions.append(try await store.configurationVersion())
            #expect(versions == versions.sorted() && Set(versions).count == 5)
        }
    }

    @Test func `is taken away with what is asked of it, and nothing is noted of it any more`() async throws {
        try await withEachStore { (store) async throws in
            let (endpoint, other) = (makeEndpoint(), makeEndpoint(theirs))
            for each in [endpoint, other] { try await store.add(each, endpointsMax: 2) }
            try await store.begin(makeReplay(of: endpoint), openMax: 2)
            #expect(try await store.removeWebhook(endpoint.id, organization: theirs) == false)
            #expect(try await store.removeWebhook(endpoint.id, organization: ours))
            #expect(try await store.removeWebhook(endpoint.id, organization: ours) == false)

            let event = FeedEvent.about(endpoint, off: .gone, address: "a", failingSince: nil, at: moment)
            try await store.note([
                makeNote(endpoint) {
                    $0.deliveries = [makeDelivery(to: endpoint)]
                    $0.told = [event]
                }
            ])
            #expect(try await store.openReplays(limit: 9).isEmpty)
            let left = try await store.deliveries(
                to: endpoint.id,
                organization: ours,
                state: nil,
                before: nil,
                limit: 9
            )
            #expect(left.isEmpty)
            #expect(try await store.feedEnd(lane: FeedReader.lane) == 0)
            #expect(try await store.servedWebhooks(after: nil, limit: 9).map(\.endpoint) == [other])
        }
    }

    @Test func `is served in pages, in the order of organization and id, while it is on`() async throws {
        try await withEachStore { (store) async throws in
            let all = [makeEndpoint(theirs), makeEndpoint(), makeEndpoint()]
            for each in all { try await store.add(each, endpointsMax: 9) }
            var found: [WebhookEndpoint] = []
            while true {
                let place = found.last.map { (organization: $0.organization, endpoint: $0.id) }
                let page = try await store.servedWebhooks(after: place, limit: 2)
                found += page.map(\.endpoint)
                if page.count < 2 { break }
            }
            let expected = all.sorted {
                ($0.organization.description, $0.id.description) < ($1.organization.description, $1.id.description)
            }
            #expect(found == expected)
        }
    }
}

struct `A stored wish that events are sent once more` {
    @Test func `is read as it was written, and gets on`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            try await store.add(endpoint, endpointsMax: 2)
            let span = WebhookReplay.Wish.span(
                from: moment,
                to: moment + .seconds(9),
                kinds: [.failed],
                onlyMissing: true
            )
            var wishes = [.test, .event(newID()), span].map { makeReplay(of: endpoint, $0) }
            for wish in wishes { try await store.begin(wish, openMax: 9) }
            wishes.sort { $0.id < $1.id }
            #expect(try await store.openReplays(limit: 9) == wishes)
            #expect(try await store.replays(to: endpoint.id, organization: ours, limit: 2) == [wishes[2], wishes[1]])
            #expect(try await store.replays(to: endpoint.id, organization: theirs, limit: 2).isEmpty)

            wishes[0].place = 8
            wishes[0].found = 3
            wishes[0].endedAt = moment
            try await store.note([makeNote(endpoint) { $0.replay = wishes[0] }])
            #expect(try await store.openReplays(limit: 9) == Array(wishes.dropFirst()))
            #expect(try await store.replays(to: endpoint.id, organization: ours, limit: 9).last == wishes[0])
        }
    }

    @Test func `is for an endpoint that is there, and one of so many`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            let gone = await #expect(throws: GatewayError.self) {
                try await store.begin(makeReplay(of: endpoint), openMax: 1)
            }
            #expect(gone?.code == .notFound)
            try await store.add(endpoint, endpointsMax: 2)
            try await store.begin(makeReplay(of: endpoint), openMax: 1)
            let full = await #expect(throws: GatewayError.self) {
                try await store.begin(makeReplay(of: endpoint), openMax: 1)
            }
            #expect(full?.code == .limitExceeded)
        }
    }

    @Test func `ends where the endpoint is off, by a person or by what it answered`() async throws {
        try await withEachStore { (store) async throws in
            let endpoint = makeEndpoint()
            var other = makeEndpoint()
            for each in [endpoint, other] {
                try await store.add(each, endpointsMax: 2)
                try await store.begin(makeReplay(of: each), openMax: 2)
            }
            try await store.note([makeNote(endpoint) { $0.off = (.gone, at: moment) }])
            #expect(try await store.openReplays(limit: 9).map(\.endpoint) == [other.id])
            (other.off, other.offSince, other.version) = (.person, moment, 2)
            #expect(try await store.change(other, begins: false, telling: []))
            #expect(try await store.openReplays(limit: 9).isEmpty)
            #expect(try await store.replays(to: other.id, organization: ours, limit: 9).map(\.endedAt) == [moment])
        }
    }
}
