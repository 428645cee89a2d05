import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

/// The most times that the host is asked for one page of a history: it may answer short pages where little of much
/// matches.
private let asksMax = 20
/// The most that the host gives at a time.
private let pageMax = 100

/// A page of an organization's transactions, or of its questions: never both.
func showHistory(_ arguments: JSON, _ context: FunctionContext) async throws(FunctionFailure) -> JSON {
    let filter = try historyFilter(arguments)
    let limit = Int(arguments["limit"]?.integerValue ?? 100)
    var cursor = arguments["cursor"]?.stringValue
    var found: [JSON] = []
    for _ in 0..<asksMax {
        let wanted = min(pageMax, limit - found.count)
        let page = try await context.transactions(filter, after: cursor, limit: wanted)
        found += page.records.map(shownInHistory)
        cursor = page.next
        if cursor == nil || found.count >= limit { break }
    }
    var output: JSONObject = ["transactions": .array(found), "count": .integer(Int64(found.count))]
    output["next_cursor"] = cursor.map { .string($0) }
    return .object(output)
}

/// What arguments ask for.
func historyFilter(_ arguments: JSON) throws(FunctionFailure) -> TransactionFilter {
    let text = { (name: String) in arguments[name]?.stringValue }
    var filter = TransactionFilter()
    let isOfQuestions = text("class") == "questions"
    filter.recordClass = isOfQuestions ? "exchange" : "transaction"
    filter.status = text("status")
    filter.direction = text("direction")
    if let type = text("transaction_type").flatMap(TransactionType.init(rawValue:)) {
        guard !isOfQuestions else {
            throw .argument("transaction_type", "expected none, because questions move no money")
        }
        filter.operation = type.operation
    }
    filter.reference = text("account_reference")
    filter.receipt = text("receipt")
    filter.account = text("account")
    if let phone = text("phone_number") {
        guard let number = MSISDN(phone) else {
            throw .argument("phone_number", "expected a Kenyan mobile number such as 2547XXXXXXXX")
        }
        filter.party = number.digits
    }
    filter.amountMin = arguments["amount_min"]?.integerValue
    filter.amountMax = arguments["amount_max"]?.integerValue
    if let least = filter.amountMin, let most = filter.amountMax, most < least {
        throw .argument("amount_max", "expected \(least) or more, as amount_min says")
    }
    let first = try text("start_date").map { (date) throws(FunctionFailure) in try Period.day(date, "start_date") }
    let last = try text("end_date").map { (date) throws(FunctionFailure) in try Period.day(date, "end_date") }
    if let first, let last, last < first {
        throw .argument("end_date", "expected \(EastAfricaTime.date(ofDay: first)) or later, the day of start_date")
    }
    filter.fromMilliseconds = first.map { max(0, EastAfricaTime.milliseconds(startOfDay: $0)) }
    filter.untilMilliseconds = last.map { EastAfricaTime.milliseconds(startOfDay: $0 + 1) }
    return filter
}

/// One of them, by the seed's words.
func shownInHistory(_ record: Record) -> JSON {
    let document = record.document
    var shown: JSONObject = [
        "transaction_id": .string(record.id), "status": .string(record.status), "state": .string(record.state),
        "transaction_type": .string(TransactionType.name(ofOperation: document["operation"]?.stringValue ?? "")),
        "direction": document["direction"] ?? "none", "created_at_ms": .integer(record.createdMilliseconds),
    ]
    shown["account"] = document["account"]
    shown["amount"] = record.amount.map { .integer($0) }
    shown["reversed_amount"] = record.reversedAmount.map { .integer($0) }
    let texts = [
        ("phone_number", record.party), ("account_reference", record.reference),
        ("transaction_desc", record.description), ("mpesa_receipt_number", record.receipt),
        ("result_code", record.code), ("result_desc", record.meaning), ("original_transaction_id", record.original),
        ("about_transaction_id", record.about),
    ]
    for (name, text) in texts { shown[name] = text.map { .string($0) } }
    if record.isDisputed { shown["disputed"] = true }
    shown["ended_at_ms"] = record.endedMilliseconds.map { .integer($0) }
    return .object(shown)
}
