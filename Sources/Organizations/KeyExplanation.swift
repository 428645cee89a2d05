import Gateway
import OrderedJSON

/// The action `keys.explain`: why a key may call a tool, or may not, rule by rule.
///
/// Its lines state one by one what the stages of a call refuse together, so that all that is in the way is told at once:
/// whoever changes a stage's rule changes its line here. What changes by the hour is asked of the stages themselves
/// (`CallOutlook`).
struct KeyExplanation: Sendable {
    let house: Administration

    var all: [Action] { [explain] }

    private static let schema: JSON = [
        "type": "object", "required": ["is_allowed", "rules"],
        "properties": [
            "is_allowed": [
                "type": "boolean",
                "description": "Whether the gateway lets such a call through; its plugin may still refuse it.",
            ],
            "rules": [
                "type": "array",
                "items": [
                    "type": "object", "required": ["rule", "passes", "why"],
                    "properties": [
                        "rule": ["type": "string"], "passes": ["type": "boolean"], "why": ["type": "string"],
                    ],
                ],
            ],
        ],
    ]

    private var explain: Action {
        Action(
            ActionRules(
                "keys.explain",
                auditAction: "KEY_EXPLAINED",
                role: .orgAdmin,
                scopes: ["administration:read"],
                isOpenWhenSuspended: true
            ),
            title: "Why a key may call a tool",
            summary: """
                Goes through every rule of the gateway between a key and a tool, and says of each whether it passes and why. \
                The plugin is not asked: it may still refuse a call for what its arguments say, or while another is open.
                """,
            route: Route("GET", "/admin/keys/{id}/explain"),
            arguments: [
                "id": Arguments.id, "tool": ["type": "string", "minLength": 1, "maxLength": 128],
                "amount": ["type": "integer", "minimum": 1, "description": "Shillings; left out, no limit is asked."],
                "address": ["type": "string", "maxLength": 64, "description": "Where it would be called from."],
                "account": AccountName.schema("Of which account."),
                "environment": [
                    "enum": ["test", "live"], "description": "Where it would act; the key's own unless said.",
                ],
                "door": ["enum": ["rest", "mcp"], "description": "How it would be called; rest unless said."],
                "receiver": [
                    "type": "string", "minLength": 1, "maxLength": 64,
                    "description": "The other side, such as 254712345678; left out, no limit of receivers is asked.",
                ],
            ],
            required: ["tool"],
            output: .data(KeyExplanation.schema)
        ) { use throws(GatewayError) in
            guard let id = APIKeyID(use.text("id") ?? ""),
                let key = try await house.directory.apiKey(id, organization: use.principal.organization)
            else { throw KeyActions.missing }
            let rules = try await rules(key.standing(at: house.parts.entropy.now()), use)
            return .data([
                "is_allowed": .bool(rules.allSatisfy(\.passes)), "rules": .array(rules.map(\.document)),
            ])
        }
    }

    private struct Rule {
        let name: String
        let passes: Bool
        let why: String

        init(_ name: String, _ passes: Bool, _ why: String) {
            self.name = name
            self.passes = passes
            self.why = why
        }

        var document: JSON { ["rule": .string(name), "passes": .bool(passes), "why": .string(why)] }
    }

