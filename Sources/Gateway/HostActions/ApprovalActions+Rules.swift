import OrderedJSON

/// The rules by which calls wait, as the organization's administrators set them, and who may let money leave.
extension ApprovalActions {
    var rulesActions: [Action] { [showRules, setRules, agree, vouch] }

    /// How many drafts a change of rules looks at, at once; of what is left each is looked at when somebody decides about it.
    private static let voidedMax = 1_000

    private var showRules: Action {
        Action(
            ActionRules(
                "approvals.rules",
                auditAction: "APPROVAL_RULES_SHOWN",
                role: .manager,
                scopes: ["transactions:read"],
                isOpenWhenSuspended: true
            ),
            title: "Show what must wait for people",
            summary: """
                The organization's rules, in their order: the first that matches a call decides. Where none does, everything \
                is sent, but what programs that decide for themselves pay out or give back. pending are rules that hold later; \
                stops is what is stopped altogether.
                """,
            route: Route("GET", "/approval-rules"),
            output: .data(Self.rulesSchema)
        ) { use throws(GatewayError) in
            .data(document(use.membership.organization))
        }
    }

    private static func changing(_ name: String, _ audit: String) -> ActionRules {
        ActionRules(name, auditAction: audit, role: .orgAdmin, isPersonal: true)
    }

    private var setRules: Action {
        Action(
            Self.changing("approvals.set_rules", "APPROVAL_RULES_SET"),
            title: "Set what must wait for people",
            summary: """
                Puts these rules in the place of all there were. Where they ask for at least as much, they hold at once, and \
                what waits by a rule that is gone or asks for more is withdrawn. Where they ask for less in any case, they \
                are pending: they hold once another administrator agrees, or after 24 hours, and everybody who may approve \
                is told by mail.
                """,
            route: Route("PUT", "/approval-rules"),
            arguments: [
                "rules": [
                    "type": "array", "maxItems": .integer(Int64(ApprovalRule.rulesMax)), "items": Self.ruleSchema,
                ],
                "limits": [
                    "type": "array", "maxItems": .integer(Int64(MoneyLimit.countMax)), "items": Self.limitSchema,
                    "description": "How much may move; what there was stays where it is left out.",
                ],
                "version": ["type": "integer", "minimum": 1, "description": "The one that was seen, as shown."],
            ],
            required: ["rules"],
            output: .data(Self.rulesSchema)
        ) { use throws(GatewayError) in
            let rules = (use.arguments["rules"]?.arrayValue ?? []).map { ApprovalRule($0) }
            let limits = use.arguments["limits"]?.arrayValue.map { $0.map { MoneyLimit($0) } }
            try await checkPeople(of: rules, use)
            let changed = try await change(use) { policy in
                _ = policy.set(rules, limits, by: use.principal.subjectText, at: entropy.now())
                return true
            }
            if let pending = changed.approvals.pending {
                await letters?.tellOfRules(changed, pending)
            } else {
                try await voidChanged(changed)
            }
            return .data(
                document(changed),
                message: (changed.approvals.pending == nil
                    ? "The rules hold." : "The rules wait for another administrator.") + batchesLeftOut(of: rules)
            )
        }
    }

    /// Which tools rules name, where none of them, and none for every payment, is about batches of the same; empty where there is
    /// none.
    private func batchesLeftOut(of rules: [ApprovalRule]) -> String {
        var words = ""
        let named = rules.reduce(into: Set<String>()) { $0.formUnion($1.tools) }
        guard !rules.contains(where: \.isAboutEveryPayout) else { return words }
        for maker in drafts.calls.registry.snapshot.sorted
        where maker.tool.items != nil && !named.contains(maker.tool.name) {
            let single = maker.plugin.tools.first { tool in
                tool.items == nil && tool.kind == maker.tool.kind && named.contains(tool.name)
            }
            guard let single else { continue }
            words += " \(single.name) is named and \(maker.tool.name) is not: they ask nothing of its batches."
        }
        return words
    }

