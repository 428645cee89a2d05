import Cryptography
import Gateway
import OrderedJSON

/// The organization's API keys: list, create, update, revoke.
struct KeyActions: Sendable {
    let house: Administration

    var all: [Action] { [list, create, update, revoke] }

    /// How many keys of an organization may be in force: as many as one list shows.
    static let inForceMax = 100
    /// How many of them are read at most, those that ended too.
    static let readMax = 10_000

    /// Of a key: everything but the key.
    static let schema: JSON = [
        "type": "object", "required": ["id", "name", "prefix", "environment", "role", "is_in_force"],
        "properties": [
            "id": ["type": "string"], "name": ["type": "string"],
            "prefix": ["type": "string", "description": "What may be shown of the key."],
            "environment": Arguments.environment, "role": Arguments.role,
            "scopes": ["type": "array", "items": ["type": "string"], "description": "Absent: all that the role has."],
            "expires_at": ["type": "string"], "revoked_at": ["type": "string"], "is_in_force": ["type": "boolean"],
        ],
    ]

    private static let scopes: JSON = [
        "type": "array", "maxItems": 64, "uniqueItems": true,
        "items": ["type": "string", "pattern": "^[a-z][a-z0-9_.:-]{0,63}$"],
        "description": "What it may do, such as payments:write; leave it out for all that its role has.",
    ]

    private static let days: JSON = [
        "type": "integer", "minimum": 1, "maximum": 3650, "description": "Days until it ends; left out, it does not.",
    ]

    private var list: Action {
        Action(
            Administration.rules("keys.list", "KEYS_LISTED", writes: false),
            title: "List keys",
            summary:
                "The organization's API keys: those in force, then those that ended, newest first; never a key itself.",
            route: Route("GET", "/admin/keys"),
            arguments: ["limit": Arguments.limit],
            output: .data(["type": "array", "items": KeyActions.schema])
        ) { [house] use throws(GatewayError) in
            let now = house.parts.entropy.now()
            let keys = try await house.directory.apiKeys(
                organization: use.principal.organization,
                limit: KeyActions.readMax
            )
            // However many were made and revoked since, what is in force is seen.
            let shown = keys.filter { $0.isInForce(at: now) } + keys.filter { !$0.isInForce(at: now) }
            return .data(.array(shown.prefix(use.limit).map { KeyActions.document($0, now) }))
        }
    }

    private var create: Action {
        Action(
            Administration.rules("keys.create", "KEY_CREATED"),
            title: "Create a key",
            summary: "An API key, shown this once. It acts in one environment, with at most its maker's role.",
            route: Route("POST", "/admin/keys", status: 201),
            arguments: [
                "name": Arguments.name, "environment": Arguments.environment, "role": Arguments.role,
                "scopes": KeyActions.scopes, "expires_in_days": KeyActions.days,
            ],
            required: ["name", "environment"],
            output: .data([
                "type": "object", "required": ["key"],
                "properties": [
                    "key": KeyActions.schema, "api_key": ["type": "string", "description": "Shown this once."],
                ],
            ]),
            shownOnce: ["api_key"],
            target: "key/id"
        ) { [house] use throws(GatewayError) in
            let role = use.role() ?? .user
            try KeyActions.check(role, use)
            try await house.checkRoomForKey(use.principal.organization)
            let (key, text) = try await house.makeKey(
                named: use.text("name") ?? "",
                of: use.principal.organization,
                environment: use.text("environment").flatMap(Environment.init(rawValue:)) ?? .test,
                role: role,
                scopes: KeyActions.scopes(use),
                expiresAt: use.arguments["expires_in_days"]?.integerValue
                    .map { house.parts.entropy.now() + .seconds(86_400 * $0) }
            )
            let document = KeyActions.document(key, house.parts.entropy.now())
            return .data(
                ["key": document, "api_key": .string(text.reveal())],
                message: "Keep it: it is shown this once."
            )
        }
    }

