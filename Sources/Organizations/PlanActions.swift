import Gateway
import OrderedJSON

/// Plans, which say what tools and limits an organization on them has: a super administrator's.
struct PlanActions: Sendable {
    let house: Administration

    var all: [Action] { [list, show, set, delete] }

    private static let limits: JSON = [
        "type": "object", "maxProperties": 16, "propertyNames": CeilingDocuments.counted,
        "description": "By bucket, such as read and money.", "additionalProperties": limit(besides: true),
    ]

    private static func limit(besides hasBesides: Bool) -> JSON {
        var properties: JSONObject = [
            "units": ["type": "integer", "minimum": 1, "maximum": 1_000_000_000],
            "per_seconds": ["type": "integer", "minimum": 1, "maximum": 2_678_400],
            "burst": ["type": "integer", "minimum": 1, "maximum": 1_000_000_000],
        ]
        if hasBesides {
            properties["besides"] = [
                "type": "array", "maxItems": .integer(Int64(RateLimit.besidesMax)), "items": limit(besides: false),
                "description": "Limits of other periods that hold too, such as by the hour and by the day.",
            ]
        }
        return [
            "type": "object", "required": ["units", "per_seconds"], "additionalProperties": false,
            "properties": .object(properties),
        ]
    }

    private static let tools: JSON = [
        "type": "array", "maxItems": 1000, "uniqueItems": true,
        "items": [
            "type": "string", "pattern": "^([a-z][a-z0-9_.-]{0,127}\\*?|\\*)$",
            "description": "A tool's name, such as mpesa_stk_push, or the beginning of names with a * behind it.",
        ],
        "description": "Names of tools, or beginnings that end in *; a tool that moves money must be named in full.",
    ]

    private static let features: JSON = [
        "type": "array", "maxItems": 100, "uniqueItems": true,
        "items": [
            "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$",
            "description": "A name in small letters, digits and _ -, which begins with a letter.",
        ],
        "description": .string(
            "What it has besides tools, of \(Feature.allCases.map(\.rawValue).joined(separator: ", ")), and names of your own; "
                + "left out, all that the gateway has."
        ),
    ]

    private static let price: JSON = [
        "type": "object", "additionalProperties": false,
        "properties": [
            "month_cents": cents,
            "call_cents": [
                "type": "object", "maxProperties": 16, "propertyNames": CeilingDocuments.counted,
                "additionalProperties": cents,
                "description": "Each call that succeeded, by what is counted: money, administration, read.",
            ],
        ],
        "description": "Hundredths of a shilling.",
    ]

    private static let name: JSON = [
        "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$",
        "description": "The plan's: small letters, digits and _ -, beginning with a letter.",
    ]

    private static let eventDays: JSON = [
        "type": "integer", "minimum": .integer(Int64(Plan.eventDaysRange.lowerBound)),
        "maximum": .integer(Int64(Plan.eventDaysRange.upperBound)),
        "description": "How many days its organizations' events are kept, where that is longer than everybody's are.",
    ]

    private static let cents: JSON = ["type": "integer", "minimum": 0, "maximum": 1_000_000_000]

    private static let schema: JSON = [
        "type": "object",
        "required": ["name", "tools", "organization_limits", "principal_limits", "ceilings", "price", "version"],
        "properties": [
            "name": ["type": "string"], "tools": tools, "organization_limits": limits, "principal_limits": limits,
            "ceilings": CeilingDocuments.schema, "features": features, "price": price, "event_days": eventDays,
            "version": ["type": "integer"],
        ],
    ]

    private static let missing = GatewayError(.notFound, "There is no plan of this name.")

    private var list: Action {
        Action(
            ActionRules("plans.list", auditAction: "PLANS_LISTED", role: .superAdmin, reach: .host),
            title: "List plans",
            summary: "Every plan by name; after is the last name of the page before.",
            route: Route("GET", "/admin/plans"),
            arguments: ["limit": Arguments.limit, "after": Arguments.name],
            output: .data(["type": "array", "items": PlanActions.schema])
        ) { [house] use throws(GatewayError) in
            let plans = try await house.parts.plans.plans(after: use.text("after"), limit: use.limit)
            return .data(.array(plans.map { PlanActions.document($0) }))
        }
    }

