import Addresses
import Cryptography
import Gateway
import OrderedJSON

/// The organization's API keys: list, create, update, rotate, revoke.
struct KeyActions: Sendable {
    let house: Administration

    var all: [Action] { [list, create, update, agree, rotate, revoke] }

    /// How many keys of an organization may be in force where its plan does not say: as many as one list shows.
    static let inForceMax = 100
    /// How many of them are read at most, those that ended too.
    static let readMax = 10_000

    /// Of a key: everything but the key.
    static let schema: JSON = [
        "type": "object", "required": ["id", "name", "prefix", "environment", "role", "is_in_force", "version"],
        "properties": [
            "id": ["type": "string"], "name": ["type": "string"],
            "prefix": ["type": "string", "description": "What may be shown of the key."],
            "environment": Arguments.environment, "role": Arguments.role,
            "scopes": ["type": "array", "items": ["type": "string"], "description": "Absent: all that the role has."],
            "owner": ["type": "string", "description": "The user who made it."],
            "tools": ["type": "array", "items": ["type": "string"], "description": "Absent: every tool."],
            "amount_max": ["type": "integer"],
            "is_agent": [
                "type": "boolean",
                "description": "As it is marked; absent: by MCP an agent calls with it, elsewhere a machine.",
            ],
            "accounts": ["type": "array", "items": ["type": "string"], "description": "Absent: every account."],
            "sources": ["type": "array", "items": ["type": "string"], "description": "Absent: any address."],
            "expires_at": ["type": "string"], "revoked_at": ["type": "string"],
            "last_used_at": ["type": "string", "description": "To the minute or so."],
            "previous_secret_until": [
                "type": "string", "description": "Until when the secret before the newest is good.",
            ],
            "is_in_force": ["type": "boolean"], "version": ["type": "integer"],
            "pending": pendingSchema,
        ],
    ]

    private static let secretSchema: JSON = [
        "type": "object", "required": ["key"],
        "properties": [
            "key": schema, "api_key": ["type": "string", "description": "Shown this once."],
        ],
    ]

    private static let scopes: JSON = [
        "type": "array", "maxItems": 64, "uniqueItems": true,
        "items": ["type": "string", "pattern": "^[a-z][a-z0-9_.:-]{0,63}$", "description": "Such as payments:write."],
        "description": "What it may do, such as payments:write; leave it out for all that its role has.",
    ]

    private static let days: JSON = [
        "type": "integer", "minimum": 1, "maximum": 3650, "description": "Days until it ends; left out, it does not.",
    ]

    private var list: Action {
        Action(
            Administration.rules("keys.list", "KEYS_LISTED", writes: false, takesAway: true),
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
            arguments: JSONObject(
                [
                    ("name", Arguments.name), ("environment", Arguments.environment), ("role", Arguments.role),
                    ("scopes", KeyActions.scopes), ("expires_in_days", KeyActions.days),
                ] + KeyActions.rules
            ),
            required: ["name", "environment"],
            output: .data(KeyActions.secretSchema),
            shownOnce: ["api_key"],
            target: "key/id"
        ) { [house] use throws(GatewayError) in
            let role = use.role() ?? .user
            try KeyActions.check(role, use)
            let rules = try KeyActions.rules(use, KeyRules())
            let (others, room) = try await house.keysBesideNew(use.membership)
            let environment = use.text("environment").flatMap(Environment.init(rawValue:)) ?? .test
            try await checkAccounts(rules, use, environment)
            var new = NewKey(name: use.text("name") ?? "", environment: environment, role: role)
            if case .user(let id) = use.principal.subject { new.owner = id }
            new.scopes = KeyActions.scopes(use)
            new.rules = rules
            new.expiresAt = use.arguments["expires_in_days"]?.integerValue
                .map { house.parts.entropy.now() + .seconds(86_400 * $0) }
            let (key, text) = try await house.make(new, of: use.principal.organization, within: room) { key, now in
                let policy = use.membership.organization.approvals
                key.settle(beside: others, by: use.principal.subjectText, at: now, policy: policy)
            }
            await tell(of: key, use)
            return secret(text, of: key)
        }
    }

    private func secret(_ text: Secret<String>, of key: APIKey) -> Action.Answer {
        .data(
            ["key": KeyActions.document(key, house.parts.entropy.now()), "api_key": .string(text.reveal())],
            message: "Keep it: it is shown this once."
        )
    }

