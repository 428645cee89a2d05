/// Where organizations want their events sent, and what became of it.
///
/// An endpoint has a place in its organization's feed, so that an event costs nothing before it is sent, and one that
/// nobody answers for costs nothing but its place. Every method is one database transaction. Implemented by `Store`.
package protocol WebhookRepository: Sendable {
    /// The organization's endpoints of an environment, the oldest first.
    func webhooks(
        of organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [ServedWebhook]

    /// One of them, whether it is on or off.
    func webhook(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> ServedWebhook?

    /// Adds an endpoint, which begins behind the newest event that there is in that commit.
    ///
    /// - Throws: `limitExceeded` where the organization has as many in that environment.
    func add(_ endpoint: WebhookEndpoint, endpointsMax: Int) async throws(GatewayError)

    /// Writes an endpoint's next version, which is one more than the one it was made from.
    ///
    /// - Parameters:
    ///   - begins: Whether it begins anew behind the newest event, in health.
    ///   - told: What that makes true, told in the same commit.
    /// - Returns: Whether it was written; not where it has another version by now, or is gone.
    func change(
        _ endpoint: WebhookEndpoint,
        begins: Bool,
        telling told: [FeedEvent]
    ) async throws(GatewayError) -> Bool

    /// Takes an endpoint away, and the wishes for it; its deliveries are forgotten by their age. False where it was gone.
    func removeWebhook(_ id: Identifier, organization: OrganizationID) async throws(GatewayError) -> Bool

    /// Deliveries to an endpoint, the newest event first: older than `before`, in that state, where those are given.
    func deliveries(
        to endpoint: Identifier,
        organization: OrganizationID,
        state: WebhookDelivery.State?,
        before: Identifier?,
        limit: Int
    ) async throws(GatewayError) -> [WebhookDelivery]

    /// Deliveries of these events to an endpoint, as far as there are any.
    func deliveries(
        of events: [Identifier],
        to endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> [WebhookDelivery]

    /// Keeps a wish that events are sent once more.
    ///
    /// - Throws: `notFound` where the endpoint is gone; `limitExceeded` where as many of the organization's wishes are
    ///   being worked off.
    func begin(_ replay: WebhookReplay, openMax: Int) async throws(GatewayError)

    /// Wishes for an endpoint, the newest first.
    func replays(
        to endpoint: Identifier,
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [WebhookReplay]

    // MARK: Whoever sends

    /// Any organization's endpoints that are on, in the order of organization and id, after one of them.
    func servedWebhooks(
        after: (organization: OrganizationID, endpoint: Identifier)?,
        limit: Int
    ) async throws(GatewayError) -> [ServedWebhook]

    /// Deliveries of an endpoint that are due, those first that were due first.
    func dueDeliveries(
        to endpoint: Identifier,
        organization: OrganizationID,
        at now: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [WebhookDelivery]

    /// Any organization's wishes that are not worked off, the oldest first.
    func openReplays(limit: Int) async throws(GatewayError) -> [WebhookReplay]

    /// Writes what came of sending, of many endpoints in one commit; nothing of what concerns an endpoint that is gone.
    func note(_ notes: [WebhookNote]) async throws(GatewayError)

    /// Forgets deliveries that have not changed since, and wishes that were worked off before; at most so
    /// many of each. How many it forgot.
    func forgetDeliveries(before moment: Timestamp, limit: Int) async throws(GatewayError) -> Int
}

/// What came of sending to one endpoint.
package struct WebhookNote: Sendable {
    /// Whose it is.
    package let organization: OrganizationID
    /// Which endpoint.
    package let endpoint: Identifier
    /// Deliveries as they stand now, whole, whether they have a row or not.
    package var deliveries: [WebhookDelivery] = []
    /// How the endpoint does; written only while its place is still the first one.
    package var progress: (from: Int64, to: WebhookProgress)?
    /// That it is off from now on, where it is on, and of `version` where that is given.
    package var off: (WebhookEndpoint.Off, at: Timestamp)?
    /// The version of the endpoint that was sent to: what another one answered says nothing of it.
    package var version: Int?
    /// A wish that has got on; where it has ended meanwhile nothing of the note is written.
    package var replay: WebhookReplay?
    /// Wishes that are given up from a moment on, with all that waits of them: after the deliveries that are noted.
    package var stopped: (replays: Set<Identifier>, at: Timestamp)?
    /// What has become true; told where the endpoint is there, and where `off` is given only if that changed it.
    package var told: [FeedEvent] = []

    /// Notes nothing yet.
    package init(organization: OrganizationID, endpoint: Identifier) {
        self.organization = organization
        self.endpoint = endpoint
    }
}
