import OrderedJSON
import Sheets

/// `reports.…`: the reports that are kept, what became true since each, and the proof that its sums are the records'.
package struct ReportActions: Sendable {
    private let reports: any ReportRepository
    private let corrections: Corrections
    private let verification: Verification
    private let places: FeedPlaces
    private let entropy: Entropy
    private let sheets: SheetThread
    /// The most that one page shows.
    private static let pageMax = 100

    init(
        reports: any ReportRepository & RollupRepository,
        reader: RollupReader,
        corrections: Corrections,
        places: FeedPlaces,
        sheets: SheetThread,
        entropy: Entropy
    ) {
        self.reports = reports
        self.corrections = corrections
        verification = Verification(reports: reports, sums: reports, reader: reader)
        self.places = places
        self.sheets = sheets
        self.entropy = entropy
    }

    /// The actions.
    package var all: [Action] { [list, show, file, diff, verify] }

    private static func rules(_ name: String, role: Role = .user, cost: Int = 1) -> ActionRules {
        ActionRules(
            name,
            auditAction: "REPORTS_READ",
            role: role,
            scopes: ["reports:read"],
            cost: cost,
            isOpenWhenSuspended: true,
            feature: .reports
        )
    }

    // MARK: List and show

    private var list: Action {
        Action(
            ReportActions.rules("reports.list"),
            title: "List reports",
            summary: """
                The reports that are kept, newest first, of which nothing is about what you may not see: role user sees those \
                of what it asked for itself. Where there may be more, next_before is sent as before for the next page, also \
                after a page that is short or empty. \(TransactionDocument.others)
                """,
            route: Route("GET", "/reports"),
            arguments: [
                "limit": ["type": "integer", "minimum": 1, "maximum": .integer(Int64(ReportActions.pageMax))],
                "report_type": ["type": "string", "maxLength": 32, "description": "Of this kind, such as DAILY."],
                "before": ["type": "string", "maxLength": 64, "description": "Only older ones: a page's next_before."],
            ],
            output: .data(
                ["type": "array", "items": ReportActions.head],
                beside: [("next_before", ["type": "string", "description": "Where there may be more."])]
            ),
            tool: "reports_list"
        ) { [reports, entropy] use throws(GatewayError) in
            let limit = use.arguments["limit"]?.integerValue.map(Int.init) ?? ReportActions.pageMax
            var before: Identifier?
            if let text = use.text("before") {
                guard let id = Identifier(text) else { throw .wrong("before", "expected a report's id") }
                before = id
            }
            let found = try await reports.reports(
                organization: use.principal.organization,
                environment: use.principal.environment,
                kind: use.text("report_type"),
                before: before,
                limit: limit,
                now: entropy.now()
            )
            let seen = found.filter { $0.isSeen(by: use.principal) }
            let next = found.count < limit ? nil : found.last?.id
            return .data(
                JSON.array(seen.map(\.head)).bytes,
                beside: next.map { [(name: "next_before", value: JSON.string($0.description).bytes)] } ?? []
            )
        }
    }

    private var show: Action {
        Action(
            ReportActions.rules("reports.show"),
            title: "Show a report",
            summary: """
                A report as it was made: it never changes. reports_diff says what became known since. \
                \(TransactionDocument.others)
                """,
            route: Route("GET", "/reports/{id}"),
            arguments: ["id": ReportActions.id],
            output: .data(["type": "object"]),
            tool: "reports_show",
            // What never changes is told of by nobody.
            resource: ActionResource("reports", argument: "id", listedBy: "reports.list", member: "report_id")
        ) { [self] use throws(GatewayError) in .data(try await report(use).document) }
    }

    private var file: Action {
        Action(
            ReportActions.rules("reports.file"),
            title: "Save a report for spreadsheets",
            summary: """
                A report that is kept as CSV or XLSX, a row for each of its sums: part says where in the report it stands. Safe \
                to open in a spreadsheet: a text that would be a formula there begins with an apostrophe.
                """,
            route: Route("GET", "/reports/{id}/file"),
            arguments: ["id": ReportActions.id, "format": RowFile.Format.schema],
            output: .file
        ) { [self] use throws(GatewayError) in
            let report = try await report(use)
            guard let document = try? JSON(parsing: report.document) else {
                throw GatewayError.fault("a report that is kept is no JSON")
            }
            let format = use.text("format").flatMap(RowFile.Format.init(rawValue:)) ?? .csv
            let sheet = ReportSheet(document)
            let name = "report-\(report.kind.lowercased())-\(report.id)"
            let file = RowFile(name: name, sheet: "Report", header: sheet.header, format: format)
            return .stream(
                file.stream(on: sheets) { (take) async throws(GatewayError) in try await take(sheet.cells) }
            )
        }
    }

    private func report(_ use: Action.Use) async throws(GatewayError) -> StoredReport {
        let missing = GatewayError(.notFound, "There is no report with this id, or it has expired.")
        guard let id = Identifier(use.text("id") ?? "") else { throw missing }
        let found = try await reports.report(
            id,
            organization: use.principal.organization,
            environment: use.principal.environment,
            now: entropy.now()
        )
        guard let found, found.isSeen(by: use.principal) else { throw missing }
        return found
    }

    // MARK: Diff and verify

    private var diff: Action {
        Action(
            ReportActions.rules("reports.diff", cost: 5),
            title: "What a report did not know",
            summary: """
                What became true of the report's days after it was made: the transactions by name, at most 100 a page, and \
                what all of them change, counted through at most 50,000 events. is_whole is false where there are more; \
                next_after is sent as after for those that are not named or counted yet, and missed says that some are no \
                longer kept. \(TransactionDocument.others)
                """,
            route: Route("GET", "/reports/{id}/diff"),
            arguments: [
                "id": ReportActions.id,
                "after": ["type": "string", "maxLength": 64, "description": "The next_after of the page before."],
            ],
            output: .data(
                [
                    "type": "object", "required": ["count", "is_whole", "missed", "changes", "transactions"],
                    "properties": [
                        "count": ReportActions.whole, "is_whole": ["type": "boolean"], "missed": ["type": "boolean"],
                        "changes": ["type": "array", "items": ["type": "object"]],
                        "transactions": ["type": "array", "items": ["type": "object"]],
                    ],
                ],
                beside: [("next_after", ["type": "string", "description": "Where there is more."])]
            ),
            tool: "reports_diff"
        ) { [self] use throws(GatewayError) in
            let report = try await report(use)
            let organization = use.principal.organization
            var position = report.position
            if let text = use.text("after") {
                guard let after = places.position(text, for: organization) else {
                    throw .wrong("after", "expected the next_after of a page")
                }
                position = max(position, after)
            }
            let found = try await corrections.find(
                Corrections.Question(scope: report.question, days: [report.question.days], after: position)
            )
            let next = found.next.map { JSON.string(places.text($0, for: organization)).bytes }
            return .data(
                found.document().bytes,
                beside: next.map { [(name: "next_after", value: $0)] } ?? []
            )
        }
    }

    private var verify: Action {
        Action(
            ReportActions.rules("reports.verify", role: .manager, cost: 20),
            title: "Verify a report's sums",
            summary: """
                Counts the transactions of the report's days one by one, and compares that with what is summed up of them \
                now. is_proven says that both are the same; otherwise differences names where they are not, and before_feed \
                what ended before this gateway had a feed, so that no sum holds it. One at a time for an organization. \
                \(TransactionDocument.others)
                """,
            route: Route("GET", "/reports/{id}/verification"),
            arguments: ["id": ReportActions.id],
            output: .data([
                "type": "object",
                "required": ["is_proven", "transactions", "amount", "counted_to", "before_feed", "differences"],
                "properties": [
                    "is_proven": ["type": "boolean"], "transactions": ReportActions.whole,
                    "amount": [
                        "type": "integer",
                        "description": "Of all that ended, however and whichever way: no sum of the report.",
                    ],
                    "counted_to": [
                        "type": "string", "description": "The place in the feed up to which the sums count.",
                    ],
                    "before_feed": [
                        "type": "object",
                        "description": "Of these days, and in no report: what ended before there was a feed.",
                    ],
                    "differences": ["type": "array", "items": ["type": "object"]],
                ],
            ]),
            tool: "reports_verify"
        ) { [self] use throws(GatewayError) in
            let outcome = try await verification.verify(try await report(use).question)
            return .data([
                "is_proven": .bool(outcome.isProven),
                "transactions": .integer(outcome.counted.transactions), "amount": .integer(outcome.counted.amount),
                "counted_to": .string(places.text(outcome.position, for: use.principal.organization)),
                "before_feed": [
                    "transactions": .integer(outcome.beforeFeed.transactions),
                    "amount": .integer(outcome.beforeFeed.amount),
                ],
                "differences": .array(outcome.differences.map(\.document)),
            ])
        }
    }

    private static let whole: JSON = ["type": "integer", "minimum": 0]
    private static let id: JSON = ["type": "string", "maxLength": 64, "description": "The report's."]

    private static let head: JSON = [
        "type": "object",
        "required": ["report_id", "report_type", "date_from", "date_to", "made_by", "made_at_ms", "expires_at_ms"],
        "properties": [
            "report_id": ["type": "string"], "report_type": ["type": "string"], "date_from": ["type": "string"],
            "date_to": ["type": "string"], "made_by": ["type": "string"], "made_at_ms": whole, "expires_at_ms": whole,
        ],
    ]
}

extension StoredReport {
    fileprivate var head: JSON {
        [
            "report_id": .string(id.description), "report_type": .string(kind),
            "date_from": .string(NairobiDay.text(question.days.lowerBound)),
            "date_to": .string(NairobiDay.text(question.days.upperBound)), "made_by": .string(madeBy),
            "made_at_ms": .integer(madeAt.milliseconds), "expires_at_ms": .integer(expiresAt.milliseconds),
        ]
    }
}

extension Verification.Difference {
    fileprivate var document: JSON {
        [
            "date": .string(NairobiDay.text(place.day)), "hour": .integer(place.hour),
            "account": .string(place.account), "direction": .string(place.direction.rawValue),
            "tool": .string(place.tool), "made_by": .string(place.madeBy), "state": .string(place.outcome.rawValue),
            "summed": ["transactions": .integer(summed.transactions), "amount": .integer(summed.amount)],
            "counted": ["transactions": .integer(counted.transactions), "amount": .integer(counted.amount)],
        ]
    }
}
