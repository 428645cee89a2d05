import Gateway
import OrderedJSON
import Sheets

/// Invoices: a super administrator issues and corrects them, an organization reads its own.
///
/// A line is never changed: what was wrong is put right by another one.
struct InvoiceActions: Sendable {
    let house: Administration

    var all: [Action] { [list, show, file, issue, correct] }

    private static let lineSchema: JSON = [
        "type": "object", "required": ["line", "kind", "description", "quantity", "unit_cents", "amount_cents"],
        "properties": [
            "line": ["type": "integer"], "kind": ["enum": ["subscription", "calls", "correction"]],
            "tool": ["type": "string", "description": "usage.list and audit.list know the calls by it."],
            "counted": ["type": "string"], "description": ["type": "string"], "quantity": ["type": "integer"],
            "unit_cents": ["type": "integer"], "amount_cents": ["type": "integer"], "made_by": ["type": "string"],
            "made_at": ["type": "string"],
        ],
    ]

    private static let schema: JSON = [
        "type": "object", "required": ["month", "currency", "lines", "total_cents"],
        "properties": [
            "month": ["type": "string"], "currency": ["const": "KES"],
            "from": ["type": "string"], "until": ["type": "string"],
            "lines": ["type": "array", "items": lineSchema], "total_cents": ["type": "integer"],
        ],
    ]

    private static let month: JSON = [
        "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "description": "Such as 2026-11.",
    ]
    private static let missing = GatewayError(.notFound, "There is no invoice of this month.")

    private static func read(_ name: String, _ audit: String) -> ActionRules {
        ActionRules(
            name,
            auditAction: audit,
            role: .orgAdmin,
            scopes: ["usage:read"],
            isOpenWhenSuspended: true,
            showsAllAccounts: true
        )
    }

    // MARK: Reading

    private var list: Action {
        Action(
            InvoiceActions.read("invoices.list", "INVOICES_LISTED"),
            title: "List invoices",
            summary: "The organization's invoices, newest first.",
            route: Route("GET", "/admin/invoices"),
            arguments: ["limit": Arguments.limit],
            output: .data([
                "type": "array",
                "items": [
                    "type": "object", "required": ["month", "total_cents"],
                    "properties": ["month": ["type": "string"], "total_cents": ["type": "integer"]],
                ],
            ])
        ) { [house] use throws(GatewayError) in
            let found = try await house.parts.usage.invoices(
                organization: use.principal.organization,
                limit: use.limit
            )
            return .data(
                .array(
                    found.map { ["month": .string($0.month.description), "total_cents": .integer($0.cents)] }
                )
            )
        }
    }

    private var show: Action {
        Action(
            InvoiceActions.read("invoices.show", "INVOICE_SHOWN"),
            title: "Show an invoice",
            summary: "Its lines, in hundredths of a shilling; corrections stand behind what they correct.",
            route: Route("GET", "/admin/invoices/{month}"),
            arguments: ["month": Arguments.id],
            output: .data(InvoiceActions.schema)
        ) { use throws(GatewayError) in
            let (month, lines) = try await find(use, of: use.principal.organization)
            return .data(InvoiceActions.document(month, lines))
        }
    }

    private var file: Action {
        Action(
            InvoiceActions.read("invoices.save", "INVOICE_SAVED"),
            title: "Save an invoice",
            summary: "The same as a file of comma-separated values.",
            route: Route("GET", "/admin/invoices/{month}/csv"),
            arguments: ["month": Arguments.id],
            output: .file
        ) { use throws(GatewayError) in
            let (month, lines) = try await find(use, of: use.principal.organization)
            let rows = lines.enumerated()
                .map { index, line in
                    SheetText.line([
                        .number(Int64(index + 1)), .text(line.kind.rawValue), .text(line.tool ?? ""),
                        .text(line.counted ?? ""), .text(line.text), .number(line.quantity), .number(line.unitCents),
                        .number(line.amountCents), .text(line.madeAt.description),
                    ])
                }
            let head = [
                "line", "kind", "tool", "counted", "description", "quantity", "unit_cents", "amount_cents", "made_at",
            ]
            return .file(
                name: "invoice-\(month).csv",
                mediaType: "text/csv; charset=utf-8",
                bytes: SheetText.line(head) + rows.joined()
            )
        }
    }

    private func find(
        _ use: Action.Use,
        of organization: OrganizationID
    ) async throws(GatewayError) -> (Month, [InvoiceLine]) {
        guard let month = Month(use.text("month") ?? "") else { throw InvoiceActions.missing }
        let lines = try await house.parts.usage.invoice(month, organization: organization)
        guard !lines.isEmpty else { throw InvoiceActions.missing }
        return (month, lines)
    }