    private var agree: Action {
        Action(
            Self.changing("approvals.agree", "APPROVAL_RULES_AGREED"),
            title: "Agree to pending rules",
            summary: """
                Lets rules hold that another administrator has set and that ask for less. Needs a second factor. To refuse \
                them, set others.
                """,
            route: Route("POST", "/approval-rules/agree"),
            output: .data(Self.rulesSchema)
        ) { use throws(GatewayError) in
            guard let pending = use.membership.organization.approvals.pending else { throw Self.nothingPending }
            guard pending.by != use.principal.subjectText else {
                throw GatewayError(.permissionDenied, "You set these rules yourself: another administrator must agree.")
            }
            try await checkMayAgree(use)
            try await checkAreApart(use, pending.by)
            let changed = try await change(use) { policy in
                // What was seen, and nothing that was set since.
                guard policy.pending == pending else { return false }
                policy.agree(at: entropy.now())
                return true
            }
            guard changed.approvals.pending == nil, changed.approvals.rules == pending.rules,
                changed.approvals.limits == pending.limits
            else {
                throw Self.nothingPending
            }
            try await voidChanged(changed)
            return .data(document(changed), message: "The rules hold.")
        }
    }

    private static let nothingPending = GatewayError(.conflict, "No rules are pending, or they are others by now.")

    private var vouch: Action {
        Action(
            Self.changing("approvals.vouch", "APPROVER_VOUCHED_FOR"),
            title: "Let somebody approve at once",
            summary: """
                Somebody who was made a user, given a higher role or another way in lets no money leave for 24 hours, unless \
                an administrator agrees who did not make them so. Needs a second factor.
                """,
            route: Route("POST", "/approvers/{id}"),
            arguments: ["id": ["type": "string", "maxLength": 64, "description": "The user's."]],
            output: .data(DirectoryDocuments.userSchema)
        ) { use throws(GatewayError) in
            let missing = GatewayError(.notFound, "There is no user with this id.")
            let organization = use.principal.organization
            guard let id = UserID(use.text("id") ?? ""),
                let user = try await directory.user(id, organization: organization)
            else { throw missing }
            let isOwn = use.principal.subjectText == "user:\(id)" || user.settling?.by == use.principal.subjectText
            guard !isOwn else {
                throw GatewayError(.permissionDenied, "You are this person, or made them so: another must agree.")
            }
            try await checkMayAgree(use)
            try await checkAreApart(use, user.settling?.by ?? "host")
            let changed = try await directory.change(id, organization: organization) { now in
                if now.settling == user.settling { now.settling = nil }
            }
            cache.forget()
            guard let changed, changed.settling == nil else {
                throw GatewayError(.conflict, "The user was changed meanwhile. Look at them again.")
            }
            return .data(DirectoryDocuments.document(changed))
        }
    }

    // MARK: Changing

    /// How often a change is made anew because the organization has changed meanwhile.
    private static let attemptsMax = 8

    /// Changes the organization's policy where it is the version that was seen.
    ///
    /// What it is to be is found out before the store's writer is asked, which serves others meanwhile: it writes where the
    /// organization is the same still.
    func change(
        _ use: Action.Use,
        _ change: @Sendable (inout ApprovalPolicy) -> Bool
    ) async throws(GatewayError) -> Organization {
        let seen = use.arguments["version"]?.integerValue.map(Int.init)
        for _ in 0..<Self.attemptsMax {
            guard let before = try await directory.organization(use.principal.organization) else {
                throw GatewayError(.notFound, "There is no such organization.")
            }
            if let seen, before.version != seen { throw Self.changedSince(before.version) }
            var policy = before.approvals
            guard change(&policy) else { return before }
            let new = policy
            let changed = try await directory.change(before.id) { organization in
                if organization.version == before.version { organization.approvals = new }
            }
            cache.forget()
            if let changed, changed.version <= before.version + 1, changed.approvals == new { return changed }
            if seen != nil { throw Self.changedSince(changed?.version ?? before.version) }
        }
        throw GatewayError(.conflict, "Others are changing the organization at this moment. Try again.")
    }

