import Daraja

/// What a refusal of Daraja's means, whose move it is, and what that one can do.
///
/// Source: Daraja 3.0 portal, error tables; what "Wrong credentials" and 404.001.03 come from in practice, integrators'
/// issue threads.
struct ErrorAdvice {
    let meaning: String
    let whoseMove: String

    init(_ error: ErrorEnvelope, product: String) {
        let text = error.errorMessage.lowercased()
        let advice: (meaning: String, whoseMove: String)
        if text.contains("wrong credentials") {
            advice = (
                """
                M-Pesa refused the password: the passkey is not this short code's in this environment. The organization \
                must check passkey and short code; sandbox and live have their own.
                """, "organization"
            )
        } else if text.contains("merchant does not exist") {
            advice = (
                """
                M-Pesa does not know the short code for \(product): it is wrong, of the other environment, or was not \
                given the product. The organization must check the short code.
                """, "organization"
            )
        } else if Self.tokenCodes.contains(error.errorCode) || text.contains("invalid access token") {
            advice = (
                """
                M-Pesa refused the access token for this product: \(product) is not enabled for the app that the \
                consumer key belongs to, or the key is of the other environment. The organization must enable it in the \
                Daraja portal.
                """, "organization"
            )
        } else if let field = Self.field(of: error) {
            advice = Self.advice(field: field)
        } else {
            advice = ("M-Pesa refused the request.", "organization")
        }
        meaning = "\(advice.meaning) \(error.quoted)"
        whoseMove = advice.whoseMove
    }

    /// An invalid access token, as the different APIs number it.
    private static let tokenCodes: Set<String> = ["404.001.03", "401.002.01", "400.003.01", "404.001.04", "401.003.01"]

    /// `Bad Request - Invalid PhoneNumber` names a field of the request.
    private static func field(of error: ErrorEnvelope) -> String? {
        guard error.errorCode == "400.002.02", let range = error.errorMessage.firstRange(of: "Invalid ") else {
            return nil
        }
        let field = error.errorMessage[range.upperBound...].prefix { $0.isLetter }
        return field.isEmpty ? nil : String(field.prefix(40))
    }

    private static func advice(field: String) -> (String, String) {
        switch field {
        case "BusinessShortCode", "ShortCode", "PartyA", "ReceiverParty":
            (
                "M-Pesa refused the short code: the organization must check it, and that it is of this environment.",
                "organization"
            )
        case "PartyB":
            ("M-Pesa refused the receiver: check the till number, or the phone that is paid.", "organization")
        case "Initiator", "InitiatorName", "SecurityCredential":
            (
                "M-Pesa refused the operator (initiator): the organization must check its name, password and environment.",
                "organization"
            )
        case "TransactionID":
            ("M-Pesa refused the receipt of the payment: it is not one that can be reversed.", "organization")
        case "CallBackURL", "ResultURL", "QueueTimeOutURL":
            (
                "M-Pesa refused the gateway's callback address (\(field)): whoever runs the gateway must check it.",
                "operator"
            )
        default: ("M-Pesa refused \(field) of the request.", "integrator")
        }
    }
}
