import Gateway
import OrderedJSON

/// What the organization used: hours, days and months, by tool and by who called; its quotas; the seed's statistics.
struct UsageActions: Sendable {
    let house: Administration

    var all: [Action] { [list, quotas, statistics] }

    /// How far back usage reaches where nothing is said.
    private static let back = Duration.seconds(-31 * 86_400)

    private static func rules(_ name: String, _ audit: String, feature: Feature? = nil) -> ActionRules {
        ActionRules(
            name,
            auditAction: audit,
            role: .manager,
            scopes: ["usage:read"],
            isOpenWhenSuspended: true,
            showsAllAccounts: true,
            feature: feature
        )
    }

    /// Several of what usage is told apart by, with commas between them.
    private static let parts: String = {
        let one = UsageQuestion.Part.allCases.map(\.rawValue).joined(separator: "|")
        return "^(\(one))(,(\(one))){0,\(UsageQuestion.Part.allCases.count - 1)}$"
    }()

    static let moment: JSON = [
        "type": "integer", "minimum": 0, "maximum": .integer(Timestamp.latest),
        "description": "Milliseconds since 1970.",
    ]

    // MARK: Usage

    private var list: Action {
        Action(
            UsageActions.rules("usage.list", "USAGE_LISTED"),
            title: "Read usage",
            summary: """
                Calls by hour, day or month (of Nairobi), of the last 31 days unless from_ms says; told apart by tool, \
                subject (a key or a user), what they count as, caller (person, machine, agent), or account. Calls of the last \
                second may be missing.
                """,
            route: Route("GET", "/admin/usage"),
            arguments: [
                "period": [
                    "enum": .array(UsageQuestion.Period.allCases.map { .string($0.rawValue) }),
                    "description": "How much time one row sums up.",
                ],
                "by": [
                    "type": "string", "pattern": .string(UsageActions.parts),
                    "description": "Such as tool,subject.",
                ],
                "environment": Arguments.environment, "from_ms": UsageActions.moment, "until_ms": UsageActions.moment,
            ],
            output: .data([
                "type": "array",
                "items": [
                    "type": "object", "required": ["start", "succeeded", "failed"],
                    "properties": [
                        "start": ["type": "string"], "tool": ["type": "string"], "subject": ["type": "string"],
                        "counted": ["type": "string"], "caller": ["type": "string"], "account": ["type": "string"],
                        "succeeded": ["type": "integer"], "failed": ["type": "integer"],
                    ],
                ],
            ]),
            tool: "usage_list"
        ) { [house] use throws(GatewayError) in
            let now = house.parts.entropy.now()
            let until = UsageActions.moment(use, "until_ms") ?? now + .seconds(3600)
            let from = UsageActions.moment(use, "from_ms") ?? now + UsageActions.back
            let parts = (use.text("by") ?? "").split(separator: ",")
                .compactMap {
                    UsageQuestion.Part(rawValue: String($0))
                }
            let sums = try await house.parts.usage.usage(
                UsageQuestion(
                    organization: use.principal.organization,
                    environment: use.environment,
                    from: from,
                    until: until,
                    period: use.text("period").flatMap(UsageQuestion.Period.init(rawValue:)) ?? .day,
                    parts: Set(parts)
                )
            )
            return .data(.array(sums.map(UsageActions.document)))
        }
    }

    static func moment(_ use: Action.Use, _ name: String) -> Timestamp? {
        use.arguments[name]?.integerValue.map { Timestamp(milliseconds: $0) }
    }

    private static func document(_ sum: UsageSum) -> JSON {
        var document: JSONObject = ["start": .string(sum.start.description)]
        for part in UsageQuestion.Part.allCases { document[part.rawValue] = sum.parts[part].map { .string($0) } }
        document["succeeded"] = .integer(sum.succeeded)
        document["failed"] = .integer(sum.failed)
        return .object(document)
    }

    // MARK: Quotas

