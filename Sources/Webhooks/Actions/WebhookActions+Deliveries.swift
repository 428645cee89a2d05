import Gateway
import OrderedJSON

/// What became of events on their way to an endpoint.
extension WebhookActions {
    var listDeliveries: Action {
        Action(
            WebhookActions.rules("deliveries.list", "DELIVERIES_LISTED", writes: false, takesAway: true),
            title: "List deliveries",
            summary: """
                What was sent to an endpoint or waits to be, the newest event first; kept for 30 days. Where there may be \
                more, next_before is sent as before.
                """,
            route: Route("GET", "/webhooks/{id}/deliveries"),
            arguments: [
                "id": WebhookForms.id, "limit": WebhookForms.limit,
                "state": ["enum": .array(WebhookForms.states), "description": "Where they stand."],
                "before": ["type": "string", "maxLength": 64, "description": "Of older events than this one."],
            ],
            output: .data(
                ["type": "array", "items": WebhookForms.delivery],
                beside: [("next_before", ["type": "string", "description": "Where there may be more."])]
            )
        ) { use throws(GatewayError) in
            let endpoint = try await find(use).endpoint.id
            let before = use.text("before").flatMap { Identifier($0) }
            guard before != nil || use.text("before") == nil else { throw .wrong("before", "expected an event's id.") }
            let limit = WebhookForms.limit(in: use)
            let all = try await webhooks.deliveries(
                to: endpoint,
                organization: use.principal.organization,
                state: use.text("state").flatMap(WebhookDelivery.State.init(rawValue:)),
                before: before,
                limit: limit
            )
            let next = all.count == limit ? all.last?.event : nil
            return .data(
                JSON.array(all.map { .object(WebhookForms.members(of: $0)) }).bytes,
                beside: next.map { [(name: "next_before", value: JSON.string($0.description).bytes)] } ?? []
            )
        }
    }

    var showDelivery: Action {
        Action(
            WebhookActions.rules("deliveries.show", "DELIVERY_SHOWN", writes: false, takesAway: true),
            title: "Show a delivery",
            summary:
                "What is sent to an endpoint of one event, and what became of it: each attempt, and how the answer began.",
            route: Route("GET", "/webhooks/{id}/deliveries/{event}"),
            arguments: ["id": WebhookForms.id, "event": WebhookForms.id],
            output: .data(WebhookForms.deliveryWithAttempts)
        ) { use throws(GatewayError) in
            let endpoint = try await find(use).endpoint
            let missing = GatewayError(.notFound, "No event with this id was sent there, or waits to be.")
            guard let event = Identifier(use.text("event") ?? "") else { throw missing }
            let found = try await webhooks.deliveries(
                of: [event],
                to: endpoint.id,
                organization: use.principal.organization
            )
            guard let delivery = found.first else { throw missing }
            var members = WebhookForms.members(of: delivery)
            members["document"] = try await document(delivery, endpoint, use)
            members["attempts"] = .array(delivery.attempts.map(WebhookForms.document))
            return .data(.object(members))
        }
    }

    /// The body of every attempt, with phones whole for none but who may see them; nil where the event is not kept.
    private func document(
        _ delivery: WebhookDelivery,
        _ endpoint: WebhookEndpoint,
        _ use: Action.Use
    ) async throws(GatewayError) -> JSON? {
        guard let event = try await documents.event(of: delivery, to: endpoint) else { return nil }
        var endpoint = endpoint
        endpoint.showsPhones = endpoint.showsPhones && WebhookActions.showsPhones(to: use.principal)
        let bytes = try await documents.bytes(of: event, for: endpoint)
        return try? JSON(parsing: bytes)
    }
}
