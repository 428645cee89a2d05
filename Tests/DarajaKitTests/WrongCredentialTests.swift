import Daraja
import OrderedJSON
import Testing

@testable import DarajaKit

/// Each of an organization's credentials, wrong alone, as M-Pesa refuses it: the consumer key is in EgressTests, because it
/// brings no token.
struct `A credential that is wrong` {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let what: String
        let status: Int
        let code: String
        let text: String
        /// What the answer must name.
        let names: [String]

        var testDescription: String { what }
    }

    static let refusals = [
        Refusal(
            what: "passkey",
            status: 500,
            code: "500.001.1001",
            text: "Wrong credentials",
            names: ["passkey", "sandbox and live"]
        ),
        Refusal(
            what: "short code",
            status: 500,
            code: "500.001.1001",
            text: "Merchant does not exist",
            names: ["short code", "environment"]
        ),
        Refusal(
            what: "short code, as a field",
            status: 400,
            code: "400.002.02",
            text: "Bad Request - Invalid BusinessShortCode",
            names: ["short code", "environment"]
        ),
        Refusal(
            what: "a product that is not enabled, or a key of the other environment",
            status: 404,
            code: "404.001.03",
            text: "Invalid Access Token",
            names: ["Payouts (B2C) is not enabled", "other environment", "Daraja portal"]
        ),
        Refusal(
            what: "initiator",
            status: 400,
            code: "400.002.02",
            text: "Bad Request - Invalid InitiatorName",
            names: ["operator (initiator)", "name, password and environment"]
        ),
        Refusal(
            what: "security credential",
            status: 400,
            code: "400.002.02",
            text: "Bad Request - Invalid SecurityCredential",
            names: ["operator (initiator)", "password"]
        ),
    ]

    @Test(arguments: refusals)
    func `is named where a request is refused, with who must act`(refusal: Refusal) throws {
        let body: JSON = ["errorCode": .string(refusal.code), "errorMessage": .string(refusal.text)]
        let error = try #require(ErrorEnvelope(body, status: refusal.status))

        let advice = ErrorAdvice(error, product: "Payouts (B2C)")

        #expect(advice.whoseMove == "organization")
        for name in refusal.names { #expect(advice.meaning.contains(name), "\(advice.meaning)") }
    }

    @Test(arguments: [
        ("18", "initiator"), ("20", "initiator"), ("21", "initiator"), ("22", "initiator"), ("2001", "initiator"),
        ("2028", "product"), ("6", "short code"), ("13", "short code"),
    ])
    func `is named where it is refused later, and what was asked has failed`(code: String, name: String) {
        let entry = InitiatorResultCode.named(code)

        #expect(entry.outcome == .failed && entry.whoseMove == "organization")
        #expect(entry.meaning.lowercased().contains(name), "\(entry.meaning)")
    }
}