    private var quotas: Action {
        Action(
            UsageActions.rules("usage.quotas", "QUOTAS_READ"),
            title: "Read quotas",
            summary: """
                What the plan's quotas of this month are, and what is used of them: a payment counts when it is asked for, a \
                draft too.
                """,
            route: Route("GET", "/admin/usage/quotas"),
            output: .data([
                "type": "array",
                "items": [
                    "type": "object", "required": ["counted", "month", "limit", "used", "remaining", "resets_at"],
                    "properties": [
                        "counted": ["type": "string"], "month": ["type": "string"], "limit": ["type": "integer"],
                        "used": ["type": "integer"], "remaining": ["type": "integer"],
                        "resets_at": ["type": "string"],
                    ],
                ],
            ]),
            tool: "usage_quotas"
        ) { [house] use throws(GatewayError) in
            let states = try await house.parts.quotas.states(of: use.membership)
            return .data(
                .array(
                    states.map { state in
                        [
                            "counted": .string(state.counted), "month": .string(state.month.description),
                            "limit": .integer(Int64(state.limit)), "used": .integer(Int64(state.used)),
                            "remaining": .integer(Int64(max(0, state.limit - state.used))),
                            "resets_at": .string(state.month.end.description),
                        ]
                    }
                )
            )
        }
    }

    // MARK: The seed's statistics

    private var statistics: Action {
        Action(
            UsageActions.rules("usage.statistics", "USAGE_STATS_VIEWED", feature: .reports),
            title: "Monthly statistics",
            summary: """
                A month's calls by tool, and what its transactions came to; of this month unless month says. At most \
                100,000 transactions are added up, and is_whole says whether that was all.
                """,
            route: Route("GET", "/admin/usage-stats"),
            arguments: [
                "month": ["type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "description": "Such as 2026-11."],
                "environment": Arguments.environment,
            ],
            output: .data([
                "type": "object", "required": ["month", "calls", "by_tool", "transactions", "is_whole"],
                "properties": [
                    "month": ["type": "string"], "is_whole": ["type": "boolean"],
                    "calls": ["type": "object", "required": ["total", "succeeded", "failed"]],
                    "by_tool": ["type": "array", "items": ["type": "object", "required": ["tool", "total"]]],
                    "transactions": [
                        "type": "array",
                        "items": ["type": "object", "required": ["direction", "status", "count", "total_amount"]],
                    ],
                ],
            ])
        ) { [house] use throws(GatewayError) in
            let month = try UsageActions.month(use) ?? Month(of: house.parts.entropy.now())
            let calls = try await house.parts.usage.usage(
                UsageQuestion(
                    organization: use.principal.organization,
                    environment: use.environment,
                    from: month.start,
                    until: month.end,
                    period: .month,
                    parts: [.tool]
                )
            )
            let question = VolumeQuestion(
                organization: use.principal.organization,
                environment: use.environment,
                from: month.start,
                until: month.end
            )
            let volume = try await house.parts.usage.volume(question)
            return .data(UsageActions.statistics(month, calls, volume, most: question.recordsMax))
        }
    }

    static func month(_ use: Action.Use) throws(GatewayError) -> Month? {
        guard let text = use.text("month") else { return nil }
        guard let month = Month(text) else { throw Administration.wrong("month", "a month such as 2026-11") }
        return month
    }

    private static func statistics(_ month: Month, _ calls: [UsageSum], _ volume: [VolumeSum], most: Int) -> JSON {
        let succeeded = calls.reduce(0) { $0 + $1.succeeded }
        let failed = calls.reduce(0) { $0 + $1.failed }
        // What several states are called by one word is one line.
        var sums: [(direction: OperationDirection, status: String, count: Int64, amount: Int64)] = []
        for sum in volume {
            let status = sum.state.status
            if let known = sums.firstIndex(where: { $0.direction == sum.direction && $0.status == status }) {
                sums[known].count += sum.count
                sums[known].amount += sum.amount
            } else {
                sums.append((sum.direction, status, sum.count, sum.amount))
            }
        }
        return [
            "month": .string(month.description),
            "calls": [
                "total": .integer(succeeded + failed), "succeeded": .integer(succeeded), "failed": .integer(failed),
            ],
            "by_tool": .array(
                calls.map { sum in
                    [
                        "tool": .string(sum.tool), "total": .integer(sum.succeeded + sum.failed),
                        "succeeded": .integer(sum.succeeded), "failed": .integer(sum.failed),
                    ]
                }
            ),
            "transactions": .array(
                sums.map { sum in
                    [
                        "direction": .string(sum.direction.rawValue), "status": .string(sum.status),
                        "count": .integer(sum.count), "total_amount": .integer(sum.amount),
                    ]
                }
            ),
            "is_whole": .bool(volume.reduce(0) { $0 + $1.count } < Int64(most)),
        ]
    }
}

extension Action.Use {
    /// The environment that an argument names, or the credential's.
    var environment: Environment {
        text("environment").flatMap(Environment.init(rawValue:)) ?? principal.environment
    }
}
