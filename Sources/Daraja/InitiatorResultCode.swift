/// Result codes of B2C and of the APIs that ask: what each means for a payout, whose move it is, and whether paying again
/// is safe.
///
/// Source: Daraja 3.0 portal, B2C and Account Balance, result codes; 5 to 7, 12 to 14 and TP40153 as three client
/// libraries name them.
public struct InitiatorResultCode: Sendable, Hashable {
    /// What a code says about a payout.
    public enum Outcome: Sendable, Hashable {
        /// The money went out.
        case paid
        /// It did not.
        case failed
        /// Not decided yet.
        case pending
        /// M-Pesa has had this request before.
        case duplicate
        /// Nothing that may be relied on.
        case unknown
    }

    /// As on the wire.
    public let code: String
    /// What it says about a payout.
    public let outcome: Outcome
    /// A sentence for people.
    public let meaning: String
    /// `customer`, `organization`, `integrator`, `operator`, `safaricom` or `nobody`.
    public let whoseMove: String
    /// `yes`, `no`, `wait` or `check_first`.
    public let payAgain: String

    init(_ code: String, _ outcome: Outcome, _ meaning: String, _ whoseMove: String, _ payAgain: String) {
        self.code = code
        self.outcome = outcome
        self.meaning = meaning
        self.whoseMove = whoseMove
        self.payAgain = payAgain
    }

    /// The entry of a code; an unknown code proves nothing, and never ends a payout.
    public static func named(_ code: String) -> InitiatorResultCode {
        table[code]
            ?? InitiatorResultCode(
                code,
                .unknown,
                "M-Pesa answered a result code that proves nothing about the payout.",
                "operator",
                "check_first"
            )
    }

    /// Every documented entry.
    public static var all: [InitiatorResultCode] { table.values.sorted { $0.code < $1.code } }

    private static func failed(
        _ code: String,
        _ meaning: String,
        _ whoseMove: String = "organization",
        _ payAgain: String = "no"
    ) -> InitiatorResultCode {
        InitiatorResultCode(code, .failed, meaning, whoseMove, payAgain)
    }

    /// The answer to a question about a transaction that M-Pesa does not know ("The transaction receipt number does not
    /// exist.").
    public static let noSuchTransaction = "2032"

    private static let table: [String: InitiatorResultCode] = Dictionary(
        uniqueKeysWithValues: [
            InitiatorResultCode("0", .paid, "Paid out.", "nobody", "no"),
            failed("1", "The organization's utility account has too little money.", "organization", "yes"),
            failed("2", "The amount is below M-Pesa's least amount.", "integrator"),
            failed("3", "The amount is above M-Pesa's greatest amount.", "integrator"),
            failed("4", "The payout would pass the customer's daily limit.", "customer"),
            failed("5", "The payout would leave less than the account's least balance.", "organization", "yes"),
            failed("6", "M-Pesa does not know the paying party: check the organization's short code."),
            failed("7", "M-Pesa does not know the receiver: check the phone number.", "integrator"),
            failed("8", "The payout would pass the customer's greatest balance.", "customer"),
            failed("11", "The organization's account is not active."),
            failed("12", "The receiver's account cannot be paid: M-Pesa calls it invalid.", "customer"),
            failed("13", "M-Pesa does not know the account that pays: check the organization's short code."),
            failed("14", "M-Pesa does not know the account to be paid: check the phone number.", "integrator"),
            InitiatorResultCode("15", .duplicate, "M-Pesa has had this payout before.", "nobody", "check_first"),
            failed("18", "M-Pesa refused the initiator's credential: check the operator's name and password."),
            failed("20", "The initiator is not known to M-Pesa."),
            failed("21", "The initiator lacks the role for this."),
            failed("22", "The initiator is not active."),
            failed(
                "2001",
                "The initiator's name or password is wrong: check the operator's credentials of this environment."
            ),
            failed("2006", "The account's status does not allow this."),
            failed("2028", "The short code does not have the product for this."),
            failed("2040", "The customer is not registered with M-Pesa.", "customer"),
            failed(
                "8006",
                "The initiator's credential is locked: unlock the operator in M-Pesa's organization portal."
            ),
            failed("SFC_IC0003", "There is no such number on M-Pesa.", "integrator"),
            failed(
                "TP40153",
                "The operator (initiator) has no permission for this, or is not one of this organization's operators."
            ),
            InitiatorResultCode(
                "100000000",
                .pending,
                "M-Pesa keeps the request and will send it again.",
                "safaricom",
                "no"
            ),
        ]
        .map { ($0.code, $0) }
    )
}