    private static func changedSince(_ version: Int) -> GatewayError {
        GatewayError(.staleVersion, "The organization was changed since; its version is \(version).")
    }

    /// Withdraws what waits by a rule that is gone, or asks for more by now.
    private func voidChanged(_ organization: Organization) async throws(GatewayError) {
        let rules = organization.approvals.rules(at: entropy.now())
        var (before, looked) = (nil as RecordID?, 0)
        while looked < Self.voidedMax {
            let found = try await records.drafts(
                of: organization.id,
                in: Environment.allCases,
                madeBy: nil,
                before: before,
                limit: 100
            )
            for record in found where record.isVoid(by: rules) {
                // Others may have decided about it meanwhile, which is as good.
                do throws(GatewayError) { _ = try await drafts.void(record) } catch  where error.code == .conflict {}
            }
            looked += found.count
            guard found.count == 100 else { return }
            before = found.last?.id
        }
    }
}

extension ApprovalActions {
    private static func words(_ words: [String]) -> JSON { .array(words.map { .string($0) }) }

    private static let ruleSchema: JSON = [
        "type": "object", "required": ["then"], "additionalProperties": false,
        "properties": [
            "who": [
                "type": "array", "items": ["enum": words(CallerKind.allCases.map(\.rawValue))],
                "description":
                    "Whom it is about: person, machine (a key), agent (by MCP, or a key that is marked so); anybody if empty.",
            ],
            "direction": [
                "type": "array", "items": ["enum": ["in", "out", "reverse"]],
                "description": "Which way the money goes; any if empty.",
            ],
            "tools": [
                "type": "array", "items": ["type": "string", "maxLength": 64],
                "maxItems": .integer(Int64(ApprovalRule.toolsMax)), "description": "Which tools; any if empty.",
            ],
            "amount_min": [
                "type": "integer", "minimum": 1, "description": "From how many shillings on; any amount if left out.",
            ],
            "new_receiver": [
                "type": "boolean", "description": "Only where the receiver has never been paid with success.",
            ],
            "then": [
                "enum": words(ApprovalRule.Outcome.allCases.map(\.rawValue)),
                "description": """
                allow sends it, refuse does not, confirm holds it until whoever asked has said once more that it is \
                wanted, approve until others have let it leave.
                """,
            ],
            "role": [
                "enum": ["user", "manager", "org_admin"],
                "description": "The least role of who approves; manager unless said.",
            ],
            "count": [
                "type": "integer", "minimum": 1, "maximum": .integer(Int64(ApprovalRule.countMax)),
                "description": "How many people must; one unless said.",
            ],
            "agent_max": [
                "type": "integer", "minimum": 0, "maximum": .integer(ApprovalRule.agentMaxMost),
                "description": """
                Of confirm: up to how many shillings a form in an agent's own client is enough; 0 unless said. What is \
                more must be approved.
                """,
            ],
            "within_s": [
                "type": "integer", "minimum": 60, "maximum": 604_800,
                "description": "For how many seconds it waits; a day unless said.",
            ],
            "approvers": people("The only users who may, by their ids; everybody of the role if left out."),
            "substitutes": people("Users who stand in for those who are away or have not answered."),
            "answer_within_s": [
                "type": "integer", "minimum": 60, "maximum": 453_600,
                "description": "After how many seconds substitutes may in any case; half of within_s unless said.",
            ],
        ],
    ]

    private static func people(_ description: String) -> JSON {
        [
            "type": "array", "items": ["type": "string", "maxLength": 64],
            "maxItems": .integer(Int64(Approvers.countMax)), "description": .string(description),
        ]
    }

