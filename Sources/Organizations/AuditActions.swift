import Gateway
import OrderedJSON

/// The action `audit.list`, which shows the organization's chain, newest first: reading it is a line of it too.
struct AuditActions: Sendable {
    let house: Administration

    var all: [Action] { [list] }

    private static let schema: JSON = [
        "type": "object", "required": ["id", "at", "subject", "action", "door", "outcome"],
        "properties": [
            "id": ["type": "string"], "at": ["type": "string"], "call": ["type": "string"],
            "subject": ["type": "string"], "action": ["type": "string"], "door": ["type": "string"],
            "outcome": ["type": "string"], "code": ["type": "string"], "transaction_id": ["type": "string"],
            "environment": ["type": "string"], "address": ["type": "string"],
            "detail": ["description": "The arguments, with what is sensitive masked."],
        ],
    ]

    private var list: Action {
        Action(
            ActionRules(
                "audit.list",
                auditAction: "AUDIT_READ",
                role: .orgAdmin,
                scopes: ["administration:read"],
                isOpenWhenSuspended: true
            ),
            title: "Read the audit",
            summary: "Who asked for what, when, by which door and with what outcome; newest first.",
            route: Route("GET", "/admin/audit-logs"),
            arguments: ["limit": Arguments.limit, "before": Arguments.id],
            output: .data(
                ["type": "array", "items": AuditActions.schema],
                beside: [("next_before", ["type": "string", "description": "Only with a full page."])]
            )
        ) { [house] use throws(GatewayError) in
            var before: Identifier?
            if let text = use.text("before") {
                guard let id = Identifier(text) else { throw Administration.wrong("before", "the id of a line") }
                before = id
            }
            let lines = try await house.parts.audit.records(
                organization: use.principal.organization,
                before: before,
                limit: use.limit
            )
            var beside: [(name: String, value: [UInt8])] = []
            if lines.count == use.limit, let last = lines.last {
                beside.append(("next_before", JSON.string(last.id.description).bytes))
            }
            return .data(JSON.array(lines.map(AuditActions.document)).bytes, beside: beside)
        }
    }

    private static func document(_ line: AuditRecord) -> JSON {
        var document: JSONObject = [
            "id": .string(line.id.description), "at": .string(line.at.description),
            "call": .string(line.call.description), "subject": .string(line.subject),
            "action": .string(line.action), "door": .string(line.door), "outcome": .string(line.outcome.rawValue),
        ]
        document["code"] = line.code.map { .string($0) }
        document["transaction_id"] = line.record.map { .string($0.description) }
        document["environment"] = line.environment.map { .string($0.rawValue) }
        document["address"] = line.address.map { .string($0) }
        document["detail"] = line.detail.map { text in (try? JSON(parsing: text)) ?? .string(text) }
        return .object(document)
    }
}