    private func rules(_ key: APIKey, _ use: Action.Use) async throws(GatewayError) -> [Rule] {
        let now = house.parts.entropy.now()
        let membership = use.membership
        let name = use.text("tool") ?? ""
        let entry = house.parts.registry.snapshot.entry(name, organization: key.organization, call: use.call)
        var rules = [keyRule(key, now), environmentRule(key, use)] + organizationRules(membership, now)
        let movesMoney = entry?.tool.annotations.movesMoney ?? true
        let isInPlan = membership.plan.has(tool: name, movingMoney: movesMoney)
        rules.append(
            Rule(
                "plan",
                isInPlan,
                "The plan \(membership.plan.name) \(isInPlan ? "has" : "does not have") \(name)."
            )
        )
        let isOff = membership.organization.disabledTools.contains(name)
        rules.append(
            Rule("switch", !isOff, "The organization has \(isOff ? "switched \(name) off" : "not switched it off").")
        )
        let tools = key.rules.tools
        rules.append(
            Rule(
                "tools",
                key.rules.allows(tool: name),
                tools.map { "The key may call \($0.isEmpty ? "nothing" : $0.sorted().joined(separator: ", "))." }
                    ?? "The key names no tools."
            )
        )
        if let pending = key.pending {
            let why = "It is to do more from \(pending.from) on, or once another administrator agrees (keys.agree)."
            rules.append(Rule("pending", true, why))
        }
        // Of a tool that the plan does not have nothing more is told.
        guard isInPlan else { return rules }
        guard let entry else {
            rules.append(Rule("loaded", false, "No loaded plugin has a tool \(name) for this organization."))
            return rules
        }
        rules.append(Rule("loaded", true, "\(entry.plugin.id) \(entry.plugin.version) serves it."))
        rules += toolRules(key, entry.tool)
        rules += amountRules(key, membership, entry, use.arguments["amount"]?.integerValue)
        if let address = use.text("address") {
            let isAllowed = key.rules.allows(address: address)
            let from = key.rules.sources.map(\.description).joined(separator: ", ")
            rules.append(Rule("address", isAllowed, from.isEmpty ? "Any address." : "The key is used from \(from)."))
        }
        rules += [callerRule(key), pluginRule(entry)]
        rules += try await outlook(key, entry, use)
        guard case .operation(let index) = entry.tool.kind else { return rules }
        let account = try await accountRule(key, entry.direction, use)
        rules.append(account)
        if account.passes {
            rules.append(try await credentialRule(key, entry.plugin.operations[index].secrets.map(\.transform), use))
        }
        return rules
    }

    /// What the stages say whose answer changes by the hour.
    private func outlook(
        _ key: APIKey,
        _ entry: ToolRegistry.Entry,
        _ use: Action.Use
    ) async throws(GatewayError) -> [Rule] {
        let principal = Principal(of: key)
        let call = CallOutlook.Call(
            entry,
            by: principal,
            use.membership,
            at: use.text("door").flatMap { Door(rawValue: $0) } ?? .rest,
            amount: use.arguments["amount"]?.integerValue.flatMap { Shillings($0) },
            receiver: use.text("receiver")
        )
        return try await house.parts.outlook.findings(on: call).map { Rule($0.rule, $0.passes, $0.why) }
    }

    private func environmentRule(_ key: APIKey, _ use: Action.Use) -> Rule {
        let wanted = use.text("environment") ?? key.environment.rawValue
        return Rule(
            "environment",
            wanted == key.environment.rawValue,
            "The key acts in \(key.environment.rawValue) only."
        )
    }

    /// Whose calls its calls are: told, and nothing that refuses; by it rules ask for a person.
    private func callerRule(_ key: APIKey) -> Rule {
        switch key.rules.isAgent {
        case true?: Rule("caller", true, "It is marked as an agent's: its calls are an agent's by every door.")
        case false?: Rule("caller", true, "It is marked as no agent's: its calls are a machine's by every door.")
        case nil: Rule("caller", true, "It is not marked: its calls are an agent's by MCP, a machine's elsewhere.")
        }
    }

    /// What a plugin makes of arguments shows with a call alone: told, so that nobody takes the rest for a promise.
    private func pluginRule(_ entry: ToolRegistry.Entry) -> Rule {
        let why = """
            It was not asked: \(entry.plugin.id) may still refuse a call for what its arguments say, or while another is open.
            """
        return Rule("plugin", true, why)
    }

    private func accountRule(
        _ key: APIKey,
        _ direction: OperationDirection,
        _ use: Action.Use
    ) async throws(GatewayError) -> Rule {
        do throws(GatewayError) {
            guard let account = try await account(key, use) else {
                return Rule("account", true, "The key names no accounts.")
            }
            if let refusal = account.refusal(of: direction) { throw refusal }
            return Rule("account", true, "It would use the account \(account.name).")
        } catch {
            guard error.code == .invalidArgument || error.code == .permissionDenied else { throw error }
            return Rule("account", false, error.message)
        }
    }

