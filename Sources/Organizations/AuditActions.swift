import Gateway
import OrderedJSON

/// The organization's audit, searched: reading it is a line of it too.
struct AuditActions: Sendable {
    let house: Administration

    var all: [Action] { [list, security, failedLogIns, summary, hosts] }

    private static let schema: JSON = [
        "type": "object", "required": ["id", "at", "subject", "action", "door", "outcome"],
        "properties": [
            "id": ["type": "string"], "at": ["type": "string"], "call": ["type": "string"],
            "subject": ["type": "string"],
            "caller": ["enum": .array(CallerKind.allCases.map { .string($0.rawValue) })], "action": ["type": "string"],
            "tool": ["type": "string"],
            "door": ["type": "string"], "outcome": ["type": "string"], "code": ["type": "string"],
            "transaction_id": ["type": "string"], "environment": ["type": "string"], "address": ["type": "string"],
            "detail": ["description": "The arguments, with what is sensitive masked."],
        ],
    ]

    private static let page: Action.Output = .data(
        ["type": "array", "items": schema],
        beside: [("next_before", ["type": "string", "description": "Where there may be more."])]
    )

    /// What has to do with who gets in, and what they may.
    private static let securityActions = [
        "CREDENTIAL_REFUSED", "CREDENTIALS_UPDATED", "KEY_CREATED", "KEY_REVOKED", "KEY_ROTATED", "KEY_UPDATED",
        "LINK_MAILED", "LOGIN_FAILED", "LOGIN_SUCCESS", "LOGOUT", "ORGANIZATION_UPDATED", "PASSWORD_CHANGED",
        "PASSWORD_RESET", "PASSWORD_RESET_MADE", "PASSWORD_RESET_REQUESTED", "REFRESH_TOKEN_REUSED",
        "SECOND_FACTOR_REMOVED", "SECOND_FACTOR_SET", "SESSION_ENDED", "USER_CREATED", "USER_DELETED", "USER_INVITED",
        "USER_UPDATED", "WEBHOOK_CREATED", "WEBHOOK_DELETED", "WEBHOOK_DISABLED", "WEBHOOK_ENABLED",
        "WEBHOOK_SECRET_ROTATED", "WEBHOOK_UPDATED",
    ]

    private static func rules(_ name: String, _ audit: String, feature: Feature? = nil) -> ActionRules {
        ActionRules(
            name,
            auditAction: audit,
            role: .orgAdmin,
            scopes: ["administration:read"],
            isOpenWhenSuspended: true,
            showsAllAccounts: true,
            feature: feature
        )
    }

    private static func span(_ most: Int, _ text: String) -> JSON {
        ["type": "integer", "minimum": 1, "maximum": .integer(Int64(most)), "description": .string(text)]
    }

    // MARK: The lines

    private var list: Action {
        Action(
            AuditActions.rules("audit.list", "AUDIT_READ"),
            title: "Read the audit",
            summary: """
                Who asked for what, when, by which door and with what outcome; newest first. A page looks through 5,000 \
                lines, of subject where that is named, and may be short, or empty, with next_before.
                """,
            route: Route("GET", "/admin/audit-logs"),
            arguments: [
                "limit": Arguments.limit, "before": Arguments.id,
                "offset": ["type": "integer", "minimum": 0, "maximum": 5000, "description": "So many are left out."],
                "subject": ["type": "string", "maxLength": 64, "description": "Such as user:ID or key:ID."],
                "action": ["type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,63}$"],
                "outcome": ["enum": ["begun", "SUCCESS", "FAILED", "ERROR"]],
                "tool": ["type": "string", "maxLength": 128],
                "from_ms": UsageActions.moment, "until_ms": UsageActions.moment,
            ],
            output: AuditActions.page
        ) { use throws(GatewayError) in
            var filter = AuditFilter(limit: use.limit)
            if let text = use.text("before") {
                guard let id = Identifier(text) else { throw Administration.wrong("before", "the id of a line") }
                filter.before = id
            }
            filter.offset = use.arguments["offset"]?.integerValue.map(Int.init) ?? 0
            filter.subject = use.text("subject")
            filter.actions = use.text("action").map { [$0] } ?? []
            filter.outcome = use.text("outcome").flatMap(AuditRecord.Outcome.init(rawValue:))
            filter.tool = use.text("tool")
            filter.from = UsageActions.moment(use, "from_ms")
            filter.until = UsageActions.moment(use, "until_ms")
            return try await answer(filter, use)
        }
    }

    private var security: Action {
        Action(
            AuditActions.rules("audit.security_events", "SECURITY_EVENTS_READ"),
            title: "Read what has to do with security",
            summary: "Log-ins, refused credentials, and changes of people, keys and credentials, of the last days.",
            route: Route("GET", "/admin/security-events"),
            arguments: ["days": AuditActions.span(366, "7 unless said."), "limit": Arguments.limit],
            output: AuditActions.page
        ) { use throws(GatewayError) in
            var filter = AuditFilter(limit: use.limit)
            filter.actions = AuditActions.securityActions
            filter.from = since(use, "days", 7, .seconds(86_400))
            return try await answer(filter, use)
        }
    }

