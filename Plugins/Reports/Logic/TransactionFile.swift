import Daraja
import OrderedJSON
import PluginKit

/// How many transactions the host gives at a time.
private let pageMax = 100
/// How long a piece of the file gets before it is handed to the host, which takes a megabyte at a time.
private let pieceBytesMax = 512 << 10

/// Writes all transactions that were begun on some days into a file, newest first, a page in memory at a time, and tells
/// how far it is by the days that are written.
///
/// - Returns: A link to it, good for a day.
func transactionFile(of period: Period, _ context: FunctionContext) async throws(FunctionFailure) -> JSON {
    var filter = TransactionFilter()
    let begin = EastAfricaTime.milliseconds(startOfDay: period.first)
    // What is begun while this is written is not in it.
    let end = min(EastAfricaTime.milliseconds(startOfDay: period.last + 1), context.nowMilliseconds)
    (filter.fromMilliseconds, filter.untilMilliseconds) = (max(0, begin), max(0, end))
    let name = "transactions-\(period.from)-\(period.to).csv"
    let export = try await context.ask("export.open", ["name": .string(name), "mime_type": "text/csv; charset=utf-8"])
    let place = export["export"] ?? ""
    var (piece, rows, cursor) = (TransactionLines.header, 0, String?.none)
    repeat {
        guard !context.isCancelled else { throw .cancelled("It is not wanted any more.") }
        let page = try await context.transactions(filter, after: cursor, limit: pageMax)
        for record in page.records {
            rows += 1
            piece += TransactionLines.line(rows, record)
        }
        cursor = page.next
        if piece.utf8.count >= pieceBytesMax || cursor == nil {
            _ = try await context.ask("export.append", ["export": place, "text": .string(piece)])
            piece = ""
        }
        if let last = page.records.last {
            let done = Double(end - last.createdMilliseconds) / Double(max(1, end - begin))
            context.progress(0.95 * max(0, min(1, done)), "\(rows) transactions")
        }
    } while cursor != nil
    let closed = try await context.ask("export.close", ["export": place])
    return ["type": "resource_link", "uri": closed["path"] ?? "", "name": .string(name), "mimeType": "text/csv"]
}

/// Transactions as lines of CSV, by the words of a history.
enum TransactionLines {
    private static let columns = [
        "transaction_id", "created_at_ms", "status", "state", "transaction_type", "direction", "account", "amount",
        "reversed_amount", "phone_number", "account_reference", "transaction_desc", "mpesa_receipt_number",
        "result_code", "result_desc", "original_transaction_id", "ended_at_ms", "disputed",
    ]

    static let header = (["row"] + columns).joined(separator: ",") + "\r\n"

    static func line(_ number: Int, _ record: Record) -> String {
        let shown = shownInHistory(record)
        let cells = columns.map { CSV.cell(text(shown[$0])) }
        return String(number) + "," + cells.joined(separator: ",") + "\r\n"
    }

    private static func text(_ value: JSON?) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        case .bool(let flag): flag ? "yes" : ""
        default: ""
        }
    }
}
