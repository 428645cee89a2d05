import Gateway
import OrderedJSON

/// What endpoints, deliveries and wishes look like among arguments and in answers.
enum WebhookForms {
    // MARK: Arguments

    static let id: JSON = ["type": "string", "maxLength": 64]
    static let limit: JSON = ["type": "integer", "minimum": 1, "maximum": 100]
    static let version: JSON = [
        "type": "integer", "minimum": 1,
        "description": "As it was read (ETag, If-Match): where it was changed since, nothing is.",
    ]
    static let signing: JSON = [
        "enum": ["hmac", "ed25519"],
        "description": "By a secret that both have (v1), or by a key of which receivers have the public half (v1a).",
    ]
    static let types: JSON = [
        "type": "array", "maxItems": 64, "uniqueItems": true,
        "items": FeedEvent.choice,
        "description": "Of these types alone; none, or left out: of every type, also of those that are added later.",
    ]
    static let states = WebhookDelivery.State.allCases.map { JSON.string($0.rawValue) }

    static func moment(_ description: String) -> JSON {
        [
            "type": "integer", "minimum": 0, "maximum": .integer(Timestamp.latest),
            "description": .string("\(description) Milliseconds since 1970."),
        ]
    }

    /// The types that are asked for; nil where nothing is said of them.
    ///
    /// - Throws: `invalidArgument` for one that this organization is told nothing of.
    static func kinds(in use: Action.Use) throws(GatewayError) -> [FeedEvent.Kind]? {
        guard let given = use.arguments["types"]?.arrayValue else { return nil }
        // A test is sent to whom it is for alone.
        let told = FeedEvent.Kind.told(to: use.membership.organization).filter { $0 != .webhookTest }
        var kinds: [FeedEvent.Kind] = []
        for (place, text) in given.compactMap(\.stringValue).enumerated() {
            guard let kind = told.first(where: { $0.rawValue == text }) else {
                let list = told.map(\.rawValue).joined(separator: ", ")
                let message = "types[\(place)]: expected one of \(list)."
                throw GatewayError(
                    .invalidArgument,
                    message,
                    errors: [.init(pointer: "/types/\(place)", message: message)]
                )
            }
            kinds.append(kind)
        }
        return kinds
    }

    static func limit(in use: Action.Use) -> Int { use.arguments["limit"]?.integerValue.map(Int.init) ?? 100 }

    // MARK: Endpoints

    private static let milliseconds: JSON = ["type": "integer", "description": "Milliseconds since 1970."]

    static let endpoint: JSON = [
        "type": "object",
        "required": [
            "id", "environment", "url", "description", "types", "shows_phones", "document_version", "is_on", "signing",
            "failures", "made_by", "made_ms", "version",
        ],
        "properties": [
            "id": ["type": "string"], "environment": ["enum": ["test", "live"]], "url": ["type": "string"],
            "description": ["type": "string"],
            "types": ["type": "array", "items": ["type": "string"], "description": "None: every type."],
            "shows_phones": ["type": "boolean"],
            "document_version": ["type": "integer", "description": "Of the events' documents that it is sent."],
            "is_on": ["type": "boolean"],
            "off": [
                "enum": .array(WebhookEndpoint.Off.allCases.map { .string($0.rawValue) }),
                "description": "Why it is off: by a person, because it answered 410, or failed for days.",
            ],
            "off_since_ms": milliseconds,
            "signing": [
                "type": "array", "description": "What events are signed with, the newest first.",
                "items": [
                    "type": "object", "required": ["form"],
                    "properties": [
                        "form": ["enum": ["hmac", "ed25519"]],
                        "public_key": ["type": "string", "description": "What receivers check signatures by."],
                        "until_ms": milliseconds,
                    ],
                ],
            ],
            "failures": ["type": "integer", "description": "How many attempts in a row have failed; replays apart."],
            "failing_since_ms": milliseconds,
            "paused_until_ms": ["type": "integer", "description": "Nothing is sent before; milliseconds since 1970."],
            "made_by": ["type": "string"], "made_ms": milliseconds, "version": ["type": "integer"],
        ],
    ]

    static let withSecret: JSON = [
        "type": "object", "required": ["webhook"],
        "properties": [
            "webhook": endpoint,
            "secret": [
                "type": "string", "description": "whsec_…, shown this once; none where there is a public key.",
            ],
        ],
    ]

    static func document(_ served: ServedWebhook, at now: Timestamp) -> JSON {
        let (endpoint, progress) = (served.endpoint, served.progress)
        var members: JSONObject = [
            "id": .string(endpoint.id.description), "environment": .string(endpoint.environment.rawValue),
            "url": .string(endpoint.url), "description": .string(endpoint.description),
            "types": .array(endpoint.kinds.map { .string($0.rawValue) }), "shows_phones": .bool(endpoint.showsPhones),
            "document_version": .integer(Int64(endpoint.document)), "is_on": .bool(endpoint.off == nil),
        ]
        members["off"] = endpoint.off.map { .string($0.rawValue) }
        members["off_since_ms"] = endpoint.offSince.map { .integer($0.milliseconds) }
        let good = endpoint.secrets.filter { $0.endsAt.map { $0 > now } ?? true }
        members["signing"] = .array(good.map(document))
        members["failures"] = .integer(Int64(progress.failures))
        members["failing_since_ms"] = progress.failingSince.map { .integer($0.milliseconds) }
        members["paused_until_ms"] = progress.pausedUntil.flatMap { $0 > now ? .integer($0.milliseconds) : nil }
        members["made_by"] = .string(endpoint.madeBy)
        members["made_ms"] = .integer(endpoint.madeAt.milliseconds)
        members["version"] = .integer(Int64(endpoint.version))
        return .object(members)
    }

