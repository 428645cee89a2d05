import Gateway
import OrderedJSON

/// What lets a key do more than before: it waits for another administrator, or for a day, as looser rules do.
extension KeyActions {
    static let pendingSchema: JSON = [
        "type": "object", "required": ["role", "by", "from_ms"],
        "description": "What it may do later: once another administrator agrees (keys.agree), or from that moment on.",
        "properties": [
            "role": Arguments.role, "scopes": ["type": "array", "items": ["type": "string"]],
            "tools": ["type": "array", "items": ["type": "string"]], "amount_max": ["type": "integer"],
            "is_agent": ["type": "boolean"], "accounts": ["type": "array", "items": ["type": "string"]],
            "sources": ["type": "array", "items": ["type": "string"]],
            "by": ["type": "string", "description": "Who said so."],
            "from_ms": ["type": "integer", "description": "When it holds, whoever agrees or not."],
        ],
    ]

    static func document(_ pending: APIKey.Pending) -> JSON {
        var document: JSONObject = [
            "role": .string(pending.reach.role.rawValue), "by": .string(pending.by),
            "from_ms": .integer(pending.from.milliseconds),
        ]
        document["scopes"] = pending.reach.scopes.map { .array($0.sorted().map { .string($0) }) }
        show(pending.reach.rules, in: &document)
        return .object(document)
    }

    static func show(_ rules: KeyRules, in document: inout JSONObject) {
        document["tools"] = rules.tools.map { .array($0.sorted().map { .string($0) }) }
        document["amount_max"] = rules.amountMax.map { .integer($0.amount) }
        document["is_agent"] = rules.isAgent.map { .bool($0) }
        if !rules.sources.isEmpty {
            document["sources"] = .array(rules.sources.map { .string($0.description) })
        }
        document["accounts"] = rules.accounts.map { .array($0.sorted().map { .string($0.description) }) }
    }

    var agree: Action {
        Action(
            Administration.rules("keys.agree", "KEY_AGREED"),
            title: "Agree to what a key is to do",
            summary: """
                Lets hold at once what another administrator has set of a key and lets it do more. Needs a second factor. To \
                refuse it, update the key.
                """,
            route: Route("POST", "/admin/keys/{id}/agree"),
            arguments: ["id": Arguments.id],
            output: .data(KeyActions.schema)
        ) { [house] use throws(GatewayError) in
            let now = house.parts.entropy.now()
            let before = try await find(use)
            guard let pending = before.pending(at: now) else { throw KeyActions.nothingPending }
            guard pending.by != use.principal.subjectText else {
                throw GatewayError(.permissionDenied, "You set this yourself: another administrator must agree.")
            }
            try await house.directory.checkMayAgree(use.principal, at: now)
            try await house.directory.checkAreApart(
                pending.by,
                use.principal.subjectText,
                of: use.principal.organization,
                at: now
            )
            // What was seen, and nothing that was set since.
            let key = try await change(use) { $0.agree(to: pending) }
            guard key.pending == nil, key.reach(at: now) == pending.reach else { throw KeyActions.nothingPending }
            return .data(KeyActions.document(key, now), message: "It holds.")
        }
    }

    private static let nothingPending = GatewayError(
        .conflict,
        "Nothing of this key is pending, or it is something else by now."
    )

    /// Everybody who may approve is told of what a key is to do, where that is more.
    func tell(of key: APIKey, _ use: Action.Use) async {
        guard let pending = key.pending(at: house.parts.entropy.now()) else { return }
        await house.parts.approvalLetters?.tellOfKey(key, pending, of: use.membership.organization)
    }

    /// Whoever sees a secret of a key that is not theirs; nil for its owner.
    static func reader(of key: APIKey, _ use: Action.Use) throws(GatewayError) -> UserID? {
        guard case .user(let id) = use.principal.subject, key.owner != id else { return nil }
        guard key.knownTo.contains(id) || key.knownTo.count < APIKey.knownToMax else {
            throw GatewayError(.conflict, "Too many people have seen a secret of this key. Make another one.")
        }
        return id
    }
}
