import Daraja
import OrderedJSON
import PluginKit

/// Makes a report, which the host keeps as it is.
func makeReport(_ arguments: JSON, _ context: FunctionContext) async throws(FunctionFailure) -> JSON {
    let kind = arguments["report_type"]?.stringValue.flatMap(ReportKind.init(rawValue:)) ?? .daily
    let period = try Period.ofReport(
        kind,
        from: arguments["date_from"]?.stringValue ?? "",
        to: arguments["date_to"]?.stringValue,
        today: EastAfricaTime.day(milliseconds: context.nowMilliseconds)
    )
    let wish = TaskWish(arguments, period)
    if wish.isLong, context.mayBecomeTask { throw .goesOn(wish.words) }
    guard !wish.isWithTransactions || context.task != nil else {
        throw .notSupported("A file of transactions goes on as a task, which this gateway does not offer.")
    }
    // First what takes long: a report is kept once, however often this is begun again.
    let transactions = wish.isWithTransactions ? try await transactionFile(of: period, context) : nil
    context.progress(0.98, "The report")
    let sums = try await context.sums(
        from: period.from,
        to: period.to,
        by: Report.groups,
        open: true,
        balances: true,
        batches: true
    )
    let made = MadeReport(kind: kind, period: period, position: sums.position, task: context.task)
    let report = Report(kind: kind, period: period, sums: sums).document
    var document = made.document(of: report, keptAs: try await context.ask("x-report.keep", made.wish(of: report)))
    var links = transactions.map { [$0] } ?? []
    let name = "report-\(kind.rawValue.lowercased())-\(period.from)-\(period.to)"
    switch arguments["format"]?.stringValue {
    case "CSV": links.append(try await file(named: name + ".csv", of: .object(document), context))
    case "XLSX": links += StoredFile.link(to: document["report_id"]?.stringValue, named: name + ".xlsx")
    default: break
    }
    if !links.isEmpty { document["$content"] = .array(links) }
    return .object(document)
}

/// How a report is kept: as what it is, and of which task.
struct MadeReport {
    let kind: ReportKind
    let period: Period
    /// Where in the feed its sums are of.
    let position: String
    /// The task that it is made by, which keeps one however often it is begun.
    let task: String?

    /// What the host is asked.
    func wish(of document: JSONObject) -> JSON {
        var wish: JSONObject = [
            "kind": .string(kind.rawValue), "from": .string(period.from), "to": .string(period.to),
            "position": .string(position), "document": .object(document),
        ]
        wish["key"] = task.map { .string($0) }
        return .object(wish)
    }

    /// The report as the host keeps it: an earlier attempt's, where that came so far.
    func document(of document: JSONObject, keptAs kept: JSON) -> JSONObject {
        if let earlier = kept["document"]?.objectValue { return earlier }
        var document = document
        for (name, value) in kept.objectValue ?? JSONObject() { document[name] = value }
        return document
    }
}

/// What of a report takes longer than a call.
struct TaskWish {
    /// More days than this are summed up as a task, unless the caller says otherwise.
    static let daysMax: Int64 = 92

    /// Whether a file of all transactions is asked for.
    let isWithTransactions: Bool
    /// Whether it is to go on as a task.
    let isLong: Bool
    private let days: Int64

    init(_ arguments: JSON, _ period: Period) {
        isWithTransactions = arguments["transactions"] == true
        days = period.count
        let asked = arguments["as_task"]
        isLong = isWithTransactions || (asked.map { $0 == true } ?? (days > TaskWish.daysMax))
    }

    /// For whoever waits.
    var words: String {
        isWithTransactions
            ? "All transactions of \(days) days are written into a file." : "A report of \(days) days is made."
    }
}

/// A report that is kept, as the spreadsheet that the host writes of it (`reports.file`) for as long as it is kept.
enum StoredFile {
    static func link(to report: String?, named name: String) -> [JSON] {
        guard let report else { return [] }
        return [
            [
                "type": "resource_link", "uri": .string("/reports/\(report)/file?format=xlsx"), "name": .string(name),
                "mimeType": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ]
        ]
    }
}

/// The report's rows as a file, for a day.
private func file(
    named name: String,
    of report: JSON,
    _ context: FunctionContext
) async throws(FunctionFailure) -> JSON {
    let type = "text/csv; charset=utf-8"
    let export = try await context.ask("export.open", ["name": .string(name), "mime_type": .string(type)])
    let place = export["export"] ?? ""
    // The host takes a megabyte at a time, which no report fills.
    _ = try await context.ask("export.append", ["export": place, "text": .string(ReportFile.text(of: report))])
    let closed = try await context.ask("export.close", ["export": place])
    return ["type": "resource_link", "uri": closed["path"] ?? "", "name": .string(name), "mimeType": "text/csv"]
}

/// A report as a spreadsheet reads it: a row for each sum, of which the first columns say what it is of.
enum ReportFile {
    private static let columns = [
        "count", "successful_count", "failed_count", "cancelled_count", "withdrawn_count", "amount_in", "amount_out",
        "amount_given_back", "success_rate",
    ]
    private static let parts: [(part: String, name: String)] = [
        ("by_type", "transaction_type"), ("by_account", "account"), ("by_user", "user_id"), ("by_key", "key_id"),
        ("by_hour", "hour"), ("daily_breakdown", "date"),
    ]

    static func text(of report: JSON) -> String {
        var lines = [(["part", "name"] + columns).map(CSV.cell).joined(separator: ",")]
        for name in ["report_type", "period", "generated_at", "report_id"] {
            lines.append(["report", name, report[name]?.stringValue ?? ""].map(CSV.cell).joined(separator: ","))
        }
        for (name, value) in report["summary"]?.objectValue ?? JSONObject() {
            lines.append(["summary", name, written(value)].map(CSV.cell).joined(separator: ","))
        }
        for row in report["balances"]?.arrayValue ?? [] {
            for name in Report.balanceMembers {
                let label = [row["account"], row["name"]].map { written($0) }.joined(separator: " ") + " " + name
                lines.append(["balances", label, written(row[name])].map(CSV.cell).joined(separator: ","))
            }
        }
        for (part, name) in parts {
            for row in report[part]?.arrayValue ?? [] {
                let cells = [part, row[name]?.stringValue ?? ""] + columns.map { written(row[$0] ?? row[other($0)]) }
                lines.append(cells.map(CSV.cell).joined(separator: ","))
            }
        }
        return lines.map { $0 + "\r\n" }.joined()
    }

    /// A day's count has the seed's name.
    private static func other(_ column: String) -> String { column == "count" ? "transaction_count" : column }

    private static func written(_ value: JSON?) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): "\(number)"
        default: ""
        }
    }
}

/// Cells that are safe to open: a spreadsheet takes none for a formula.
enum CSV {
    static func cell(_ text: String) -> String {
        var text = text.map { $0 == "\r" || $0 == "\n" || $0 == "\r\n" ? " " : $0 }
        // A number may begin with a minus; whatever else begins like a formula is made text.
        if let first = text.first, "=+-@\t".contains(first), Int64(String(text)) == nil || first == "+" {
            text.insert("'", at: text.startIndex)
        }
        let cell = String(text)
        guard cell.contains(where: { ",\"".contains($0) }) else { return cell }
        return "\"" + cell.replacing("\"", with: "\"\"") + "\""
    }
}