    private var update: Action {
        Action(
            Administration.rules("keys.update", "KEY_UPDATED"),
            title: "Update a key",
            summary: """
                Changes what is given of a key and leaves the rest; null takes a rule away. What lets it do less holds at \
                once; what lets it do more is pending: it holds once another administrator agrees, or after 24 hours. With \
                preview nothing is changed, and the answer says what of that which waits would be withdrawn, or go on waiting.
                """,
            route: Route("PUT", "/admin/keys/{id}"),
            arguments: JSONObject(
                [
                    ("id", Arguments.id), ("name", Arguments.name), ("role", Arguments.role),
                    ("scopes", KeyActions.scopes),
                ] + KeyActions.rules + [("version", Arguments.version), ("preview", Arguments.preview)]
            ),
            output: .data(["anyOf": [KeyActions.schema, DraftLosses.narrowing]])
        ) { use throws(GatewayError) in
            let (name, role, scopes) = (use.text("name"), use.role(), KeyActions.scopes(use))
            if let role { try KeyActions.check(role, use) }
            // What is no address, and no account, is refused before anything is changed.
            let before = try await find(use)
            try await checkAccounts(try KeyActions.rules(use, KeyRules()), use, before.environment)
            let now = house.parts.entropy.now()
            let policy = use.membership.organization.approvals.rules(at: now)
            let isSaid = (["role", "scopes"] + KeyActions.rules.map(\.0)).contains { use.arguments[$0] != nil }
            let narrow = { @Sendable (key: inout APIKey) in
                if let name { key.name = name }
                key.reach(by: use.principal.subjectText, at: now, policy: policy, isSaid: isSaid) { reach in
                    if let role { reach.role = role }
                    if let scopes { reach.scopes = scopes }
                    // They were read above, whatever they change.
                    if let rules = try? KeyActions.rules(use, reach.rules) { reach.rules = rules }
                }
            }
            if use.flag("preview") ?? false {
                try KeyActions.check(before.role, use)
                let sight = Sight(use)
                var key = before
                if sight.meets(key.version) { narrow(&key) }
                try sight.check()
                return try await DraftLosses(house: house).preview(of: key.standing(at: now), use.membership)
            }
            let key = try await change(use, narrow)
            await tell(of: key, use)
            let isWaiting = key.pending(at: now) != nil
            return .data(
                KeyActions.document(key, now),
                message: isWaiting
                    ? "What lets the key do more waits for another administrator." : "The key was updated."
            )
        }
    }

    private var rotate: Action {
        Action(
            Administration.rules("keys.rotate", "KEY_ROTATED"),
            title: "Change a key's secret",
            summary: """
                A new secret of the same key, shown this once: its limits, its own data and what repeats of its payments \
                mean go on. The old one is good for overlap_minutes more, at most a day; one before it ends at once.
                """,
            route: Route("POST", "/admin/keys/{id}/rotate", status: 201),
            arguments: [
                "id": Arguments.id, "version": Arguments.version,
                "overlap_minutes": [
                    "type": "integer", "minimum": 0, "maximum": 1440, "description": "60 unless said.",
                ],
            ],
            output: .data(KeyActions.secretSchema),
            shownOnce: ["api_key"],
            target: "key/id"
        ) { use throws(GatewayError) in
            let now = house.parts.entropy.now()
            let overlap = use.arguments["overlap_minutes"]?.integerValue ?? 60
            let before = try await find(use)
            guard before.isInForce(at: now) else {
                throw GatewayError(.conflict, "The key is revoked or has expired. Make another one.")
            }
            let reader = try KeyActions.reader(of: before, use)
            let text = APIKeyText(
                environment: before.environment,
                organization: before.organization,
                id: before.id,
                secret: SecureRandom.bytes(20)
            )
            let key = try await change(use) { key in
                guard key.isInForce(at: now) else { return }
                let until = now + .seconds(60 * overlap)
                key.previous = overlap > 0 ? APIKey.PreviousSecret(hash: key.hash, until: until) : nil
                key.hash = text.hash
                // Whoever sees the secret approves nothing that it asks for.
                if let reader, !key.knownTo.contains(reader) { key.knownTo.append(reader) }
            }
            guard key.hash == text.hash else { throw GatewayError(.conflict, "The key was revoked meanwhile.") }
            return secret(text.text, of: key)
        }
    }

    private var revoke: Action {
        Action(
            Administration.rules("keys.revoke", "KEY_REVOKED", takesAway: true),
            title: "Revoke a key",
            summary: """
                It is refused from now on, for good, and what it asked for that waits is withdrawn. With preview nothing is \
                changed, and the answer says which payments and batches that would be.
                """,
            route: Route("DELETE", "/admin/keys/{id}"),
            arguments: ["id": Arguments.id, "preview": Arguments.preview],
            output: .data(["anyOf": [KeyActions.schema, DraftLosses.preview]])
        ) { use throws(GatewayError) in
            if use.flag("preview") ?? false {
                let key = try await find(use)
                try KeyActions.check(key.role, use)
                return try await DraftLosses(house: house).preview(of: "key:\(key.id)", in: key.organization)
            }
            let now = house.parts.entropy.now()
            let key = try await change(use) { key in key.revokedAt = key.revokedAt ?? now }
            return .data(KeyActions.document(key, now), message: "The key was revoked.")
        }
    }

