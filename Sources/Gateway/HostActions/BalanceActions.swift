import OrderedJSON

/// `balances.list`: what M-Pesa last said that accounts hold, how old that is, and what is queued to be paid out of it.
package struct BalanceActions: Sendable {
    private let reports: any ReportRepository
    private let entropy: Entropy
    /// The most rows of history in one answer.
    private static let historyMax = 500

    init(reports: any ReportRepository, entropy: Entropy) {
        self.reports = reports
        self.entropy = entropy
    }

    /// The actions.
    package var all: [Action] { [list] }

    private var list: Action {
        Action(
            ActionRules(
                "balances.list",
                auditAction: "BALANCES_READ",
                role: .manager,
                scopes: ["mpesa:balance"],
                isOpenWhenSuspended: true
            ),
            title: "List balances",
            summary: """
                What M-Pesa last said that the accounts hold, with its age; nothing is asked of M-Pesa: mpesa_check_balance \
                does that, where this is too old. Whatever ends in _cents is whole cents, 100 of them a shilling; what is \
                paid is asked for in whole shillings. forecast says what is left of a utility account once all is paid that \
                waits to be paid out, drafts and batches that wait for people too: look there first whether there is enough. \
                history adds so many rows of older answers, \
                newest first, and the rest of the last answer; next_before_ms is sent as before_ms for what is older.
                """,
            route: Route("GET", "/balances"),
            arguments: [
                "account": AccountName.schema("Of this M-Pesa account alone."),
                "history": [
                    "type": "integer", "minimum": 0, "maximum": .integer(Int64(BalanceActions.historyMax)),
                    "description": "How many rows of older answers; the last answer is whole all the same.",
                ],
                "before_ms": [
                    "type": "integer", "minimum": 0, "maximum": .integer(Timestamp.latest),
                    "description": "History of before that moment, in milliseconds since 1970.",
                ],
            ],
            output: .data([
                "type": "object", "required": ["balances", "forecast"],
                "properties": [
                    "balances": ["type": "array", "items": BalanceActions.balance],
                    "forecast": ["type": "array", "items": BalanceActions.forecast],
                    "history": ["type": "array", "items": BalanceActions.balance],
                    "next_before_ms": ["type": "integer", "description": "Where there may be older ones."],
                ],
            ]),
            tool: "balances_list"
        ) { [self] use throws(GatewayError) in .data(try await answer(use)) }
    }

    private func answer(_ use: Action.Use) async throws(GatewayError) -> JSON {
        let principal = use.principal
        var accounts = principal.accounts
        if let name = use.text("account").flatMap({ AccountName($0) }) {
            accounts = Set([name]).intersection(accounts ?? [name])
        }
        let now = entropy.now()
        let (organization, environment) = (principal.organization, principal.environment)
        let told = try await reports.balances(
            of: organization,
            in: environment,
            accounts: accounts,
            before: Timestamp(milliseconds: Timestamp.latest)
        )
        let question = ReportQuestion(
            organization: organization,
            environment: environment,
            days: 0...0,
            madeBy: nil,
            accounts: accounts
        )
        let open = try await reports.open(question)
        var answer: JSONObject = [
            "balances": .array(told.map { $0.document(at: now) }),
            "forecast": .array(
                told.filter { $0.balance.name == Balance.utility }.map { Forecast(of: $0, open).document(at: now) }
            ),
        ]
        if let count = use.arguments["history"]?.integerValue, count > 0 {
            let before = use.arguments["before_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
            let history = try await reports.balanceHistory(
                of: organization,
                in: environment,
                accounts: accounts,
                before: before ?? now + .seconds(86_400),
                limit: Int(count)
            )
            answer["history"] = .array(history.map { $0.document(at: now) })
            if history.count >= Int(count) {
                answer["next_before_ms"] = history.last.map { .integer($0.at.milliseconds) }
            }
        }
        return .object(answer)
    }

    private static let text: JSON = ["type": "string"]
    private static let whole: JSON = ["type": "integer"]

    private static let balance: JSON = [
        "type": "object",
        "required": [
            "account", "name", "currency", "current_cents", "available_cents", "reserved_cents", "uncleared_cents",
            "at_ms", "age_s",
        ],
        "properties": [
            "account": text, "name": ["type": "string", "description": "M-Pesa's name, such as Working Account."],
            "currency": text, "current_cents": whole, "available_cents": whole, "reserved_cents": whole,
            "uncleared_cents": whole, "at_ms": whole, "age_s": whole,
        ],
    ]

    private static let forecast: JSON = [
        "type": "object",
        "required": ["account", "available_cents", "queued_cents", "on_its_way_cents", "left_cents", "age_s"],
        "properties": [
            "account": text, "available_cents": whole,
            "queued_cents": ["type": "integer", "description": "Waits to be sent: drafts, and what was let go."],
            "on_its_way_cents": ["type": "integer", "description": "Sent, and not known to have ended."],
            "left_cents": [
                "type": "integer", "description": "Of what was available; negative where it is too little.",
            ],
            "age_s": ["type": "integer", "description": "Of the balance; what ended since is not taken off."],
        ],
    ]
}

/// What is left of a utility account once everything is paid that waits to be.
struct Forecast: Sendable, Equatable {
    let account: String
    let availableCents: Int64
    /// Not sent yet.
    let queuedCents: Int64
    /// Sent, and not known to have ended.
    let onItsWayCents: Int64
    let at: Timestamp

    init(of told: ToldBalance, _ open: [OpenSum]) {
        account = told.account
        availableCents = told.balance.availableCents
        at = told.at
        let payouts = open.filter { $0.direction == .outgoing && $0.account == told.account }
        let cents = { (sums: [OpenSum]) in sums.reduce(0) { $0 + $1.amount } * 100 }
        let waiting: Set<RecordState> = [.draft, .released, .created]
        queuedCents = cents(payouts.filter { waiting.contains($0.state) })
        onItsWayCents = cents(payouts.filter { !waiting.contains($0.state) })
    }

    func document(at now: Timestamp) -> JSON {
        [
            "account": .string(account), "available_cents": .integer(availableCents),
            "queued_cents": .integer(queuedCents), "on_its_way_cents": .integer(onItsWayCents),
            "left_cents": .integer(availableCents - queuedCents - onItsWayCents),
            "age_s": .integer(max(0, (now - at).wholeMilliseconds / 1000)),
        ]
    }
}

extension ToldBalance {
    /// As it is shown, with its age.
    func document(at now: Timestamp) -> JSON {
        [
            "account": .string(account), "name": .string(balance.name), "currency": .string(balance.currency),
            "current_cents": .integer(balance.currentCents), "available_cents": .integer(balance.availableCents),
            "reserved_cents": .integer(balance.reservedCents), "uncleared_cents": .integer(balance.unclearedCents),
            "at_ms": .integer(at.milliseconds),
            "age_s": .integer(max(0, (now - at).wholeMilliseconds / 1000)),
        ]
    }
}
