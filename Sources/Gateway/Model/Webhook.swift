/// A receiver of an organization's events, and what it asked for.
package struct WebhookEndpoint: Sendable, Equatable {
    /// Why nothing is sent to one.
    package enum Off: String, Sendable, CaseIterable {
        /// Somebody of the organization switched it off.
        case person
        /// It answered 410: there is nobody any more.
        case gone
        /// For days nothing arrived.
        case failing
    }

    /// Names it.
    package let id: Identifier
    /// Whose events it is sent.
    package let organization: OrganizationID
    /// Of which environment; events of no environment go to both.
    package let environment: Environment
    /// Who made it, as `user:<id>` or `key:<id>`.
    package let madeBy: String
    /// When.
    package let madeAt: Timestamp
    /// Which version of events' documents it is sent, for as long as it is there.
    package let document: Int
    /// Where to: the whole address, which may hold secrets in path and query.
    package var url: String
    /// What people call it.
    package var description: String
    /// Of which types; all where it is empty.
    package var kinds: [FeedEvent.Kind]
    /// Whether phones are whole; else their middle is hidden.
    package var showsPhones: Bool
    /// Why it is off; nil while it is on.
    package var off: Off?
    /// Since when it is off.
    package var offSince: Timestamp?
    /// What its events are signed with, the newest first.
    package var secrets: [WebhookSecret]
    /// Counts its changes.
    package var version: Int

    /// The newest version of events' documents.
    package static let newestDocument = 1

    /// Makes a new one, which is on.
    package init(
        id: Identifier,
        organization: OrganizationID,
        environment: Environment,
        madeBy: String,
        madeAt: Timestamp,
        url: String,
        secrets: [WebhookSecret],
        document: Int = WebhookEndpoint.newestDocument,
        version: Int = 1
    ) {
        self.id = id
        self.organization = organization
        self.environment = environment
        self.madeBy = madeBy
        self.madeAt = madeAt
        self.document = document
        self.url = url
        self.secrets = secrets
        self.version = version
        description = ""
        kinds = []
        showsPhones = false
    }

    /// Whether it asked for such events.
    package func wants(_ event: FeedEvent) -> Bool {
        let environment = event.payload["environment"]?.stringValue
        return (kinds.isEmpty || kinds.contains(event.kind))
            && environment.map { $0 == self.environment.rawValue } ?? true
    }
}

/// What an endpoint's events are signed with, sealed: nobody reads it again.
package struct WebhookSecret: Sendable, Equatable {
    /// How it signs, as Standard Webhooks names its secrets.
    package enum Form: String, Sendable, CaseIterable {
        /// HMAC-SHA256: the receiver has the same secret. Signatures are `v1`.
        case symmetric = "whsec"
        /// Ed25519: the receiver has the public half. Signatures are `v1a`.
        case asymmetric = "whsk"
    }

    /// How it signs.
    package let form: Form
    /// Its bytes, sealed under the organization's data key.
    package let sealed: [UInt8]
    /// The version of that data key.
    package let keyVersion: Int
    /// The public half, `whpk_…`; nil for one that has none.
    package let publicKey: String?
    /// Until when it signs beside its successor; nil for the newest.
    package var endsAt: Timestamp?

    /// States one.
    package init(
        form: Form,
        sealed: [UInt8],
        keyVersion: Int,
        publicKey: String? = nil,
        endsAt: Timestamp? = nil
    ) {
        self.form = form
        self.sealed = sealed
        self.keyVersion = keyVersion
        self.publicKey = publicKey
        self.endsAt = endsAt
    }
}

/// How far an endpoint is, and how it does: a row of its own, because those who send write it and people do not.
package struct WebhookProgress: Sendable, Equatable {
    /// Up to which position of the feed each event was taken up: it arrived, or has a delivery that waits.
    package var place: Int64
    /// How many attempts in a row have failed; replays are not counted.
    package var failures = 0
    /// Since when nothing has arrived; nil while it does.
    package var failingSince: Timestamp?
    /// When people were told of that.
    package var noticedAt: Timestamp?
    /// Nothing is sent to it before; nil where nothing holds it.
    package var pausedUntil: Timestamp?

    /// Begins at a place.
    package init(place: Int64) { self.place = place }
}

/// An endpoint that is on, as whoever sends needs it.
package struct ServedWebhook: Sendable, Equatable {
    /// What it asked for.
    package let endpoint: WebhookEndpoint
    /// How far it is.
    package let progress: WebhookProgress
    /// When the earliest of its deliveries that wait is due; nil where none waits.
    package let dueAt: Timestamp?

    /// Gathers them.
    package init(endpoint: WebhookEndpoint, progress: WebhookProgress, dueAt: Timestamp?) {
        self.endpoint = endpoint
        self.progress = progress
        self.dueAt = dueAt
    }
}