    func find(_ use: Action.Use) async throws(GatewayError) -> APIKey {
        guard let id = APIKeyID(use.text("id") ?? ""),
            let key = try await house.directory.apiKey(id, organization: use.principal.organization)
        else { throw KeyActions.missing }
        return key
    }

    static let missing = GatewayError(.notFound, "There is no key with this id.")

    /// Changes a key that the caller may change, as it was when they saw it.
    func change(
        _ use: Action.Use,
        _ change: @escaping @Sendable (inout APIKey) -> Void
    ) async throws(GatewayError) -> APIKey {
        let before = try await find(use)
        try KeyActions.check(before.role, use)
        let sight = Sight(use)
        let changed = try await house.directory.change(before.id, organization: before.organization) { key in
            if sight.meets(key.version) { change(&key) }
        }
        house.forget()
        try sight.check()
        guard let changed else { throw KeyActions.missing }
        return changed
    }

    /// A key may do no more than whoever makes or changes it.
    static func check(_ role: Role, _ use: Action.Use) throws(GatewayError) {
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
        let key = key.standing(at: now)
        let texts = { (list: [String]) in JSON.array(list.map { .string($0) }) }
        var document: JSONObject = [
            "id": .string(key.id.description), "name": .string(key.name), "prefix": .string(key.prefix),
            "environment": .string(key.environment.rawValue), "role": .string(key.role.rawValue),
        ]
        document["scopes"] = key.scopes.map { texts($0.sorted()) }
        document["owner"] = key.owner.map { .string($0.description) }
        KeyActions.show(key.rules, in: &document)
        document["pending"] = key.pending.map { KeyActions.document($0) }
        document["expires_at"] = key.expiresAt.map { .string($0.description) }
        document["revoked_at"] = key.revokedAt.map { .string($0.description) }
        document["last_used_at"] = key.lastUsedAt.map { .string($0.description) }
        if let previous = key.previous, now < previous.until {
            document["previous_secret_until"] = .string(previous.until.description)
        }
        document["is_in_force"] = .bool(key.isInForce(at: now))
        document["version"] = .integer(Int64(key.version))
        return .object(document)
    }
}

/// A key to be made.
struct NewKey {
    let name: String
    let environment: Environment
    let role: Role
    var owner: UserID?
    var scopes: Set<String>?
    var rules = KeyRules()
    var expiresAt: Timestamp?

    init(name: String, environment: Environment, role: Role) {
        self.name = name
        self.environment = environment
        self.role = role
    }
}

extension APIKeyText {
    /// What the store keeps of it.
    fileprivate var hash: [UInt8] { SHA256.digest(Array(text.reveal().utf8)).bytes }
}

extension Administration {
    /// Refuses another key where the plan has no room for it, or a list could not show it.
    ///
    /// - Returns: All of the organization's keys, and what room there is, for the commit that makes one.
    func keysBesideNew(
        _ membership: DirectoryCache.Membership
    ) async throws(GatewayError) -> (others: [APIKey], room: APIKey.Room) {
        let keys = try await directory.apiKeys(organization: membership.organization.id, limit: KeyActions.readMax)
        let now = parts.entropy.now()
        let most = min(membership.ceilings.keysMax ?? KeyActions.inForceMax, KeyActions.inForceMax)
        guard keys.count < KeyActions.readMax, keys.count(where: { $0.isInForce(at: now) }) < most
        else { throw APIKey.tooMany(most) }
        return (keys, APIKey.Room(most: most, now: now))
    }

    /// Makes a key and its text, which is shown once and kept nowhere.
    func make(
        _ new: NewKey,
        of organization: OrganizationID,
        within room: APIKey.Room,
        settle: (inout APIKey, Timestamp) -> Void
    ) async throws(GatewayError) -> (APIKey, Secret<String>) {
        let text = APIKeyText(
            environment: new.environment,
            organization: organization,
            id: APIKeyID(parts.entropy.identifier()),
            secret: SecureRandom.bytes(20)
        )
        var key = APIKey(
            id: text.id,
            organization: organization,
            owner: new.owner,
            name: new.name,
            prefix: text.prefix,
            hash: text.hash,
            environment: new.environment,
            role: new.role,
            scopes: new.scopes,
            rules: new.rules,
            expiresAt: new.expiresAt
        )
        settle(&key, parts.entropy.now())
        try await directory.save(key, within: room)
        return (key, text.text)
    }
}