    private var failedLogIns: Action {
        Action(
            AuditActions.rules("audit.failed_logins", "FAILED_LOGINS_READ"),
            title: "Read failed log-ins",
            summary: "Of the last hours; many of one name within a minute are one line with their number.",
            route: Route("GET", "/admin/failed-logins"),
            arguments: ["hours": AuditActions.span(8784, "24 unless said."), "limit": Arguments.limit],
            output: AuditActions.page
        ) { use throws(GatewayError) in
            var filter = AuditFilter(limit: use.limit)
            filter.actions = ["LOGIN_FAILED"]
            filter.from = since(use, "hours", 24, .seconds(3600))
            return try await answer(filter, use)
        }
    }

    /// The chain that belongs to no organization: what was done to plugins, and by them, and log-ins of nobody there is.
    private var hosts: Action {
        Action(
            ActionRules("audit.host", auditAction: "HOST_AUDIT_READ", role: .superAdmin, reach: .host),
            title: "Read the host's own audit",
            summary: "What belongs to no organization, newest first: changes of plugins, their crashes and violations.",
            route: Route("GET", "/admin/host-audit-logs"),
            arguments: [
                "limit": Arguments.limit, "before": Arguments.id,
                "action": ["type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,63}$"],
                "from_ms": UsageActions.moment, "until_ms": UsageActions.moment,
            ],
            output: AuditActions.page
        ) { use throws(GatewayError) in
            var filter = AuditFilter(limit: use.limit)
            if let text = use.text("before") {
                guard let id = Identifier(text) else { throw Administration.wrong("before", "the id of a line") }
                filter.before = id
            }
            filter.actions = use.text("action").map { [$0] } ?? []
            filter.from = UsageActions.moment(use, "from_ms")
            filter.until = UsageActions.moment(use, "until_ms")
            return try await answer(filter, of: AuditRecord.nobody)
        }
    }

    private func since(_ use: Action.Use, _ name: String, _ usual: Int64, _ unit: Duration) -> Timestamp {
        let count = use.arguments[name]?.integerValue ?? usual
        return house.parts.entropy.now() + unit * -Int(count)
    }

    private func answer(_ filter: AuditFilter, _ use: Action.Use) async throws(GatewayError) -> Action.Answer {
        try await answer(filter, of: use.principal.organization)
    }

    private func answer(
        _ filter: AuditFilter,
        of organization: OrganizationID
    ) async throws(GatewayError) -> Action.Answer {
        let page = try await house.parts.reading.page(filter, organization: organization)
        let beside = page.next.map { [(name: "next_before", value: JSON.string($0.description).bytes)] } ?? []
        return .data(JSON.array(page.lines.map(AuditActions.document)).bytes, beside: beside)
    }

    // MARK: Summary

    private var summary: Action {
        Action(
            AuditActions.rules("audit.activity_summary", "ACTIVITY_SUMMARY_READ", feature: .reports),
            title: "Sum up what was done",
            summary:
                "How often each action was done in the last days, and with what outcome; of at most 100,000 lines.",
            route: Route("GET", "/admin/activity-summary"),
            arguments: ["days": AuditActions.span(366, "7 unless said.")],
            output: .data([
                "type": "array",
                "items": [
                    "type": "object", "required": ["action", "total", "succeeded", "failed"],
                    "properties": [
                        "action": ["type": "string"], "total": ["type": "integer"], "succeeded": ["type": "integer"],
                        "failed": ["type": "integer"],
                    ],
                ],
            ])
        ) { [house] use throws(GatewayError) in
            let counts = try await house.parts.reading.counts(
                since: since(use, "days", 7, .seconds(86_400)),
                organization: use.principal.organization,
                linesMax: 100_000
            )
            var sums: [(action: String, succeeded: Int64, failed: Int64)] = []
            // What was begun has another line when it ends.
            for count in counts where count.outcome != .begun {
                if sums.last?.action != count.action { sums.append((count.action, 0, 0)) }
                if count.outcome == .success {
                    sums[sums.count - 1].succeeded += count.count
                } else {
                    sums[sums.count - 1].failed += count.count
                }
            }
            return .data(
                .array(
                    sums.map { sum in
                        [
                            "action": .string(sum.action), "total": .integer(sum.succeeded + sum.failed),
                            "succeeded": .integer(sum.succeeded), "failed": .integer(sum.failed),
                        ]
                    }
                )
            )
        }
    }

    private static func document(_ line: AuditRecord) -> JSON {
        var document: JSONObject = [
            "id": .string(line.id.description), "at": .string(line.at.description),
            "call": .string(line.call.description), "subject": .string(line.subject),
            "action": .string(line.action), "door": .string(line.door), "outcome": .string(line.outcome.rawValue),
        ]
        document["caller"] = line.caller.map { .string($0.rawValue) }
        document["tool"] = line.tool.map { .string($0) }
        document["code"] = line.code.map { .string($0) }
        document["transaction_id"] = line.record.map { .string($0.description) }
        document["environment"] = line.environment.map { .string($0.rawValue) }
        document["address"] = line.address.map { .string($0) }
        document["detail"] = line.detail.map { text in (try? JSON(parsing: text)) ?? .string(text) }
        return .object(document)
    }
}