    private var show: Action {
        Action(
            ActionRules("plans.show", auditAction: "PLAN_SHOWN", role: .superAdmin, reach: .host),
            title: "Show a plan",
            summary: "Its tools, limits, ceilings and price.",
            route: Route("GET", "/admin/plans/{name}"),
            arguments: ["name": Arguments.name],
            output: .data(PlanActions.schema)
        ) { [house] use throws(GatewayError) in
            guard let plan = try await house.directory.plan(use.text("name") ?? "") else { throw PlanActions.missing }
            return .data(PlanActions.document(plan))
        }
    }

    private var set: Action {
        Action(
            ActionRules("plans.set", auditAction: "PLAN_SET", role: .superAdmin, isPersonal: true, reach: .host),
            title: "Set a plan",
            summary: """
                Makes a plan, or replaces it whole: what is left out is as if it had never been said, a price and ceilings \
                too. Every organization on it feels it from now on. With preview nothing is changed, and the answer says \
                what the plan would have said otherwise and who would lose what.
                """,
            route: Route("PUT", "/admin/plans/{name}"),
            arguments: [
                "name": PlanActions.name, "tools": PlanActions.tools,
                "organization_limits": PlanActions.limits, "principal_limits": PlanActions.limits,
                "ceilings": CeilingDocuments.schema, "features": PlanActions.features, "price": PlanActions.price,
                "event_days": PlanActions.eventDays, "version": Arguments.version,
                "preview": Arguments.preview,
            ],
            required: ["tools"],
            output: .data(["anyOf": [PlanActions.schema, PlanLosses.schema]])
        ) { [house] use throws(GatewayError) in
            try PlanActions.checkNotHosts(use)
            let plan = PlanActions.plan(use)
            if use.flag("preview") ?? false {
                let old = try await house.directory.plan(plan.name)
                var told = try await PlanLosses(house: house).losses(from: old ?? plan, to: plan).objectValue ?? [:]
                if let old { told["changes"] = PlanActions.changes(from: old, to: plan) }
                return .data(
                    .object(told),
                    message: "Nothing was changed." + idleNames(of: plan, for: use.principal.organization)
                )
            }
            let saved = try await house.parts.plans.set(
                plan,
                from: use.arguments["version"]?.integerValue.map(Int.init),
                at: house.parts.entropy.now()
            )
            house.forget()
            return .data(
                PlanActions.document(saved),
                message: "The plan was set." + idleNames(of: plan, for: use.principal.organization)
            )
        }
    }

    private var delete: Action {
        Action(
            ActionRules("plans.delete", auditAction: "PLAN_DELETED", role: .superAdmin, isPersonal: true, reach: .host),
            title: "Delete a plan",
            summary: "Takes a plan away that no organization is on.",
            route: Route("DELETE", "/admin/plans/{name}"),
            arguments: ["name": Arguments.name],
            output: .data(["type": "null"])
        ) { [house] use throws(GatewayError) in
            try PlanActions.checkNotHosts(use)
            guard try await house.parts.plans.removePlan(use.text("name") ?? "") else { throw PlanActions.missing }
            house.forget()
            return .data(.null, message: "The plan was deleted.")
        }
    }

    /// A sentence on the names of a plan that give it no tool now: a word that was mistyped looks like a tool to come.
    private func idleNames(of plan: Plan, for organization: OrganizationID) -> String {
        let tools = house.parts.registry.snapshot.entries(for: organization).map(\.tool)
        let idle = plan.tools.filter { name in
            let one = Plan(name: plan.name, tools: [name], organizationLimits: [:], principalLimits: [:])
            return !tools.contains { one.has(tool: $0.name, movingMoney: $0.annotations.movesMoney) }
        }
        guard !idle.isEmpty else { return "" }
        return
            " No tool is there by \(idle.prefix(10).joined(separator: ", ")) now; one that moves money must be named in full."
    }

