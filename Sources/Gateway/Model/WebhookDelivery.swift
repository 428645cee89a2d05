/// One event on its way to one endpoint.
package struct WebhookDelivery: Sendable, Equatable {
    /// Where it stands.
    package enum State: String, Sendable, CaseIterable {
        /// It is tried at `dueAt`.
        case waiting
        /// The receiver took it.
        case delivered
        /// All attempts failed; a replay tries it again.
        case givenUp = "given_up"
    }

    /// Whose it is.
    package let organization: OrganizationID
    /// To where.
    package let endpoint: Identifier
    /// The event's id, which is the delivery's too: receivers see it as `webhook-id`.
    package let event: Identifier
    /// What the event tells.
    package let kind: FeedEvent.Kind
    /// Where the event stands in the feed; 0 for one that is not in it.
    package let position: Int64
    /// Where it stands.
    package var state: State
    /// How many attempts were made since it was last asked for: what the schedule goes by.
    package var tries: Int
    /// When it is tried next; nil where it is not.
    package var dueAt: Timestamp?
    /// Whether somebody asked for it again.
    package var isReplay: Bool
    /// By which wish that was; nil where nobody asked.
    package var replay: Identifier?
    /// When it last changed: it is forgotten by this.
    package var at: Timestamp
    /// Its attempts, the oldest first; at most `attemptsMax`, the newest.
    package var attempts: [WebhookAttempt]

    /// How many attempts are kept of one delivery.
    package static let attemptsMax = 50

    /// States one.
    package init(
        organization: OrganizationID,
        endpoint: Identifier,
        event: Identifier,
        kind: FeedEvent.Kind,
        position: Int64,
        state: State,
        tries: Int = 0,
        dueAt: Timestamp? = nil,
        isReplay: Bool = false,
        replay: Identifier? = nil,
        at: Timestamp,
        attempts: [WebhookAttempt] = []
    ) {
        self.organization = organization
        self.endpoint = endpoint
        self.event = event
        self.kind = kind
        self.position = position
        self.state = state
        self.tries = tries
        self.dueAt = dueAt
        self.isReplay = isReplay
        self.replay = replay
        self.at = at
        self.attempts = attempts
    }
}

/// One request to an endpoint, and what came of it.
package struct WebhookAttempt: Sendable, Equatable {
    /// When it began.
    package let at: Timestamp
    /// How long it took.
    package let milliseconds: Int64
    /// The status that was answered; nil where nothing was.
    package let status: Int?
    /// Why there is no answer, in one of the sender's words; nil where there is one.
    package let fault: String?
    /// The first bytes of the answer, as they came.
    package let beginning: [UInt8]
    /// Whether somebody asked for it again.
    package let isReplay: Bool

    /// How many bytes of an answer are kept.
    package static let beginningMax = 1_024

    /// States one.
    package init(
        at: Timestamp,
        milliseconds: Int64,
        status: Int?,
        fault: String?,
        beginning: [UInt8],
        isReplay: Bool
    ) {
        self.at = at
        self.milliseconds = milliseconds
        self.status = status
        self.fault = fault
        self.beginning = Array(beginning.prefix(WebhookAttempt.beginningMax))
        self.isReplay = isReplay
    }
}

/// Somebody's wish that events are sent to an endpoint once more.
///
/// Whoever sends works it off in slices, so that it may be about any number of events and outlives processes.
package struct WebhookReplay: Sendable, Equatable {
    /// What is asked for.
    package enum Wish: Sendable, Equatable {
        /// One event.
        case event(Identifier)
        /// All that became true in a time, of these types (all where empty); or of those only what has not arrived.
        case span(from: Timestamp, to: Timestamp, kinds: [FeedEvent.Kind], onlyMissing: Bool)
        /// An event that tells of nothing, to see whether it arrives.
        case test
    }

    /// Whether it may be about any number of events.
    package var isOfMany: Bool { if case .span = wish { true } else { false } }

    /// Names it; of a test it is the event's id too.
    package let id: Identifier
    /// Whose it is.
    package let organization: OrganizationID
    /// To where.
    package let endpoint: Identifier
    /// What is asked for.
    package let wish: Wish
    /// Who asked, as `user:<id>` or `key:<id>`.
    package let madeBy: String
    /// When.
    package let madeAt: Timestamp
    /// Up to which position of the feed it was looked for.
    package var place: Int64
    /// How many events were found.
    package var found: Int
    /// When all was found, or it was stopped; nil before.
    package var endedAt: Timestamp?
    /// When it was given up, because nothing of it arrived; nil where it was not.
    package var stoppedAt: Timestamp?

    /// States one.
    package init(
        id: Identifier,
        organization: OrganizationID,
        endpoint: Identifier,
        wish: Wish,
        madeBy: String,
        madeAt: Timestamp,
        place: Int64 = 0,
        found: Int = 0,
        endedAt: Timestamp? = nil,
        stoppedAt: Timestamp? = nil
    ) {
        self.id = id
        self.organization = organization
        self.endpoint = endpoint
        self.wish = wish
        self.madeBy = madeBy
        self.madeAt = madeAt
        self.place = place
        self.found = found
        self.endedAt = endedAt
        self.stoppedAt = stoppedAt
    }
}
