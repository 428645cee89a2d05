import Gateway
import OrderedJSON

/// Events that somebody wants sent once more, or for a trial.
extension WebhookActions {
    private static let until: JSON = WebhookForms.moment("Up to then; now unless said.")

    var test: Action {
        Action(
            WebhookActions.rules("webhooks.test", "WEBHOOK_TESTED"),
            title: "Send a test event",
            summary: """
                Sends this endpoint an event of the type webhook.test, by the way of every other; deliveries.show says by \
                its id what came of it.
                """,
            route: Route("POST", "/webhooks/{id}/test", status: 202),
            arguments: ["id": WebhookForms.id],
            output: .data(WebhookForms.replay)
        ) { use throws(GatewayError) in
            try await begin(.test, of: try await find(use).endpoint, use)
        }
    }

    var replay: Action {
        Action(
            WebhookActions.rules("webhooks.replay", "WEBHOOK_REPLAYED"),
            title: "Send events once more",
            summary: """
                Sends an endpoint one event again, or all of a time and of some types, also those that arrived: the same \
                id, the same body, a fresh signature.
                """,
            route: Route("POST", "/webhooks/{id}/replay", status: 202),
            arguments: [
                "id": WebhookForms.id,
                "event": ["type": "string", "maxLength": 64, "description": "One event's id; then nothing else."],
                "from_ms": WebhookForms.moment("All that became true then or later."),
                "until_ms": WebhookActions.until, "types": WebhookForms.types,
            ],
            output: .data(WebhookForms.replay)
        ) { use throws(GatewayError) in
            let endpoint = try await find(use).endpoint
            let from = use.arguments["from_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
            switch (use.text("event"), from) {
            case (let text?, nil):
                guard let event = Identifier(text) else { throw .wrong("event", "expected an event's id.") }
                return try await begin(.event(event), of: endpoint, use)
            case (nil, let from?): return try await begin(span(from, use, onlyMissing: false), of: endpoint, use)
            default: throw .wrong("from_ms", "expected either this or event.")
            }
        }
    }

    var recover: Action {
        Action(
            WebhookActions.rules("webhooks.recover", "WEBHOOK_RECOVERED"),
            title: "Send what has not arrived",
            summary: """
                Sends an endpoint the events of a time that have not arrived there, whether they were given up or were \
                never sent because it was off; since it was made unless said.
                """,
            route: Route("POST", "/webhooks/{id}/recover", status: 202),
            arguments: [
                "id": WebhookForms.id, "since_ms": WebhookForms.moment("What became true then or later."),
                "until_ms": WebhookActions.until, "types": WebhookForms.types,
            ],
            output: .data(WebhookForms.replay)
        ) { use throws(GatewayError) in
            let endpoint = try await find(use).endpoint
            let since = use.arguments["since_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
            return try await begin(span(since ?? endpoint.madeAt, use, onlyMissing: true), of: endpoint, use)
        }
    }

    var replays: Action {
        Action(
            WebhookActions.rules("webhooks.replays", "WEBHOOK_REPLAYS_LISTED", writes: false, takesAway: true),
            title: "List what was asked for once more",
            summary: "What was asked to be sent to an endpoint again, the newest first, and how far that is.",
            route: Route("GET", "/webhooks/{id}/replays"),
            arguments: ["id": WebhookForms.id, "limit": WebhookForms.limit],
            output: .data(["type": "array", "items": WebhookForms.replay])
        ) { use throws(GatewayError) in
            let all = try await webhooks.replays(
                to: try await find(use).endpoint.id,
                organization: use.principal.organization,
                limit: WebhookForms.limit(in: use)
            )
            return .data(.array(all.map(WebhookForms.document)))
        }
    }

    private func span(
        _ from: Timestamp,
        _ use: Action.Use,
        onlyMissing: Bool
    ) throws(GatewayError) -> WebhookReplay.Wish {
        let until = use.arguments["until_ms"]?.integerValue.map { Timestamp(milliseconds: $0) } ?? entropy.now()
        guard from <= until else { throw .wrong("until_ms", "expected a moment that is not before the first.") }
        let kinds = try WebhookForms.kinds(in: use) ?? []
        return .span(from: from, to: until, kinds: kinds, onlyMissing: onlyMissing)
    }

    private func begin(
        _ wish: WebhookReplay.Wish,
        of endpoint: WebhookEndpoint,
        _ use: Action.Use
    ) async throws(GatewayError) -> Action.Answer {
        guard endpoint.off == nil else {
            throw GatewayError(.conflict, "The endpoint is off, and nothing is sent there. Enable it first.")
        }
        let replay = WebhookReplay(
            id: entropy.identifier(),
            organization: endpoint.organization,
            endpoint: endpoint.id,
            wish: wish,
            madeBy: use.principal.subjectText,
            madeAt: entropy.now()
        )
        try await webhooks.begin(replay, openMax: settings.openReplaysMax)
        return .data(WebhookForms.document(replay), message: "It is on its way.")
    }
}
