import OrderedJSON
import Sheets

/// `transactions.save`: all transactions of some time as CSV, a page in memory at a time, for as long as it takes.
package struct TransactionFile: Sendable {
    private let records: any RecordRepository
    private let entropy: Entropy
    /// How many transactions are read at a time.
    private static let pageMax = 500

    /// Writes files of these.
    package init(records: any RecordRepository, entropy: Entropy) {
        self.records = records
        self.entropy = entropy
    }

    /// The actions.
    package var all: [Action] { [save] }

    private var save: Action {
        Action(
            ActionRules(
                "transactions.save",
                auditAction: "TRANSACTIONS_SAVED",
                scopes: ["transactions:read"],
                cost: 10,
                isOpenWhenSuspended: true
            ),
            title: "Save transactions",
            summary: """
                All transactions, or those of some time, as CSV, newest first; role user gets those that it began itself. It \
                is made while it is read, however long it gets; what is begun meanwhile is not in it. The first column \
                counts the rows, which shows how far it is.
                """,
            route: Route("GET", "/transactions/all/csv"),
            arguments: [
                "from_ms": TransactionFile.moment("Begun then or later."),
                "until_ms": TransactionFile.moment("Begun before that."),
                "direction": [
                    "enum": ["in", "out", "reverse"], "description": "Which way the money goes: reverse gives back.",
                ],
                "account": AccountName.schema("That went through this M-Pesa account."),
            ],
            output: .file
        ) { [self] use throws(GatewayError) in
            let filter = try filter(use)
            return .stream(
                FileStream(name: "transactions.csv", mediaType: "text/csv; charset=utf-8") {
                    [self] (write) async throws(GatewayError) in
                    try await self.write(
                        filter,
                        of: use.principal.organization,
                        in: use.principal.environment,
                        mayGoOn: use.mayGoOn,
                        to: write
                    )
                }
            )
        }
    }

    private func filter(_ use: Action.Use) throws(GatewayError) -> RecordFilter {
        var filter = RecordFilter(limit: TransactionFile.pageMax)
        filter.recordClass = .transaction
        filter.madeBy = use.principal.maker
        filter.accounts = use.principal.accounts
        if let name = use.text("account").flatMap({ AccountName($0) }) {
            filter.accounts = Set([name]).intersection(use.principal.accounts ?? [name])
        }
        filter.direction = use.text("direction").flatMap(OperationDirection.init(rawValue:))
        filter.from = use.arguments["from_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
        let until = use.arguments["until_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
        if let from = filter.from, let until, until < from { throw .wrong("until_ms", "expected from_ms or later") }
        let now = entropy.now() + .milliseconds(1)
        filter.until = min(until ?? now, now)
        return filter
    }

    /// Writes what matches, a page at a time; before each it asks whether it may go on.
    package func write(
        _ filter: RecordFilter,
        of organization: OrganizationID,
        in environment: Environment,
        mayGoOn: @Sendable () async throws(GatewayError) -> Void,
        to write: FileStream.Write
    ) async throws(GatewayError) {
        var filter = filter
        filter.limit = TransactionFile.pageMax
        var rows = 0
        try await write(TransactionRow.header)
        while true {
            try await mayGoOn()
            let page = try await records.page(matching: filter, organization: organization, environment: environment)
            var bytes: [UInt8] = []
            for record in page.records {
                rows += 1
                bytes += TransactionRow.line(rows, record)
            }
            try await write(bytes)
            // A page may be empty and go on.
            guard let next = page.next else { return }
            filter.before = next
        }
    }

    private static func moment(_ description: String) -> JSON {
        [
            "type": "integer", "minimum": 0, "maximum": .integer(Timestamp.latest),
            "description": .string("\(description) Milliseconds since 1970."),
        ]
    }
}

/// A transaction as a line of CSV.
enum TransactionRow {
    private static let columns = [
        "row", "transaction_id", "created_at", "status", "state", "direction", "tool", "account", "amount",
        "reversed_amount", "phone_number", "reference", "description", "mpesa_receipt_number", "result_code",
        "result_desc", "made_by", "ended_at", "counted_on", "fee_cents", "disputed",
    ]

    static let header = SheetText.line(columns)

    static func line(_ number: Int, _ record: Record) -> [UInt8] {
        let cells = [
            String(number), record.id.description, record.createdAt.description, record.state.status,
            record.state.rawValue, record.direction.rawValue, record.tool, record.accountName.description,
            text(record.intent.amount?.amount), record.reversedAmount > 0 ? String(record.reversedAmount) : "",
            record.intent.party ?? "", record.intent.reference ?? "", record.intent.description ?? "",
            record.receipt ?? "", record.code ?? "", record.meaning ?? "", record.madeBy,
            record.endedAt?.description ?? "",
            record.countedAt.map { NairobiDay.text(RollupPlace.day(of: $0)) } ?? "", text(record.feeCents),
            record.isDisputed ? "yes" : "",
        ]
        return SheetText.line(cells)
    }

    private static func text(_ number: Int64?) -> String { number.map(String.init) ?? "" }
}
