import Gateway
import OrderedJSON

/// Plans, which say what tools and limits an organization on them has: a super administrator's.
struct PlanActions: Sendable {
    let house: Administration

    var all: [Action] { [show, set] }

    private static let limits: JSON = [
        "type": "object", "maxProperties": 16, "propertyNames": ["pattern": "^[a-z][a-z_]{0,31}$"],
        "description": "By bucket, such as read and money.",
        "additionalProperties": [
            "type": "object", "required": ["units", "per_seconds"], "additionalProperties": false,
            "properties": [
                "units": ["type": "integer", "minimum": 1, "maximum": 1_000_000_000],
                "per_seconds": ["type": "integer", "minimum": 1, "maximum": 2_678_400],
                "burst": ["type": "integer", "minimum": 1, "maximum": 1_000_000_000],
            ],
        ],
    ]

    private static let tools: JSON = [
        "type": "array", "maxItems": 1000, "uniqueItems": true,
        "items": ["type": "string", "pattern": "^([a-z][a-z0-9_.-]{0,127}\\*?|\\*)$"],
        "description": "Names of tools, or beginnings that end in *; a tool that moves money must be named in full.",
    ]

    private static let schema: JSON = [
        "type": "object", "required": ["name", "tools", "organization_limits", "principal_limits"],
        "properties": [
            "name": ["type": "string"], "tools": tools, "organization_limits": limits, "principal_limits": limits,
        ],
    ]

    private var show: Action {
        Action(
            ActionRules("plans.show", auditAction: "PLAN_SHOWN", role: .superAdmin, reach: .host),
            title: "Show a plan",
            summary: "Its tools and limits.",
            route: Route("GET", "/admin/plans/{name}"),
            arguments: ["name": Arguments.name],
            output: .data(PlanActions.schema)
        ) { [house] use throws(GatewayError) in
            guard let plan = try await house.directory.plan(use.text("name") ?? "") else {
                throw GatewayError(.notFound, "There is no plan of this name.")
            }
            return .data(PlanActions.document(plan))
        }
    }

    private var set: Action {
        Action(
            ActionRules("plans.set", auditAction: "PLAN_SET", role: .superAdmin, isPersonal: true, reach: .host),
            title: "Set a plan",
            summary: "Makes a plan, or replaces it whole: every organization on it feels it from now on.",
            route: Route("PUT", "/admin/plans/{name}"),
            arguments: [
                "name": ["type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$"], "tools": PlanActions.tools,
                "organization_limits": PlanActions.limits, "principal_limits": PlanActions.limits,
            ],
            required: ["tools"],
            output: .data(PlanActions.schema)
        ) { [house] use throws(GatewayError) in
            guard use.text("name") != HostOrganization.plan.name else {
                throw GatewayError(.conflict, "The plan of the organization that runs the gateway cannot be changed.")
            }
            let plan = Plan(
                name: use.text("name") ?? "",
                tools: (use.arguments["tools"]?.arrayValue ?? []).compactMap(\.stringValue),
                organizationLimits: PlanActions.limits(use.arguments["organization_limits"]),
                principalLimits: PlanActions.limits(use.arguments["principal_limits"])
            )
            try await house.directory.save(plan)
            house.forget()
            return .data(PlanActions.document(plan), message: "The plan was set.")
        }
    }

    private static func limits(_ value: JSON?) -> [String: RateLimit] {
        var limits: [String: RateLimit] = [:]
        for (bucket, limit) in value?.objectValue ?? JSONObject() {
            guard let units = limit["units"]?.integerValue, let seconds = limit["per_seconds"]?.integerValue else {
                continue
            }
            limits[bucket] = RateLimit(
                units: Int(units),
                per: .seconds(seconds),
                burst: limit["burst"]?.integerValue.map(Int.init)
            )
        }
        return limits
    }

    private static func document(_ plan: Plan) -> JSON {
        [
            "name": .string(plan.name), "tools": .array(plan.tools.map { .string($0) }),
            "organization_limits": document(plan.organizationLimits),
            "principal_limits": document(plan.principalLimits),
        ]
    }

    private static func document(_ limits: [String: RateLimit]) -> JSON {
        var document = JSONObject()
        for (bucket, limit) in limits.sorted(by: { $0.key < $1.key }) {
            document[bucket] = [
                "units": .integer(Int64(limit.units)), "per_seconds": .integer(max(1, limit.periodMilliseconds / 1000)),
                "burst": .integer(Int64(limit.burst)),
            ]
        }
        return .object(document)
    }
}
