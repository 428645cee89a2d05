import OrderedJSON

/// What programs that decide for themselves may move alone: shown, set, agreed to and taken back in one place.
extension ApprovalActions {
    var mandateActions: [Action] { [listMandates, setMandate, agreeToMandate, revokeMandate] }

    private static let key: JSON = ["type": "string", "maxLength": 64, "description": "The key's id."]

    // MARK: Seeing

    private var listMandates: Action {
        Action(
            ActionRules(
                "mandates.list",
                auditAction: "MANDATES_LISTED",
                role: .manager,
                scopes: ["transactions:read"],
                isOpenWhenSuspended: true
            ),
            title: "List mandates",
            summary: """
                What each agent's key may move alone: by which tools, how much a call and a day, to whom, in which hours, what \
                for and until when; how it stands, and what has been counted today. POST /payment-stops with agents stops all \
                of them at once.
                """,
            route: Route("GET", "/mandates"),
            output: .data(["type": "array", "items": Self.mandateSchema])
        ) { use throws(GatewayError) in
            let policy = use.membership.organization.approvals
            var documents: [JSON] = []
            for mandate in policy.mandates {
                documents.append(try await document(mandate, policy, of: use.principal.organization))
            }
            return .data(JSON.array(documents))
        }
    }

    // MARK: Changing

    private static func rules(_ name: String, _ audit: String) -> ActionRules {
        ActionRules(name, auditAction: audit, role: .orgAdmin, isPersonal: true)
    }

    private var setMandate: Action {
        Action(
            Self.rules("mandates.set", "MANDATE_SET"),
            title: "Set a mandate",
            summary: """
                Lets an agent's key pay out and give back within bounds that no rule asks a person about; what is past them is \
                refused. What permits no more than before holds at once. A new one, or one that permits more, is pending: it \
                holds once another administrator agrees, or after 24 hours, and everybody who may approve is told by mail.
                """,
            route: Route("PUT", "/mandates/{id}"),
            arguments: Self.termsSchema.set("id", Self.key),
            required: ["purpose", "tools", "call_max", "day_max", "until_ms"],
            output: .data(Self.mandateSchema)
        ) { use throws(GatewayError) in
            let key = try await findKey(use)
            let now = entropy.now()
            guard key.revokedAt == nil else { throw GatewayError(.conflict, "This key has been revoked.") }
            let terms = Mandate.Terms(use.arguments)
            guard terms.until > now, terms.until <= now + Mandate.longest else {
                throw GatewayError.wrong("until_ms", "expected a moment of the next 366 days.")
            }
            guard terms.hours.map({ !$0.isEmpty }) ?? true else {
                throw GatewayError.wrong("until_hour", "expected a later hour than from_hour.")
            }
            try await checkRoom(for: key.id, use)
            let changed = try await change(use) { policy in
                policy.set(terms, for: key.id, by: use.principal.subjectText, at: entropy.now())
                return true
            }
            guard let mandate = changed.approvals.mandate(of: "key:\(key.id)") else { throw Self.noMandate }
            if let pending = mandate.pending { await letters?.tellOfMandate(key, pending, of: changed) }
            return .data(
                try await document(mandate, changed.approvals, of: changed.id),
                message: mandate.pending == nil ? "The mandate holds." : "The mandate waits for another administrator."
            )
        }
    }

