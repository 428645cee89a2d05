import Egress
import Gateway
import Store
import Webhooks

extension App {
    /// Who sends events to their receivers, by a client of its own.
    static func makeWebhooks(
        _ settings: Settings,
        _ gateway: Assembly,
        _ store: Store,
        _ credentials: Credentials
    ) -> WebhookRunner {
        let bounds = WebhookSettings()
        var guarded = guarded(settings)
        guarded.userAgent = "mpesa-gateway/" + version
        guarded.sendingMax = bounds.sendingMax
        return WebhookRunner(
            webhooks: store,
            feed: store,
            records: store,
            directory: store,
            safe: credentials,
            sender: WebhookWay(sender: GuardedSender(settings: guarded)),
            entropy: gateway.ports.entropy,
            logger: gateway.ports.logger,
            settings: bounds
        )
    }
}

extension App {
    /// What receivers may be connected to.
    private static func guarded(_ settings: Settings) -> GuardedSender.Settings {
        var guarded = GuardedSender.Settings()
        guarded.reachable = settings.door.webhookPrivate
        guarded.ownPorts = [settings.port, settings.managementPort]
        return guarded
    }

    /// How organizations say where their events are sent.
    static func webhookActions(
        _ settings: Settings,
        _ gateway: Assembly,
        _ store: Store,
        _ credentials: Credentials
    ) -> [Action] {
        let guarded = guarded(settings)
        return WebhookActions(
            webhooks: store,
            safe: credentials,
            feed: store,
            records: store,
            entropy: gateway.ports.entropy
        ) {
            (text, environment) throws(GatewayError) in
            let address = try GuardedAddress(text, in: environment)
            try address.checkIsReached(by: guarded)
            return address.url
        }
        .all
    }
}

/// Webhooks by the guarded way out.
private struct WebhookWay: WebhookSender {
    let sender: GuardedSender

    func post(
        _ body: [UInt8],
        _ headers: [(String, String)],
        to url: String,
        in environment: Environment
    ) async -> WebhookOutcome {
        // What was taken when the endpoint was made is read again: rules may have become stricter since.
        guard let address = try? GuardedAddress(url, in: environment) else {
            return .failed(fault: GuardedSender.Fault.address.rawValue)
        }
        switch await sender.post(body, headers, to: address) {
        case .answered(let status, let beginning, let retryAfter):
            return .answered(status: status, beginning: beginning, retryAfter: retryAfter)
        case .failed(.busy): return .busy
        case .failed(let fault): return .failed(fault: fault.rawValue)
        }
    }
}