    private static func whole(_ description: String, from least: Int64, to most: Int64) -> JSON {
        [
            "type": "integer", "minimum": .integer(least), "maximum": .integer(most),
            "description": .string(description),
        ]
    }

    private static let limitSchema: JSON = [
        "type": "object", "additionalProperties": false,
        "properties": [
            "direction": [
                "type": "array", "items": ["enum": ["in", "out", "reverse"]],
                "description": "Which way the money goes; any if empty.",
            ],
            "of": [
                "type": "string", "pattern": "^(user|key):[0-9A-Za-z-]+$", "maxLength": 64,
                "description": "Whose calls, as user:ID or key:ID; everybody's together if left out.",
            ],
            "per_receiver": ["type": "boolean", "description": "Whether each receiver is counted apart."],
            "call_max": whole("How many shillings one call may be.", from: 1, to: 1_000_000_000),
            "day_max": whole("How many shillings a day, in Nairobi.", from: 0, to: 1_000_000_000_000),
            "day_count": whole("How many calls a day.", from: 0, to: 1_000_000_000),
            "receivers": [
                "type": "array", "items": ["type": "string", "maxLength": 64],
                "maxItems": .integer(Int64(MoneyLimit.receiversMax)),
                "description": "The only receivers, as 2547XXXXXXXX or a short code; any if left out.",
            ],
            "from_hour": whole("From which hour on, in Nairobi.", from: 0, to: 23),
            "until_hour": whole("Up to which hour; 24 unless said.", from: 1, to: 24),
        ],
    ]

    static let rulesSchema: JSON = [
        "type": "object", "required": ["rules", "stops", "version"],
        "properties": [
            "rules": ["type": "array", "items": ruleSchema], "limits": ["type": "array", "items": limitSchema],
            "pending": [
                "type": "object", "required": ["rules", "by", "from_ms"],
                "properties": [
                    "rules": ["type": "array", "items": ruleSchema],
                    "limits": ["type": "array", "items": limitSchema], "by": ["type": "string"],
                    "from_ms": ["type": "integer", "description": "When they hold, whoever agrees or not."],
                ],
            ],
            "stops": ["type": "array", "items": ["type": "string"], "description": "What is stopped."],
            "away": [
                "type": "array", "description": "Who is away.",
                "items": [
                    "type": "object", "required": ["user", "until_ms"],
                    "properties": ["user": ["type": "string"], "until_ms": ["type": "integer"]],
                ],
            ],
            "version": ["type": "integer"],
        ],
    ]

    func document(_ organization: Organization) -> JSON {
        let (policy, now) = (organization.approvals, entropy.now())
        var document: JSONObject = [
            "rules": .array(policy.rules(at: now).map(\.json)),
            "limits": .array(policy.limits(at: now).map(\.json)),
            "stops": .array(policy.stops.map(\.text).sorted().map { .string($0) }),
            "version": .integer(Int64(organization.version)),
        ]
        let away = policy.away.filter { now < $0.value }.sorted { $0.key.raw < $1.key.raw }
        if !away.isEmpty {
            document["away"] = .array(
                away.map { ["user": .string("\($0)"), "until_ms": .integer($1.milliseconds)] }
            )
        }
        if let pending = policy.pending, pending.from > now {
            document["pending"] = [
                "rules": .array(pending.rules.map(\.json)), "limits": .array(pending.limits.map(\.json)),
                "by": .string(pending.by),
                "from_ms": .integer(pending.from.milliseconds),
            ]
        }
        return .object(document)
    }
}

extension ApprovalRule {
    /// Whether it asks or refuses something of whatever is paid out.
    fileprivate var isAboutEveryPayout: Bool {
        let isAboutAll = callers.isEmpty && tools.isEmpty && amountMin == nil && !isForNewReceivers
        return isAboutAll && (directions.isEmpty || directions.contains(.outgoing)) && outcome != .allow
    }
}