    private var agreeToMandate: Action {
        Action(
            Self.rules("mandates.agree", "MANDATE_AGREED"),
            title: "Agree to a mandate",
            summary: """
                Lets a mandate hold at once that another administrator has set. Needs a second factor. To refuse it, set \
                another or revoke it.
                """,
            route: Route("POST", "/mandates/{id}/agree"),
            arguments: ["id": Self.key],
            output: .data(Self.mandateSchema)
        ) { use throws(GatewayError) in
            let subject = "key:\(try await findKey(use).id)"
            let seen = use.membership.organization.approvals.mandate(of: subject)?.standing(at: entropy.now())
            guard let pending = seen?.pending else { throw Self.nothingPending }
            guard pending.by != use.principal.subjectText else {
                throw GatewayError(.permissionDenied, "You set this yourself: another administrator must agree.")
            }
            try await checkMayAgree(use)
            try await checkAreApart(use, pending.by)
            let changed = try await change(use) { policy in
                // What was seen, and nothing that was set since.
                guard let index = policy.mandates.firstIndex(where: { $0.subject == subject }),
                    policy.mandates[index].pending == pending
                else { return false }
                policy.mandates[index].agree()
                return true
            }
            guard let mandate = changed.approvals.mandate(of: subject), mandate.pending == nil,
                mandate.terms == pending.terms
            else { throw Self.nothingPending }
            return .data(try await document(mandate, changed.approvals, of: changed.id), message: "The mandate holds.")
        }
    }

    private var revokeMandate: Action {
        Action(
            ActionRules(
                "mandates.revoke",
                auditAction: "MANDATE_REVOKED",
                role: .manager,
                isPersonal: true,
                isOpenWhenSuspended: true
            ),
            title: "Revoke a mandate",
            summary: """
                Its key moves no money from now on, by any tool, until another mandate of it holds; what has left goes on. A \
                mandate that was only pending is forgotten.
                """,
            route: Route("DELETE", "/mandates/{id}"),
            arguments: ["id": Self.key],
            output: .data(Self.mandateSchema)
        ) { use throws(GatewayError) in
            guard let id = APIKeyID(use.text("id") ?? ""),
                let seen = use.membership.organization.approvals.mandate(of: "key:\(id)")
            else { throw Self.noMandate }
            let who = use.principal.subjectText
            let changed = try await change(use) { policy in
                policy.revoke(id, by: who, at: entropy.now())
                return true
            }
            let mandate = changed.approvals.mandate(of: seen.subject)
            guard mandate?.revokedBy != nil || mandate == nil else {
                throw GatewayError(.conflict, "It was set anew meanwhile. Look at it again.")
            }
            return .data(
                try await document(mandate ?? seen, changed.approvals, of: changed.id),
                message: mandate == nil ? "Forgotten." : "Revoked."
            )
        }
    }

    private static let noMandate = GatewayError(.notFound, "This key has no mandate.")
    private static let nothingPending = GatewayError(
        .conflict,
        "Nothing of this mandate is pending, or it is another by now."
    )

    private func findKey(_ use: Action.Use) async throws(GatewayError) -> APIKey {
        guard let id = APIKeyID(use.text("id") ?? ""),
            let key = try await directory.apiKey(id, organization: use.principal.organization)
        else { throw GatewayError(.notFound, "There is no key with this id.") }
        return key
    }

    /// Makes room for one more mandate by forgetting those of keys that are gone.
    private func checkRoom(for key: APIKeyID, _ use: Action.Use) async throws(GatewayError) {
        let mandates = use.membership.organization.approvals.mandates
        guard mandates.count >= Mandate.countMax, !mandates.contains(where: { $0.key == key }) else { return }
        var gone: Set<APIKeyID> = []
        for mandate in mandates {
            let found = try await directory.apiKey(mandate.key, organization: use.principal.organization)
            if found.map({ $0.revokedAt != nil }) ?? true { gone.insert(mandate.key) }
        }
        guard !gone.isEmpty else {
            throw GatewayError(.limitExceeded, "More than \(Mandate.countMax) keys would have mandates.")
        }
        let dropped = gone
        _ = try await change(use) { policy in
            policy.mandates.removeAll { dropped.contains($0.key) }
            return true
        }
    }

    // MARK: Showing

