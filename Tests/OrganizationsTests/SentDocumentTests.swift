import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `What is sent of an event` {
    @Test func `is shown as it is sent, with a phone whole only for whom may see it`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let integrator = try await Integrator(bureau)
            let paid = try await bureau.sale(as: integrator.token)
            let till = try await bureau.key(.manager, [], of: bureau.shop)
            let id = try await integrator.make()
            let phones: JSON = ["id": id, "shows_phones": true]
            #expect(await integrator.ask("webhooks.update", phones).code == nil)
            let event = try await bureau.tell(of: paid, to: try await integrator.stored(id).endpoint)
            let shown: JSON = ["id": id, "event": .string("\(event)")]
            let mayNot = try await bureau.key(.orgAdmin, ["webhooks:read"], of: bureau.shop)

            let whole = await integrator.ask("deliveries.show", shown).data["document"]
            let masked = await bureau.ask("deliveries.show", shown, as: mayNot).data["document"]

            #expect(whole?["id"] == shown["event"] && whole?["type"] == "transaction.succeeded")
            #expect(whole?["data"]?["party"] == "254711000001")
            #expect(masked?["data"]?["party"] == "2547•••••001" && masked?["id"] == whole?["id"])
            #expect(await bureau.ask("deliveries.show", shown, as: till).code == .permissionDenied)
        }
    }
}

extension Bureau {
    /// Asks a customer for something; its transaction.
    func sale(as key: Secret<String>) async throws -> RecordID {
        let reply = await collect(1, as: key)
        return try #require(reply.record, "\(String(describing: reply.error))")
    }

    /// Has the feed tell of a transaction, and an endpoint be sent it; the event's id.
    func tell(of record: RecordID, to endpoint: WebhookEndpoint) async throws -> Identifier {
        let event = FeedEvent(
            organization: endpoint.organization,
            id: clock.entropy.identifier(),
            kind: .succeeded,
            subject: record.description,
            version: 2,
            at: clock.now,
            payload: ["environment": "test"]
        )
        var note = WebhookNote(organization: endpoint.organization, endpoint: endpoint.id)
        note.told = [event]
        try await store.note([note])
        let entries = try await store.feed(lane: FeedReader.lane, after: 0, limit: 100)
        let entry = try #require(entries.first { $0.event.id == event.id })
        note.told = []
        note.deliveries = [
            WebhookDelivery(
                organization: endpoint.organization,
                endpoint: endpoint.id,
                event: event.id,
                kind: event.kind,
                position: entry.position,
                state: .delivered,
                at: clock.now
            )
        ]
        try await store.note([note])
        return event.id
    }
}
