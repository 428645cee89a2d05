import OrderedJSON

/// A Daraja app and the short code it acts for.
package struct SimulatorAccount: Sendable {
    /// Basic authentication's name.
    package let consumerKey: String
    /// Basic authentication's password.
    package let consumerSecret: String
    /// The PayBill, or the till's store number.
    package let shortCode: String
    /// The till, when it is one.
    package let tillNumber: String?
    /// For the password.
    package let passkey: String
    /// The operator that pays out and asks.
    package let initiatorName: String
    /// That operator's password.
    package let initiatorPassword: String

    /// Makes an account.
    package init(
        consumerKey: String,
        consumerSecret: String,
        shortCode: String,
        tillNumber: String? = nil,
        passkey: String,
        initiatorName: String,
        initiatorPassword: String
    ) {
        self.consumerKey = consumerKey
        self.consumerSecret = consumerSecret
        self.shortCode = shortCode
        self.tillNumber = tillNumber
        self.passkey = passkey
        self.initiatorName = initiatorName
        self.initiatorPassword = initiatorPassword
    }
}

/// What the simulator does and how fast.
package struct SimulatorSettings: Sendable {
    /// Where it listens; loopback only.
    package var host = "127.0.0.1"
    /// 0 for any free port.
    package var port = 0
    /// How long a token lives, by the clock.
    ///
    /// Default 3,600 s, as Daraja's.
    package var tokenLife: Duration = .seconds(3600)
    /// What `expires_in` says of it, at least 1 s.
    ///
    /// Default 3,599 s, as Daraja's; more than `tokenLife` is a clock that the gateway cannot trust.
    package var statedTokenLife: Duration = .seconds(3599)
    /// How long the customer takes.
    package var promptDelay: Duration = .milliseconds(1500)
    /// Who may use it.
    package var accounts: [SimulatorAccount] = []
    /// Where prompts and charges are kept across restarts; nil to forget them.
    package var journal: String?
    /// Whether connections are kept between callbacks of pushes; Safaricom opens one for each.
    package var keepsConnections = false
    /// How many requests, prompts and charges are remembered.
    ///
    /// Default 100,000.
    package var entriesMax = 100_000

    /// The defaults.
    package init() {}
}

/// A push that was taken: the prompt on a phone.
struct Prompt: Sendable {
    let checkoutRequestID: String
    let merchantRequestID: String
    let shortCode: String
    let phone: String
    let amount: Int64
    let reference: String
    let callbackURL: String
    let outcome: Outcome
    let createdMilliseconds: Int64
    /// Nil while the customer has not answered.
    var resultCode: Int?
    var receipt: String?
    var callbackStatuses: [Int] = []

    var json: JSON {
        var object: JSONObject = [
            "checkout_request_id": .string(checkoutRequestID), "merchant_request_id": .string(merchantRequestID),
            "short_code": .string(shortCode), "phone": .string(phone), "amount": .integer(amount),
            "reference": .string(reference), "callback_url": .string(callbackURL),
            "outcome": .string(outcome.rawValue), "created_ms": .integer(createdMilliseconds),
        ]
        object["result_code"] = resultCode.map { .integer(Int64($0)) }
        object["receipt"] = receipt.map { .string($0) }
        object["callback_statuses"] = .array(callbackStatuses.map { .integer(Int64($0)) })
        return .object(object)
    }

    init(
        checkoutRequestID: String,
        merchantRequestID: String,
        shortCode: String,
        phone: String,
        amount: Int64,
        reference: String,
        callbackURL: String,
        outcome: Outcome,
        createdMilliseconds: Int64
    ) {
        self.checkoutRequestID = checkoutRequestID
        self.merchantRequestID = merchantRequestID
        self.shortCode = shortCode
        self.phone = phone
        self.amount = amount
        self.reference = reference
        self.callbackURL = callbackURL
        self.outcome = outcome
        self.createdMilliseconds = createdMilliseconds
    }

    init?(_ json: JSON) {
        guard let checkout = json["checkout_request_id"]?.stringValue,
            let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:))
        else { return nil }
        self.init(
            checkoutRequestID: checkout,
            merchantRequestID: json["merchant_request_id"]?.stringValue ?? "",
            shortCode: json["short_code"]?.stringValue ?? "",
            phone: json["phone"]?.stringValue ?? "",
            amount: json["amount"]?.integerValue ?? 0,
            reference: json["reference"]?.stringValue ?? "",
            callbackURL: json["callback_url"]?.stringValue ?? "",
            outcome: outcome,
            createdMilliseconds: json["created_ms"]?.integerValue ?? 0
        )
        resultCode = json["result_code"]?.integerValue.map { Int($0) }
        receipt = json["receipt"]?.stringValue
    }
}