    /// How it stands, with what its key has moved today.
    private func document(
        _ mandate: Mandate,
        _ policy: ApprovalPolicy,
        of organization: OrganizationID
    ) async throws(GatewayError) -> JSON {
        let now = entropy.now()
        let mandate = mandate.standing(at: now)
        let key = try await directory.apiKey(mandate.key, organization: organization)
        var document: JSONObject = ["key": .string("\(mandate.key)")]
        document["name"] = key.map { .string($0.name) }
        for (name, value) in mandate.terms?.json ?? [:] { document[name] = value }
        let isGone = key.map { $0.revokedAt != nil } ?? true
        let stops = [PaymentStop.all, .agents, .key(mandate.key)].filter { policy.stops.contains($0) }
        document["stopped_by"] = stops.isEmpty ? nil : .array(stops.map { .string($0.text) })
        document["state"] =
            mandate.revokedBy != nil || isGone
            ? "revoked"
            : mandate.terms.map { $0.until <= now ? "ended" : stops.isEmpty ? "in_force" : "stopped" } ?? "pending"
        document["revoked_by"] = mandate.revokedBy.map { .string($0) }
        if let pending = mandate.pending {
            var later = pending.terms.json
            (later["by"], later["from_ms"]) = (.string(pending.by), .integer(pending.from.milliseconds))
            document["pending"] = .object(later)
        }
        if let environment = key?.environment, let limit = mandate.limit(at: now) {
            let place = limit.place(of: organization, in: environment, at: now)
            let moved = try await records.moved(at: place)
            document["today"] = ["calls": .integer(moved.calls), "amount": .integer(moved.amount)]
        }
        return .object(document)
    }

    private static let termsSchema: JSONObject = [
        "purpose": ["type": "string", "minLength": 1, "maxLength": 200, "description": "What it is for."],
        "tools": [
            "type": "array", "items": ["type": "string", "maxLength": 64], "minItems": 1,
            "maxItems": .integer(Int64(ApprovalRule.toolsMax)),
            "description": "The only tools that move money with it.",
        ],
        "call_max": [
            "type": "integer", "minimum": 1, "maximum": 1_000_000_000,
            "description": "How many shillings one call may pay out or give back.",
        ],
        "day_max": [
            "type": "integer", "minimum": 1, "maximum": 1_000_000_000_000,
            "description": "How many shillings a day, in Nairobi.",
        ],
        "receivers": [
            "type": "array", "items": ["type": "string", "maxLength": 64],
            "maxItems": .integer(Int64(MoneyLimit.receiversMax)),
            "description": "The only receivers, as 2547XXXXXXXX or a short code; any if left out.",
        ],
        "from_hour": [
            "type": "integer", "minimum": 0, "maximum": 23, "description": "From which hour on, in Nairobi.",
        ],
        "until_hour": [
            "type": "integer", "minimum": 1, "maximum": 24, "description": "Up to which hour; 24 unless said.",
        ],
        "until_ms": ["type": "integer", "minimum": 0, "description": "When it ends."],
    ]

    private static let mandateSchema: JSON = [
        "type": "object", "required": ["key", "state"],
        "properties": .object(
            termsSchema.set("key", ["type": "string", "description": "The key's id."])
                .set("name", ["type": "string", "description": "The key's name."])
                .set(
                    "state",
                    [
                        "enum": ["pending", "in_force", "stopped", "ended", "revoked"],
                        "description": "pending until its first terms hold; stopped by a payment stop.",
                    ]
                )
                .set("stopped_by", ["type": "array", "items": ["type": "string"]])
                .set("revoked_by", ["type": "string"])
                .set(
                    "today",
                    [
                        "type": "object", "required": ["calls", "amount"],
                        "properties": ["calls": ["type": "integer"], "amount": ["type": "integer"]],
                    ]
                )
                .set(
                    "pending",
                    [
                        "type": "object", "required": ["by", "from_ms"],
                        "properties": .object(
                            termsSchema.set("by", ["type": "string"])
                                .set(
                                    "from_ms",
                                    ["type": "integer", "description": "When it holds, whoever agrees or not."]
                                )
                        ),
                    ]
                )
        ),
    ]
}

extension JSONObject {
    /// With one member more, or another.
    fileprivate func set(_ name: String, _ value: JSON) -> JSONObject {
        var object = self
        object[name] = value
        return object
    }
}