    /// The account that a call would use; nil where none is set up yet.
    private func account(_ key: APIKey, _ use: Action.Use) async throws(GatewayError) -> MPesaAccount? {
        let known = try await house.directory.accounts(organization: key.organization, environment: key.environment)
        let book = AccountBook(known).limited(to: key.rules.accounts)
        let name = use.text("account").flatMap { AccountName($0) }
        return known.isEmpty && name == nil ? nil : try book.account(name, of: AccountBook(known), key.environment)
    }

    private func keyRule(_ key: APIKey, _ now: Timestamp) -> Rule {
        if let revokedAt = key.revokedAt { return Rule("key", false, "It was revoked at \(revokedAt).") }
        if let expiresAt = key.expiresAt, expiresAt <= now { return Rule("key", false, "It expired at \(expiresAt).") }
        return Rule("key", true, "It is in force, in \(key.environment.rawValue).")
    }

    private func organizationRules(_ membership: DirectoryCache.Membership, _ now: Timestamp) -> [Rule] {
        let organization = membership.organization
        return [
            Rule(
                "organization",
                organization.isActive,
                organization.isActive ? "It is open." : "It has been closed."
            ),
            Rule(
                "subscription",
                organization.refusal(at: now) == nil,
                organization.refusal(at: now)?.message
                    ?? "The subscription is \(organization.subscription.rawValue)."
            ),
        ]
    }

    private func toolRules(_ key: APIKey, _ tool: ToolDescriptor) -> [Rule] {
        let missing = key.scopes.map { scopes in tool.scopes.filter { !scopes.contains($0) } } ?? []
        return [
            Rule(
                "role",
                key.role >= tool.role,
                "It needs the role \(tool.role.rawValue); the key has \(key.role.rawValue)."
            ),
            Rule(
                "scopes",
                missing.isEmpty,
                missing.isEmpty ? "No scope is missing." : "The key lacks \(missing.joined(separator: ", "))."
            ),
        ]
    }

    private func amountRules(
        _ key: APIKey,
        _ membership: DirectoryCache.Membership,
        _ entry: ToolRegistry.Entry,
        _ amount: Int64?
    ) -> [Rule] {
        guard entry.tool.annotations.movesMoney else { return [] }
        let limits = [key.rules.amountMax, membership.ceilings.amounts[entry.direction]].compactMap { $0 }
        guard let most = limits.min() else { return [Rule("amount", true, "There is no limit to one call's amount.")] }
        let isWithin = amount.map { $0 <= most.amount } ?? true
        return [Rule("amount", isWithin, "One call moves at most \(most) shillings.")]
    }

    private func credentialRule(
        _ key: APIKey,
        _ transforms: [String],
        _ use: Action.Use
    ) async throws(GatewayError) -> Rule {
        let account = try await account(key, use)
        let fields = try await house.parts.credentials.fields(
            organization: key.organization,
            environment: key.environment,
            account: account?.name ?? .main
        )
        var missing = ["consumer_key", "consumer_secret"].filter { !fields.contains($0) }
        if account == nil { missing.insert("business_short_code", at: 0) }
        if transforms.contains("stk_password"), !fields.contains("lipa_na_mpesa_passkey") {
            missing.append("lipa_na_mpesa_passkey")
        }
        if transforms.contains("security_credential") {
            if account?.profile.initiatorName == nil { missing.append("initiator_name") }
            if !fields.contains("initiator_password"), !fields.contains("security_credential") {
                missing.append("initiator_password")
            }
        }
        guard missing.isEmpty else {
            return Rule(
                "credentials",
                false,
                "\(missing.joined(separator: ", ")) is not set for \(key.environment.rawValue)."
            )
        }
        return Rule("credentials", true, "All that it needs of M-Pesa's is set for \(key.environment.rawValue).")
    }
}
