import Gateway
import OrderedJSON

/// Whether an endpoint is on, and what it is signed with.
extension WebhookActions {
    var enable: Action {
        Action(
            WebhookActions.rules("webhooks.enable", "WEBHOOK_ENABLED"),
            title: "Enable a webhook endpoint",
            summary: """
                Has events sent there that become true from now on; webhooks.recover brings those that it has missed. One \
                that is on stays as it is.
                """,
            route: Route("POST", "/webhooks/{id}/enable"),
            arguments: ["id": WebhookForms.id, "version": WebhookForms.version],
            output: .data(WebhookForms.endpoint)
        ) { use throws(GatewayError) in
            let changed = try await change(use, begins: true) { endpoint throws(GatewayError) in
                (endpoint.off, endpoint.offSince) = (nil, nil)
            }
            return .data(WebhookForms.document(changed, at: entropy.now()), message: "The endpoint is on.")
        }
    }

    var disable: Action {
        Action(
            WebhookActions.rules("webhooks.disable", "WEBHOOK_DISABLED", takesAway: true),
            title: "Disable a webhook endpoint",
            summary: "Nothing is sent there until it is enabled. One that is off stays as it is.",
            route: Route("POST", "/webhooks/{id}/disable"),
            arguments: ["id": WebhookForms.id, "version": WebhookForms.version],
            output: .data(WebhookForms.endpoint)
        ) { use throws(GatewayError) in
            let changed = try await change(use) { endpoint throws(GatewayError) in
                if endpoint.off == nil { (endpoint.off, endpoint.offSince) = (.person, entropy.now()) }
            }
            return .data(WebhookForms.document(changed, at: entropy.now()), message: "The endpoint is off.")
        }
    }

    var rotate: Action {
        Action(
            WebhookActions.rules("webhooks.rotate", "WEBHOOK_SECRET_ROTATED"),
            title: "Change a webhook endpoint's secret",
            summary: """
                A new secret, shown this once. What is sent is signed with the old one as well for overlap_minutes, at \
                most a day and a day unless said; one before it ends at once.
                """,
            route: Route("POST", "/webhooks/{id}/rotate", status: 201),
            arguments: [
                "id": WebhookForms.id, "version": WebhookForms.version, "signing": WebhookForms.signing,
                "overlap_minutes": [
                    "type": "integer", "minimum": 0, "maximum": 1440, "description": "1440 unless said.",
                ],
            ],
            output: .data(WebhookForms.withSecret),
            shownOnce: ["secret"],
            target: "webhook/id"
        ) { use throws(GatewayError) in
            let organization = use.principal.organization
            let before = try await find(use).endpoint
            let form = form(in: use) ?? before.secrets.first?.form ?? .symmetric
            let (secret, given) = try await makeSecret(form, of: before.id, organization)
            let minutes = use.arguments["overlap_minutes"]?.integerValue ?? 1440
            let until = entropy.now() + .seconds(60 * minutes)
            let changed = try await change(use) { endpoint throws(GatewayError) in
                var old = endpoint.secrets.prefix(minutes > 0 ? 1 : 0)
                if !old.isEmpty { old[0].endsAt = until }
                endpoint.secrets = [secret] + old
            }
            return try await shown(changed.endpoint.id, given, use)
        }
    }
}
