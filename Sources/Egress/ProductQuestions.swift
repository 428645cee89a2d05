import Compression
import Gateway
import OrderedJSON

/// What M-Pesa says of an account's products when it is asked something that moves nothing.
extension DarajaUpstream {
    /// Asks what became of a push that nobody has made.
    ///
    /// Authentication comes before anything else, so a token refused here, which was good a moment ago, is that of an app
    /// without the product (Daraja 3.0, error 404.001.03; safaricom/LNMOnlineAndroidSample#11). Of payouts there is no
    /// such question: each moves money or asks about one that did.
    package func askProducts(
        of organization: OrganizationID,
        in environment: Environment,
        account: AccountName,
        shortCode: String
    ) async throws(GatewayError) -> [ProductFinding] {
        let credential = try await credentials.credential(of: organization, in: environment, account: account)
        guard credential.passkey != nil else { return [DarajaUpstream.payouts] }
        let request = UpstreamRequest(
            organization: organization,
            environment: environment,
            account: account,
            kind: DarajaUpstream.question,
            template: RequestTemplate(body: [
                "BusinessShortCode": .string(shortCode), "Password": "",
                "Timestamp": .string(EastAfricaStamp.text(of: entropy.wall())),
                "CheckoutRequestID": "ws_CO_000000000000000000000000",
            ]),
            callbacks: [:]
        )
        let prepared = try await prepare(request)
        return [DarajaUpstream.finding(await send(prepared)), DarajaUpstream.payouts]
    }

    private static let question = OperationKind(
        name: "stk_question",
        direction: .none,
        upstream: "daraja",
        path: "/mpesa/stkpushquery/v1/query",
        secrets: [
            SecretBinding(
                transform: "stk_password",
                pointer: JSONPointer(tokens: ["Password"]),
                inputs: [
                    "short_code": JSONPointer(tokens: ["BusinessShortCode"]),
                    "timestamp": JSONPointer(tokens: ["Timestamp"]),
                ]
            )
        ]
    )

    private static let payouts = ProductFinding(
        product: "b2c",
        state: .notAsked,
        message:
            "M-Pesa has no question about payouts that moves nothing: the first payout shows whether they are enabled."
    )

    /// What an answer says of the product, and, where M-Pesa names what it refuses, of the credential.
    static func finding(_ outcome: UpstreamOutcome) -> ProductFinding {
        func finding(_ state: ProductFinding.State, _ message: String, field: String? = nil) -> ProductFinding {
            ProductFinding(product: "stk_push", state: state, field: field, message: message)
        }
        guard case .answered(let status, let body) = outcome else {
            return finding(.unknown, "M-Pesa gave no answer, so nothing is known of M-Pesa Express.")
        }
        if TokenFault.isIn(.answered(status: status, body: body)) {
            return finding(
                .notEnabled,
                """
                M-Pesa refuses the app for M-Pesa Express (STK push): the product is not enabled for it. Whoever owns the \
                Daraja app must add it in the portal.
                """
            )
        }
        let limits = JSONLimits(duplicateKeys: .lastWins)
        guard let answer = try? JSON(parsing: Gzip.opened(body) ?? body, limits: limits),
            answer["errorCode"]?.stringValue != nil || answer["ResponseCode"] != nil
        else { return finding(.unknown, "M-Pesa answered \(status), which says nothing of M-Pesa Express.") }
        let words = (answer["errorMessage"]?.stringValue ?? "").lowercased()
        if words.contains("wrong credentials") {
            let message = "M-Pesa refuses the passkey for this short code."
            return finding(.refused, message, field: "lipa_na_mpesa_passkey")
        }
        if words.contains("merchant does not exist") || words.contains("businessshortcode") {
            return finding(.refused, "M-Pesa does not know this short code.", field: "business_short_code")
        }
        if ["system is busy", "spike arrest", "quota violation"].contains(where: { words.contains($0) }) {
            return finding(.unknown, "M-Pesa was too busy to say anything of M-Pesa Express.")
        }
        return finding(.enabled, "M-Pesa Express (STK push) answers the app.")
    }
}