    private static func document(_ secret: WebhookSecret) -> JSON {
        var members: JSONObject = ["form": secret.form == .symmetric ? "hmac" : "ed25519"]
        members["public_key"] = secret.publicKey.map { .string($0) }
        members["until_ms"] = secret.endsAt.map { .integer($0.milliseconds) }
        return .object(members)
    }

    // MARK: Deliveries

    static let delivery: JSON = ["type": "object", "required": deliveryNames, "properties": .object(deliveryMembers)]

    static let deliveryWithAttempts: JSON = {
        var members = deliveryMembers
        members["document"] = [
            "type": "object",
            "description": "What is sent: the body of every attempt. Absent where the event is not kept any more.",
        ]
        members["attempts"] = [
            "type": "array", "description": .string("The oldest first, at most \(WebhookDelivery.attemptsMax)."),
            "items": attempt,
        ]
        return ["type": "object", "required": deliveryNames, "properties": .object(members)]
    }()

    private static let deliveryNames: JSON = ["event", "type", "state", "tries", "is_replay", "at_ms"]
    private static let deliveryMembers: JSONObject = [
        "event": ["type": "string", "description": "The event's id: webhook-id of every attempt."],
        "type": ["type": "string"],
        "state": [
            "enum": .array(states),
            "description": "waiting for its next attempt, delivered, or given_up: then a replay tries again.",
        ],
        "tries": ["type": "integer", "description": "Attempts since it was last asked for."],
        "due_ms": ["type": "integer", "description": "When it is tried next; milliseconds since 1970."],
        "is_replay": ["type": "boolean", "description": "Whether somebody asked for it again."],
        "at_ms": ["type": "integer", "description": "When it last changed; milliseconds since 1970."],
        "status": ["type": "integer", "description": "What the last attempt was answered."],
        "fault": ["type": "string", "description": "Why the last attempt has no answer."],
    ]

    private static let attempt: JSON = [
        "type": "object", "required": ["at_ms", "took_ms", "is_replay"],
        "properties": [
            "at_ms": milliseconds, "took_ms": ["type": "integer"], "status": ["type": "integer"],
            "fault": ["type": "string", "description": "Why there is no answer."],
            "beginning": ["type": "string", "description": "How the answer began, as far as it is text."],
            "is_replay": ["type": "boolean"],
        ],
    ]

    static func members(of delivery: WebhookDelivery) -> JSONObject {
        var members: JSONObject = [
            "event": .string(delivery.event.description), "type": .string(delivery.kind.rawValue),
            "state": .string(delivery.state.rawValue), "tries": .integer(Int64(delivery.tries)),
        ]
        members["due_ms"] = delivery.dueAt.map { .integer($0.milliseconds) }
        members["is_replay"] = .bool(delivery.isReplay)
        members["at_ms"] = .integer(delivery.at.milliseconds)
        members["status"] = delivery.attempts.last?.status.map { .integer(Int64($0)) }
        members["fault"] = delivery.attempts.last?.fault.map { .string($0) }
        return members
    }

    static func document(_ attempt: WebhookAttempt) -> JSON {
        var members: JSONObject = [
            "at_ms": .integer(attempt.at.milliseconds), "took_ms": .integer(attempt.milliseconds),
        ]
        members["status"] = attempt.status.map { .integer(Int64($0)) }
        members["fault"] = attempt.fault.map { .string($0) }
        if !attempt.beginning.isEmpty {
            members["beginning"] = .string(String(decoding: attempt.beginning, as: UTF8.self))
        }
        members["is_replay"] = .bool(attempt.isReplay)
        return .object(members)
    }

    // MARK: Wishes

    static let replay: JSON = [
        "type": "object", "required": ["id", "found", "is_over", "made_by", "made_ms"],
        "properties": [
            "id": ["type": "string", "description": "Of a test event, the event's too."],
            "event": ["type": "string", "description": "The one event that is asked for."],
            "from_ms": milliseconds, "until_ms": milliseconds,
            "types": ["type": "array", "items": ["type": "string"], "description": "None: every type."],
            "only_missing": ["type": "boolean", "description": "Whether only what has not arrived is asked for."],
            "found": ["type": "integer", "description": "How many events were found so far, and wait to be sent."],
            "is_over": ["type": "boolean", "description": "Whether all were found, or it was given up."],
            "stopped_ms": [
                "type": "integer",
                "description": "When it was given up, because nothing of it arrived; milliseconds since 1970.",
            ],
            "made_by": ["type": "string"], "made_ms": milliseconds,
        ],
    ]

    static func document(_ replay: WebhookReplay) -> JSON {
        var members: JSONObject = ["id": .string(replay.id.description)]
        switch replay.wish {
        case .test: members["event"] = .string(replay.id.description)
        case .event(let id): members["event"] = .string(id.description)
        case .span(let from, let to, let kinds, let onlyMissing):
            members["from_ms"] = .integer(from.milliseconds)
            members["until_ms"] = .integer(to.milliseconds)
            members["types"] = .array(kinds.map { .string($0.rawValue) })
            members["only_missing"] = .bool(onlyMissing)
        }
        members["found"] = .integer(Int64(replay.found))
        members["is_over"] = .bool(replay.endedAt != nil)
        members["stopped_ms"] = replay.stoppedAt.map { .integer($0.milliseconds) }
        members["made_by"] = .string(replay.madeBy)
        members["made_ms"] = .integer(replay.madeAt.milliseconds)
        return .object(members)
    }
}