    private var update: Action {
        Action(
            Administration.rules("keys.update", "KEY_UPDATED"),
            title: "Update a key",
            summary: "Changes name, role or scopes of a key that is in force; what is left out stays.",
            route: Route("PUT", "/admin/keys/{id}"),
            arguments: [
                "id": Arguments.id, "name": Arguments.name, "role": Arguments.role, "scopes": KeyActions.scopes,
            ],
            output: .data(KeyActions.schema)
        ) { use throws(GatewayError) in
            let (name, role, scopes) = (use.text("name"), use.role(), KeyActions.scopes(use))
            if let role { try KeyActions.check(role, use) }
            return try await change(use, message: "The key was updated.") { key in
                if let name { key.name = name }
                if let role { key.role = role }
                if let scopes { key.scopes = scopes }
            }
        }
    }

    private var revoke: Action {
        Action(
            Administration.rules("keys.revoke", "KEY_REVOKED"),
            title: "Revoke a key",
            summary: "It is refused from now on, for good.",
            route: Route("DELETE", "/admin/keys/{id}"),
            arguments: ["id": Arguments.id],
            output: .data(KeyActions.schema)
        ) { [house] use throws(GatewayError) in
            let now = house.parts.entropy.now()
            return try await change(use, message: "The key was revoked.") { key in
                key.revokedAt = key.revokedAt ?? now
            }
        }
    }

    private func change(
        _ use: Action.Use,
        message: String,
        _ change: @escaping @Sendable (inout APIKey) -> Void
    ) async throws(GatewayError) -> Action.Answer {
        let missing = GatewayError(.notFound, "There is no key with this id.")
        let organization = use.principal.organization
        guard let id = APIKeyID(use.text("id") ?? ""),
            let before = try await house.directory.apiKey(id, organization: organization)
        else { throw missing }
        try KeyActions.check(before.role, use)
        guard let key = try await house.directory.change(id, organization: organization, change) else { throw missing }
        house.forget()
        return .data(KeyActions.document(key, house.parts.entropy.now()), message: message)
    }

    /// A key may do no more than whoever makes or changes it.
    private static func check(_ role: Role, _ use: Action.Use) throws(GatewayError) {
        guard role <= use.principal.role, role != .superAdmin else {
            throw GatewayError(
                .permissionDenied,
                "A \(use.principal.role.rawValue) cannot give a key the role \(role.rawValue)."
            )
        }
    }

    private static func scopes(_ use: Action.Use) -> Set<String>? {
        use.arguments["scopes"]?.arrayValue.map { Set($0.compactMap(\.stringValue)) }
    }

    static func document(_ key: APIKey, _ now: Timestamp) -> JSON {
        var document: JSONObject = [
            "id": .string(key.id.description), "name": .string(key.name), "prefix": .string(key.prefix),
            "environment": .string(key.environment.rawValue), "role": .string(key.role.rawValue),
        ]
        document["scopes"] = key.scopes.map { .array($0.sorted().map { .string($0) }) }
        document["expires_at"] = key.expiresAt.map { .string($0.description) }
        document["revoked_at"] = key.revokedAt.map { .string($0.description) }
        document["is_in_force"] = .bool(key.isInForce(at: now))
        return .object(document)
    }
}

extension Administration {
    /// Refuses another key where a list could not show it.
    func checkRoomForKey(_ organization: OrganizationID) async throws(GatewayError) {
        let keys = try await directory.apiKeys(organization: organization, limit: KeyActions.readMax)
        let now = parts.entropy.now()
        guard keys.count < KeyActions.readMax, keys.count(where: { $0.isInForce(at: now) }) < KeyActions.inForceMax
        else {
            throw GatewayError(
                .limitExceeded,
                "An organization has at most \(KeyActions.inForceMax) keys in force. Revoke one that is not used."
            )
        }
    }

    /// Makes a key and its text, which is shown once and kept nowhere.
    package func makeKey(
        named name: String,
        of organization: OrganizationID,
        environment: Environment,
        role: Role,
        scopes: Set<String>? = nil,
        expiresAt: Timestamp? = nil
    ) async throws(GatewayError) -> (APIKey, Secret<String>) {
        let text = APIKeyText(
            environment: environment,
            organization: organization,
            id: APIKeyID(parts.entropy.identifier()),
            secret: SecureRandom.bytes(20)
        )
        let key = APIKey(
            id: text.id,
            organization: organization,
            name: name,
            prefix: text.prefix,
            hash: SHA256.digest(Array(text.text.reveal().utf8)).bytes,
            environment: environment,
            role: role,
            scopes: scopes,
            expiresAt: expiresAt
        )
        try await directory.save(key)
        return (key, text.text)
    }
}