    private static func document(_ month: Month, _ lines: [InvoiceLine]) -> JSON {
        let documents = lines.enumerated()
            .map { index, line -> JSON in
                var document: JSONObject = ["line": .integer(Int64(index + 1)), "kind": .string(line.kind.rawValue)]
                document["tool"] = line.tool.map { .string($0) }
                document["counted"] = line.counted.map { .string($0) }
                document["description"] = .string(line.text)
                document["quantity"] = .integer(line.quantity)
                document["unit_cents"] = .integer(line.unitCents)
                document["amount_cents"] = .integer(line.amountCents)
                document["made_by"] = .string(line.madeBy)
                document["made_at"] = .string(line.madeAt.description)
                return .object(document)
            }
        return [
            "month": .string(month.description), "currency": "KES", "from": .string(month.start.description),
            "until": .string(month.end.description), "lines": .array(documents),
            "total_cents": .integer(lines.reduce(0) { $0.addingReportingOverflow($1.amountCents).partialValue }),
        ]
    }

    // MARK: Issuing and correcting

    private var issue: Action {
        Action(
            ActionRules(
                "invoices.issue",
                auditAction: "INVOICE_ISSUED",
                role: .superAdmin,
                isPersonal: true,
                reach: .host
            ),
            title: "Issue an invoice",
            summary: """
                Of an organization's month that is over, at the price of its plan as it is now: the month, and each tool's \
                calls in live that succeeded. It is issued once, and corrected by lines that are added.
                """,
            route: Route("POST", "/admin/organizations/{org_id}/invoices", status: 201),
            arguments: ["org_id": Arguments.id, "month": InvoiceActions.month],
            required: ["month"],
            output: .data(InvoiceActions.schema)
        ) { [house] use throws(GatewayError) in
            let organization = try await house.named(use)
            let now = house.parts.entropy.now()
            guard let month = try UsageActions.month(use), month.end <= now else {
                throw Administration.wrong("month", "a month that is over")
            }
            guard let plan = try await house.directory.plan(organization.plan) else {
                throw GatewayError(.conflict, "The organization's plan is gone.")
            }
            let sums = try await house.parts.usage.usage(
                UsageQuestion(
                    organization: organization.id,
                    environment: .live,
                    from: month.start,
                    until: month.end,
                    period: .month,
                    parts: [.tool, .counted]
                )
            )
            let maker = (by: use.principal.subjectText, at: now)
            let lines = InvoiceActions.lines(plan, sums.sorted { $0.tool < $1.tool }, maker)
            try await house.parts.usage.add(lines, to: month, organization: organization.id, isNew: true)
            try await house.note("INVOICE_ISSUED", on: organization.id, use)
            return .data(InvoiceActions.document(month, lines), message: "The invoice was issued.")
        }
    }

    private static func lines(_ plan: Plan, _ sums: [UsageSum], _ maker: (by: String, at: Timestamp)) -> [InvoiceLine] {
        let month = InvoiceLine(
            kind: .subscription,
            text: "Plan \(plan.name)",
            unitCents: plan.price.monthCents,
            madeBy: maker.by,
            madeAt: maker.at
        )
        return [month]
            + sums.compactMap { sum in
                guard let price = plan.price.callCents[sum.counted], price > 0, sum.succeeded > 0 else { return nil }
                return InvoiceLine(
                    kind: .calls,
                    tool: sum.tool,
                    counted: sum.counted,
                    text: "Calls of \(sum.tool) that succeeded",
                    quantity: sum.succeeded,
                    unitCents: price,
                    madeBy: maker.by,
                    madeAt: maker.at
                )
            }
    }

    private var correct: Action {
        Action(
            ActionRules(
                "invoices.correct",
                auditAction: "INVOICE_CORRECTED",
                role: .superAdmin,
                isPersonal: true,
                reach: .host
            ),
            title: "Correct an invoice",
            summary: "Adds a line to an organization's invoice; a negative amount gives back.",
            route: Route("POST", "/admin/organizations/{org_id}/invoices/{month}/corrections", status: 201),
            arguments: [
                "org_id": Arguments.id, "month": Arguments.id,
                "description": ["type": "string", "minLength": 1, "maxLength": 200],
                "amount_cents": ["type": "integer", "minimum": -1_000_000_000_000, "maximum": 1_000_000_000_000],
            ],
            required: ["description", "amount_cents"],
            output: .data(InvoiceActions.schema)
        ) { [house] use throws(GatewayError) in
            let organization = try await house.named(use)
            let (month, _) = try await find(use, of: organization.id)
            let line = InvoiceLine(
                kind: .correction,
                text: use.text("description") ?? "",
                unitCents: use.arguments["amount_cents"]?.integerValue ?? 0,
                madeBy: use.principal.subjectText,
                madeAt: house.parts.entropy.now()
            )
            try await house.parts.usage.add([line], to: month, organization: organization.id, isNew: false)
            try await house.note("INVOICE_CORRECTED", on: organization.id, use)
            let lines = try await house.parts.usage.invoice(month, organization: organization.id)
            return .data(InvoiceActions.document(month, lines), message: "The invoice was corrected.")
        }
    }
}
