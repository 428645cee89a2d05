/// Every result code of M-Pesa Express: what it means, what it ends, whose move it is, and whether charging again is
/// safe.
///
/// Source: Daraja 3.0 portal, M-Pesa Express, result codes; those marked "seen" are integrators' observations. A seen
/// code that says why no money moved ends a payment, as M-Pesa's other failures do; a success with a receipt still
/// overrides it.
public struct STKResultCode: Sendable, Hashable {
    /// What a code says about the payment.
    public enum Outcome: Sendable, Hashable {
        /// Paid.
        case paid
        /// Not paid.
        case failed
        /// The customer declined.
        case cancelled
        /// The customer did not answer.
        case expired
        /// Not decided yet.
        case pending
        /// Nothing that may be relied on.
        case unknown
    }

    /// As on the wire.
    public let code: String
    /// What it says about the payment.
    public let outcome: Outcome
    /// A sentence for people.
    public let meaning: String
    /// `customer`, `organization`, `integrator`, `operator`, `safaricom` or `nobody`.
    public let whoseMove: String
    /// `yes`, `no`, `wait` or `check_first`.
    public let chargeAgain: String

    init(_ code: String, _ outcome: Outcome, _ meaning: String, _ whoseMove: String, _ chargeAgain: String) {
        self.code = code
        self.outcome = outcome
        self.meaning = meaning
        self.whoseMove = whoseMove
        self.chargeAgain = chargeAgain
    }

    /// The entry of a code; an unknown code proves nothing, and never ends a payment.
    public static func named(_ code: String) -> STKResultCode {
        table[code]
            ?? STKResultCode(
                code,
                .unknown,
                "M-Pesa answered a result code that is not documented; it ends nothing.",
                "operator",
                "check_first"
            )
    }

    /// Every documented entry.
    public static var all: [STKResultCode] { table.values.sorted { $0.code < $1.code } }

    private static let table: [String: STKResultCode] = Dictionary(
        uniqueKeysWithValues: [
            STKResultCode("0", .paid, "Paid.", "nobody", "no"),
            STKResultCode("1", .failed, "The customer's balance is too low.", "customer", "yes"),
            STKResultCode("2", .failed, "The amount is below M-Pesa's least amount.", "integrator", "no"),
            STKResultCode("3", .failed, "The amount is above M-Pesa's greatest amount.", "integrator", "no"),
            STKResultCode("4", .failed, "The payment would pass the customer's daily limit.", "customer", "no"),
            STKResultCode("8", .failed, "The payment would pass the account's balance limit.", "organization", "no"),
            STKResultCode(
                "11",
                .failed,
                "The customer's M-Pesa account cannot pay now: M-Pesa calls its state invalid.",
                "customer",
                "no"
            ),  // seen
            STKResultCode(
                "17",
                .failed,
                "The same amount was asked of the same customer within two minutes.",
                "organization",
                "wait"
            ),
            STKResultCode("26", .unknown, "M-Pesa is busy.", "safaricom", "check_first"),  // seen
            STKResultCode(
                "1001",
                .failed,
                "The customer has another M-Pesa session open.",
                "customer",
                "wait"
            ),  // seen
            STKResultCode("1019", .expired, "The request expired before it was answered.", "customer", "yes"),
            STKResultCode(
                "1025",
                .unknown,
                "The prompt could not be sent to the phone.",
                "safaricom",
                "check_first"
            ),
            STKResultCode("1031", .cancelled, "The customer cancelled the request.", "customer", "yes"),  // seen, older
            STKResultCode(
                "1036",
                .expired,
                "The customer's answer did not come back from the phone in time.",
                "customer",
                "check_first"
            ),  // seen
            STKResultCode(
                "1101",
                .failed,
                "The text of the prompt is too long for M-Pesa: shorten account_reference and transaction_desc.",
                "integrator",
                "no"
            ),  // seen
            STKResultCode("1032", .cancelled, "The customer cancelled the request.", "customer", "yes"),
            STKResultCode("1037", .expired, "The customer's phone did not answer.", "customer", "yes"),
            STKResultCode("2001", .failed, "The customer typed a wrong PIN.", "customer", "yes"),
            STKResultCode(
                "2028",
                .failed,
                "The short code does not allow this kind of payment: check PayBill against till.",
                "organization",
                "no"
            ),
            STKResultCode("8006", .failed, "The customer's M-Pesa PIN is locked.", "customer", "no"),
            STKResultCode(
                "SFC_IC0003",
                .failed,
                "The short code or till does not exist for this kind of payment.",
                "organization",
                "no"
            ),
            STKResultCode(
                "9999",
                .unknown,
                "The prompt could not be sent to the phone.",
                "safaricom",
                "check_first"
            ),  // seen
            STKResultCode("4999", .pending, "The payment is still being processed.", "customer", "no"),  // seen
        ]
        .map { ($0.code, $0) }
    )
}
