extension ApprovalLetters {
    /// Tells an organization's administrators that nothing arrives at a receiver, or that it is off.
    func tellOfWebhook(_ event: FeedEvent) async throws(GatewayError) {
        let address = event.payload["address"]?.stringValue ?? ""
        let text: String
        switch event.payload["why"]?.stringValue {
        // Whoever did it knows.
        case WebhookEndpoint.Off.person.rawValue: return
        case WebhookEndpoint.Off.gone.rawValue:
            text = "It answered that it is gone (410), and nothing more is sent to it."
        case WebhookEndpoint.Off.failing.rawValue:
            text = "For days nothing arrived at it, and nothing more is sent to it."
        default:
            text = "Nothing has arrived at it for a day. It is switched off where that goes on."
        }
        let letter = """
            Events are sent to \(address), webhook endpoint \(event.subject).
            \(text)

            See what it answered: GET \(base)/webhooks/\(event.subject)/deliveries. Once it takes events again, POST \
            \(base)/webhooks/\(event.subject)/enable, then /recover for what was missed.

            """
        let subject = event.kind == .webhookDisabled ? "A webhook was switched off" : "Nothing arrives at a webhook"
        for user in try await users(of: event.organization, where: { $0.role >= .orgAdmin }) {
            await send(to: user, subject, letter)
        }
    }
}