/// A charge: money that left somebody's account.
///
/// The ledger is the judge of every crash test.
package struct Charge: Sendable, Equatable {
    /// Who paid.
    package let phone: String
    /// Whole shillings.
    package let amount: Int64
    /// What for.
    package let reference: String
    /// The prompt.
    package let checkoutRequestID: String
    /// M-Pesa's receipt.
    package let receipt: String

    var json: JSON {
        [
            "phone": .string(phone), "amount": .integer(amount), "reference": .string(reference),
            "checkout_request_id": .string(checkoutRequestID), "receipt": .string(receipt),
        ]
    }
}

/// All that the simulator remembers; guarded by one lock in `Simulator`.
struct SimulatorState {
    struct Token {
        let text: String
        let goodUntilMilliseconds: Int64
    }

    /// How long tokens live from now on, and what is said of it; the settings' until the control API changes them.
    var tokenLife: Duration
    var statedTokenLife: Duration
    var tokens: [String: Token] = [:]
    /// By CheckoutRequestID.
    private(set) var prompts: [String: Prompt] = [:]
    /// Phones whose customer has not answered yet: M-Pesa takes no second request for one.
    private var busyPhones: Set<String> = []
    var charges: [Charge] = []
    /// The prompt of each receipt.
    private var receipts: [String: String] = [:]
    /// Payouts and reversals.
    var movements = Movements()
    /// How fast they are taken and worked off.
    var pace = Pace()
    /// What balances hold instead of the accounts, exactly so.
    var balanceText: String?
    var requests: [(path: String, body: String)] = []
    var tokensIssued = 0
    /// What the control API chose for the next requests, and for how many of them.
    private var nextOutcomes: [(outcome: Outcome, left: Int)] = []
    var phoneOutcomes: [String: Outcome] = [:]
    /// Phones whose first request was refused by fault `token_expired`.
    var refusedOnce: Set<String> = []
    var sequence: UInt64 = 0

    init(settings: SimulatorSettings) {
        tokenLife = settings.tokenLife
        statedTokenLife = settings.statedTokenLife
    }

    /// Takes a new prompt; false when the customer has one already.
    mutating func take(_ prompt: Prompt, most entriesMax: Int) -> Bool {
        guard !busyPhones.contains(prompt.phone) else { return false }
        // A full simulator forgets everything rather than slow down.
        if prompts.count >= entriesMax {
            prompts.removeAll()
            receipts.removeAll()
            busyPhones.removeAll()
        }
        keep(prompt)
        return true
    }

    /// Keeps a prompt as it stands now.
    mutating func keep(_ prompt: Prompt) {
        prompts[prompt.checkoutRequestID] = prompt
        if let receipt = prompt.receipt { receipts[receipt] = prompt.checkoutRequestID }
        if prompt.resultCode == nil { busyPhones.insert(prompt.phone) } else { busyPhones.remove(prompt.phone) }
    }

    /// The payment with a receipt.
    func payment(_ receipt: String) -> Prompt? {
        receipts[receipt].flatMap { prompts[$0] }.flatMap { $0.resultCode == 0 ? $0 : nil }
    }

    /// What a short code's accounts hold: in the working account what has come in and not gone back.
    func accounts(of shortCode: String) -> InitiatorResults.Accounts {
        let collected = prompts.values.filter { $0.shortCode == shortCode && $0.resultCode == 0 }
            .reduce(0) { $0 + $1.amount }
        return InitiatorResults.Accounts(
            working: collected - movements.returned(by: shortCode),
            utility: movements.utility(of: shortCode)
        )
    }

    /// Keeps what a callback was answered with.
    mutating func note(callbackStatus: Int, of checkout: String) {
        prompts[checkout]?.callbackStatuses.append(callbackStatus)
    }

    /// Chooses the outcome of the next requests.
    mutating func choose(_ outcome: Outcome, times: Int) { nextOutcomes.append((outcome, times)) }

    /// The outcome that was chosen for the request that comes now.
    mutating func nextOutcome() -> Outcome? {
        guard let next = nextOutcomes.first else { return nil }
        if next.left > 1 { nextOutcomes[0].left -= 1 } else { nextOutcomes.removeFirst() }
        return next.outcome
    }
}
