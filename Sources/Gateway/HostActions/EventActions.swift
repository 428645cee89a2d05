import OrderedJSON

/// `events.list`: the organization's own part of the feed, in the order in which things became true.
package struct EventActions: Sendable {
    private let feed: any FeedRepository
    private let places: FeedPlaces
    private let news: FeedNews
    private let entropy: Entropy
    /// The most events that one page shows.
    private static let pageMax = 500
    /// How many of the organization's events are looked at for one page, also those that it does not show.
    private static let lookedAtMax = 2_000

    init(feed: any FeedRepository, places: FeedPlaces, news: FeedNews, entropy: Entropy) {
        self.feed = feed
        self.places = places
        self.news = news
        self.entropy = entropy
    }

    /// The actions.
    package var all: [Action] { [list] }

    private var list: Action {
        Action(
            ActionRules(
                "events.list",
                auditAction: "EVENTS_READ",
                scopes: ["events:read"],
                isOpenWhenSuspended: true
            ),
            title: "Read the feed",
            summary: """
                What became true of the organization's transactions, in order: each event once, by its id. next_after is \
                sent as after for what follows, also after a page that is short or empty; has_more says whether there is \
                more now. Role user sees what it asked for itself. missed says that events after this cursor are no longer \
                kept. \(TransactionDocument.others)
                """,
            route: Route("GET", "/events"),
            arguments: [
                "after": [
                    "type": "string", "maxLength": 64,
                    "description": "The next_after of the page before; now for what comes next.",
                ],
                "limit": ["type": "integer", "minimum": 1, "maximum": .integer(Int64(EventActions.pageMax))],
                "types": [
                    "type": "string", "maxLength": 500,
                    "description": "Of these types alone, between commas, such as transaction.succeeded.",
                ],
            ],
            output: .data(
                ["type": "array", "items": FeedEvent.schema],
                beside: [
                    ("next_after", ["type": "string", "description": "The cursor behind this page."]),
                    ("has_more", ["type": "boolean", "description": "Whether there is more behind it now."]),
                    ("missed", ["type": "boolean", "description": "Whether there were events that are not kept."]),
                ]
            ),
            tool: "events_list",
            follow: { [self] use throws(GatewayError) in try await follow(use) }
        ) { [self] use throws(GatewayError) in
            let organization = use.principal.organization
            let after = try await cursor(use.text("after"), of: organization)
            let types = try EventActions.kinds(use)
            let limit = use.arguments["limit"]?.integerValue.map(Int.init) ?? 100
            let lane = FeedReader.lane
            let floor = try await feed.feedFloor(lane: lane, keptFor: use.membership.plan.eventDays)
            let page = try await feed.feed(
                lane: lane,
                of: organization,
                after: max(after, floor),
                limit: EventActions.lookedAtMax
            )
            let seen = page.entries.filter { entry in
                entry.event.isSeen(by: use.principal) && types?.contains(entry.event.kind) ?? true
            }
            let shown = seen.prefix(limit)
            let isCut = seen.count > limit
            let next = isCut ? shown.last?.position ?? after : page.upTo
            return .data(
                JSON.array(shown.map(\.event.document)).bytes,
                beside: [
                    (name: "next_after", value: JSON.string(places.text(next, for: organization)).bytes),
                    (
                        name: "has_more",
                        value: JSON.bool(isCut || page.entries.count == EventActions.lookedAtMax).bytes
                    ),
                    (name: "missed", value: JSON.bool(after > 0 && after < floor).bytes),
                ]
            )
        }
    }

    private func follow(_ use: Action.Use) async throws(GatewayError) -> LiveEvents {
        let kinds = try EventActions.kinds(use)
        let place = try await cursor(use.text("after"), of: use.principal.organization)
        // Before anything is read, so that nothing is missed in between.
        let wakings = try news.follow(use.principal.organization, by: use.principal.subjectText)
        let following = EventFollowing(
            feed: feed,
            places: places,
            entropy: entropy,
            settings: news.settings,
            use: use,
            kinds: kinds,
            wakings: wakings,
            place: place
        )
        return LiveEvents { (write) async throws(GatewayError) in try await following.run(write) }
    }

    private func cursor(_ text: String?, of organization: OrganizationID) async throws(GatewayError) -> Int64 {
        guard let text else { return 0 }
        if text == "now" { return try await feed.feedEnd(lane: FeedReader.lane) }
        guard let after = places.position(text, for: organization) else {
            throw .wrong("after", "expected the next_after of a page, or now")
        }
        return after
    }

    private static func kinds(_ use: Action.Use) throws(GatewayError) -> Set<FeedEvent.Kind>? {
        guard let text = use.text("types") else { return nil }
        let known = FeedEvent.Kind.told(to: use.membership.organization)
        let names = text.split(separator: ",").map { $0.filter { $0 != " " } }
        let kinds = names.compactMap(FeedEvent.Kind.init(rawValue:)).filter(known.contains)
        guard kinds.count == names.count, !kinds.isEmpty else {
            throw .wrong("types", "expected some of \(known.map(\.rawValue).joined(separator: ", "))")
        }
        return Set(kinds)
    }
}

extension FeedEvent.Kind {
    /// Those that an organization is told of.
    package static func told(to organization: Organization) -> [Self] { organization.isHost ? allCases : common }

    /// Those of which somebody of an organization may ever be shown an event, by what their `data` holds.
    package static func seen(by principal: Principal, of organization: Organization) -> [Self] {
        told(to: organization)
            .filter { kind in
                let names = kind.form.fields.map(\.name)
                return (principal.maker == nil || names.contains("made_by"))
                    && (principal.accounts == nil || names.contains("account"))
            }
    }
}

extension FeedEvent {
    /// Whether it may be shown to somebody.
    func isSeen(by principal: Principal) -> Bool {
        let text = { (name: String) in payload[name]?.stringValue }
        // What is of the whole organization has no environment.
        return text("environment").map { $0 == principal.environment.rawValue } ?? true
            && principal.maker.map { $0 == text("made_by") } ?? true
            && principal.accounts?.contains { $0.description == text("account") } ?? true
    }
}
