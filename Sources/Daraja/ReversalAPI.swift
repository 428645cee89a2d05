import OrderedJSON

/// Gives back money that came in; the outcome is posted.
///
/// `POST /mpesa/reversal/v1/request`.
///
/// There is no id of ours in it, and the only one that M-Pesa knows a request by is the one in its answer.
///
/// Source: Daraja 2.0 portal, Reversal, and integrators' notes on `RecieverIdentifierType`, read 2026-11-26.
public enum TransactionReversal {
    /// The path of the request.
    public static let path = "/mpesa/reversal/v1/request"

    /// The body.
    ///
    /// `SecurityCredential`, `ResultURL` and `QueueTimeOutURL` are the host's to fill. `RecieverIdentifierType` is
    /// Safaricom's spelling: spelled right it is refused.
    public static func body(
        Initiator: String,
        TransactionID: String,
        Amount: Int64,
        ReceiverParty: String,
        Remarks: String
    ) -> JSON {
        [
            "Initiator": .string(Initiator), "CommandID": "TransactionReversal",
            "TransactionID": .string(TransactionID), "Amount": .string(String(Amount)),
            "ReceiverParty": .string(ReceiverParty), "RecieverIdentifierType": "11", "Remarks": .string(Remarks),
            "Occasion": "Reversal",
        ]
    }
}

extension InitiatorResultCode {
    /// The entry of a reversal's code; an unknown code proves nothing, and never ends a reversal.
    ///
    /// `payAgain` says whether asking for the reversal again is safe. What is the operator's fault is told in the words of
    /// the other requests of an operator.
    ///
    /// Source: Daraja portal, Reversal, result codes; TP40153 as client libraries name it.
    public static func ofReversal(_ code: String) -> InitiatorResultCode {
        if let entry = reversals[code] { return entry }
        let shared = named(code)
        if operatorCodes.contains(code) || shared.outcome == .pending { return shared }
        return InitiatorResultCode(
            code,
            .unknown,
            "M-Pesa answered a result code that proves nothing about the reversal.",
            "operator",
            "check_first"
        )
    }

    /// Every documented code of a reversal.
    public static var allOfReversals: [InitiatorResultCode] {
        (Array(reversals.keys) + operatorCodes).sorted().map { ofReversal($0) }
    }

    /// What is wrong with the operator is the same whatever it asked for.
    private static let operatorCodes: Set<String> = ["18", "20", "22", "2001", "8006", "TP40153"]

    private static let reversals: [String: InitiatorResultCode] = Dictionary(
        uniqueKeysWithValues: [
            InitiatorResultCode("0", .paid, "Given back.", "nobody", "no"),
            // It does not say by whom; what follows from it is the host's to decide.
            InitiatorResultCode(
                "R000001",
                .duplicate,
                "M-Pesa says that this payment has been reversed already, and not by whom.",
                "organization",
                "check_first"
            ),
            failedReversal("R000002", "M-Pesa knows no payment with this receipt that can be reversed."),
            failedReversal(
                "1",
                "The organization's account has too little money to give this back: put money in, or move it there.",
                again: "yes"
            ),
            failedReversal("11", "The account that the money would come from is not active."),
            failedReversal(
                "21",
                """
                The operator (initiator) may not reverse: give it the role for reversals in M-Pesa's organization portal.
                """
            ),
            failedReversal("2006", "The status of the organization's or the customer's account does not allow this."),
            failedReversal(
                "2028",
                "The short code does not have reversals as a product: ask Safaricom to enable them."
            ),
        ]
        .map { ($0.code, $0) }
    )

    private static func failedReversal(_ code: String, _ meaning: String, again: String = "no") -> InitiatorResultCode {
        InitiatorResultCode(code, .failed, meaning, "organization", again)
    }
}
