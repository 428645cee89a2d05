import Gateway
import OrderedJSON

/// Events as receivers are sent them: to one endpoint the same event is always the same bytes.
struct WebhookDocuments: Sendable {
    let feed: any FeedRepository
    let records: any RecordRepository

    /// The event of a delivery; nil where the feed has forgotten it.
    func event(
        of delivery: WebhookDelivery,
        to endpoint: WebhookEndpoint
    ) async throws(GatewayError) -> FeedEvent? {
        if delivery.kind == .webhookTest { return FeedEvent.trial(of: endpoint, id: delivery.event) }
        let page = try await feed.feed(
            lane: FeedReader.lane,
            of: endpoint.organization,
            after: delivery.position - 1,
            limit: 1
        )
        return page.entries.first.flatMap { $0.event.id == delivery.event ? $0.event : nil }
    }

    /// The bytes of an event for an endpoint.
    ///
    /// - Throws: as the store does.
    func bytes(of event: FeedEvent, for endpoint: WebhookEndpoint) async throws(GatewayError) -> [UInt8] {
        guard isOfTransaction(event), let id = RecordID(event.subject) else {
            return WebhookDocuments.render(event, party: .none, for: endpoint)
        }
        let environment = event.payload["environment"]?.stringValue.flatMap(Environment.init(rawValue:))
        let record = try await records.record(
            id,
            organization: event.organization,
            environment: environment ?? endpoint.environment
        )
        return WebhookDocuments.render(event, party: record.map { .known($0.intent.party) } ?? .erased, for: endpoint)
    }

    /// What is known of the other side.
    enum Party {
        /// The event has none.
        case none
        /// It has been erased since.
        case erased
        /// As the transaction has it; nil where that has none.
        case known(String?)
    }

    /// The bytes of version 1: the event's document, with the other side where there is one.
    static func render(_ event: FeedEvent, party: Party, for endpoint: WebhookEndpoint) -> [UInt8] {
        guard case .object(var document) = event.document, case .object(var data)? = document["data"] else {
            return event.document.bytes
        }
        switch party {
        case .none: break
        case .erased: data["erased"] = true
        case .known(let text):
            data["party"] = text.map { .string(endpoint.showsPhones ? $0 : masked($0)) }
        }
        document["data"] = .object(data)
        return JSON.object(document).bytes
    }

    /// A phone without its middle; what is no phone as it is.
    static func masked(_ party: String) -> String {
        guard party.utf8.count >= 9, party.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return party }
        return party.prefix(4) + String(repeating: "•", count: party.count - 7) + party.suffix(3)
    }

    private func isOfTransaction(_ event: FeedEvent) -> Bool {
        switch event.kind.form {
        case .transaction, .question, .decision: true
        default: false
        }
    }
}
