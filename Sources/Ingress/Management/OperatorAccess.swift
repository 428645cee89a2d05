import Cryptography
import Gateway
import HTTPServer

/// Who may change things over the management listener: whoever shows the operator's token.
struct OperatorAccess: Sendable {
    /// The token's bytes; nil where the gateway has none, and nobody may change anything.
    let token: Secret<[UInt8]>?

    /// Refuses whoever does not show the operator's token.
    ///
    /// - Parameter subject: What is protected, in the words of a sentence: "its plugins cannot be changed here".
    func check(_ request: Request, else subject: String) throws(GatewayError) {
        guard token != nil else {
            throw GatewayError(
                .permissionDenied,
                "This gateway has no operator token, so \(subject). Set GATEWAY_OPERATOR_TOKEN_FILE."
            )
        }
        guard isOperator(request) else {
            throw GatewayError(.unauthenticated, "Show the operator's token: Authorization: Bearer TOKEN.")
        }
    }

    /// Whether a request shows the operator's token.
    func isOperator(_ request: Request) -> Bool {
        guard let token, case .token(let shown) = RequestReader(request: request).credential else { return false }
        return constantTimeEquals(Array(shown.reveal().utf8), token.reveal())
    }
}
