import OrderedJSON

/// Which transactions a page is to hold: `x-transaction.page` of docs/abi.md, section 9, a draft.
///
///     var filter = TransactionFilter()
///     filter.status = "SUCCESS"
///     let page = try await context.transactions(filter)
public struct TransactionFilter: Sendable, Hashable {
    /// `transaction` for what moves money, `exchange` for questions; never both.
    public var recordClass = "transaction"
    /// `PENDING`, `SUCCESS`, `FAILED`, `CANCELLED` or `REVERSED`.
    public var status: String?
    /// `in`, `out` or `reverse`.
    public var direction: String?
    /// Of this kind, such as `stk_push`.
    public var operation: String?
    /// The other side, as 2547XXXXXXXX.
    public var party: String?
    /// The organization's own reference.
    public var reference: String?
    /// M-Pesa's receipt.
    public var receipt: String?
    /// Of this M-Pesa account of the organization's.
    public var account: String?
    /// Of at least so many shillings.
    public var amountMin: Int64?
    /// Of at most so many shillings.
    public var amountMax: Int64?
    /// Begun then or later, in milliseconds since 1970.
    public var fromMilliseconds: Int64?
    /// Begun before that.
    public var untilMilliseconds: Int64?

    /// Holds every transaction.
    public init() {}

    func request(after cursor: String?, limit: Int) -> JSON {
        var request: JSONObject = ["class": .string(recordClass), "limit": .integer(Int64(limit))]
        let texts = [
            ("status", status), ("direction", direction), ("operation", operation), ("party", party),
            ("reference", reference), ("receipt", receipt), ("account", account), ("cursor", cursor),
        ]
        for (name, text) in texts { request[name] = text.map { .string($0) } }
        let numbers = [
            ("amount_min", amountMin), ("amount_max", amountMax), ("from_ms", fromMilliseconds),
            ("until_ms", untilMilliseconds),
        ]
        for (name, number) in numbers { request[name] = number.map { .integer($0) } }
        return .object(request)
    }
}

/// Sums of an organization's transactions: `x-transaction.aggregate` of docs/abi.md, section 9, a draft.
public struct TransactionSums: Sendable, Hashable {
    /// When they were read, in milliseconds since 1970.
    public var asOfMilliseconds: Int64
    /// The place in the feed that all of them are of, as the host names it.
    public var position: String
    /// How many events the feed's reader had not come to; they are counted all the same.
    public var late: Int64
    /// The rows of each group that was asked for, in that order.
    public var groups: [[JSON]]
    /// What has not ended, where that was asked for.
    public var open: [JSON]
    /// What M-Pesa last said before the end of the days that accounts hold, where that was asked for; nil where the caller
    /// may not know it.
    public var balances: [JSON]?

    /// How many batches were made on the days, a row for each tool; nil where that was not asked for, or they are too many
    /// to be counted.
    public var batches: [JSON]?

    /// Reads an answer.
    public init(_ json: JSON) {
        batches = json["batches"]?.arrayValue
        asOfMilliseconds = json["as_of_ms"]?.integerValue ?? 0
        position = json["position"]?.stringValue ?? ""
        late = json["late"]?.integerValue ?? 0
        groups = json["groups"]?.arrayValue?.map { $0.arrayValue ?? [] } ?? []
        open = json["open"]?.arrayValue ?? []
        balances = json["balances"]?.arrayValue
    }
}

extension FunctionContext {
    /// A page of transactions, newest first, at most 100; `next` is the cursor of the next one, nil at the end.
    ///
    /// A page may be short, or empty, and go on: little of much matched.
    public func transactions(
        _ filter: TransactionFilter,
        after cursor: String? = nil,
        limit: Int = 100
    ) async throws(FunctionFailure) -> (records: [Record], next: String?) {
        let answer = try await ask("x-transaction.page", filter.request(after: cursor, limit: limit))
        return ((answer["transactions"]?.arrayValue ?? []).map { Record($0) }, answer["next"]?.stringValue)
    }

    /// Sums over days of Nairobi, such as `2026-11-27`, told apart in each of some ways, such as `["day", "status"]`.
    public func sums(
        from first: String,
        to last: String,
        by groups: [[String]],
        open: Bool = false,
        balances: Bool = false,
        batches: Bool = false
    ) async throws(FunctionFailure) -> TransactionSums {
        TransactionSums(
            try await ask(
                "x-transaction.aggregate",
                [
                    "from": .string(first), "to": .string(last), "open": .bool(open),
                    "balances": .bool(balances), "batches": .bool(batches),
                    "groups": .array(groups.map { .array($0.map { .string($0) }) }),
                ]
            )
        )
    }
}