    /// What a plan says otherwise than before, member by member: nobody need lose by it that a price was left out.
    private static func changes(from old: Plan, to new: Plan) -> JSON {
        let (before, after) = (document(old).objectValue ?? [:], document(new).objectValue ?? [:])
        let names = Set(before.map(\.key) + after.map(\.key)).subtracting(["version"]).sorted()
        return .array(
            names.filter { before[$0] != after[$0] }
                .map { ["member": .string($0), "was": before[$0] ?? .null, "becomes": after[$0] ?? .null] }
        )
    }

    private static func checkNotHosts(_ use: Action.Use) throws(GatewayError) {
        guard use.text("name") != HostOrganization.plan.name else {
            throw GatewayError(.conflict, "The plan of the organization that runs the gateway cannot be changed.")
        }
    }

    private static func plan(_ use: Action.Use) -> Plan {
        Plan(
            name: use.text("name") ?? "",
            tools: (use.arguments["tools"]?.arrayValue ?? []).compactMap(\.stringValue),
            organizationLimits: limits(use.arguments["organization_limits"]),
            principalLimits: limits(use.arguments["principal_limits"]),
            ceilings: CeilingDocuments.read(use.arguments["ceilings"] ?? [:]),
            features: use.arguments["features"]?.arrayValue.map { Set($0.compactMap(\.stringValue)) },
            price: Plan.Price(
                monthCents: use.arguments["price"]?["month_cents"]?.integerValue ?? 0,
                callCents: (use.arguments["price"]?["call_cents"]?.objectValue ?? JSONObject())
                    .reduce(into: [:]) { $0[$1.key] = $1.value.integerValue }
            ),
            eventDays: use.arguments["event_days"]?.integerValue.map(Int.init)
        )
    }

    private static func limits(_ value: JSON?) -> [String: RateLimit] {
        var limits: [String: RateLimit] = [:]
        for (bucket, limit) in value?.objectValue ?? JSONObject() {
            let besides = (limit["besides"]?.arrayValue ?? []).compactMap { Self.limit($0) }
            if let limit = Self.limit(limit, besides: besides) { limits[bucket] = limit }
        }
        return limits
    }

    private static func limit(_ value: JSON, besides: [RateLimit] = []) -> RateLimit? {
        guard let units = value["units"]?.integerValue, let seconds = value["per_seconds"]?.integerValue else {
            return nil
        }
        return RateLimit(
            units: Int(units),
            per: .seconds(seconds),
            burst: value["burst"]?.integerValue.map(Int.init),
            besides: besides
        )
    }

    private static func document(_ plan: Plan) -> JSON {
        var document: JSONObject = [
            "name": .string(plan.name), "tools": .array(plan.tools.map { .string($0) }),
            "organization_limits": document(plan.organizationLimits),
            "principal_limits": document(plan.principalLimits),
            "ceilings": CeilingDocuments.document(plan.ceilings),
            "features": .array(plan.featureNames.sorted().map { .string($0) }),
            "price": [
                "month_cents": .integer(plan.price.monthCents),
                "call_cents": .object(
                    JSONObject(plan.price.callCents.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
                ),
            ],
            "version": .integer(Int64(plan.version)),
        ]
        document["event_days"] = plan.eventDays.map { .integer(Int64($0)) }
        return .object(document)
    }

    private static func document(_ limits: [String: RateLimit]) -> JSON {
        var document = JSONObject()
        for (bucket, limit) in limits.sorted(by: { $0.key < $1.key }) {
            var shown = Self.document(limit)
            if !limit.besides.isEmpty { shown["besides"] = .array(limit.besides.map { .object(Self.document($0)) }) }
            document[bucket] = .object(shown)
        }
        return .object(document)
    }

    private static func document(_ limit: RateLimit) -> JSONObject {
        [
            "units": .integer(Int64(limit.units)), "per_seconds": .integer(max(1, limit.periodMilliseconds / 1000)),
            "burst": .integer(Int64(limit.burst)),
        ]
    }
}
