import ArgumentParser
import Foundation
import Gateway
import OrderedJSON

/// `trigger`: makes an event happen, by a payment of one shilling that ends so.
struct TriggerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trigger",
        abstract: "Make an event happen in the test environment, by a payment that ends so.",
        discussion: """
            A payment of one shilling is asked for in the test environment, from a phone for which the Daraja simulator of \
            `dev` has one outcome: what is told of it is told by itself. The gateway is found by GATEWAY_URL, and the \
            credential, of the test environment, by GATEWAY_API_KEY.
            """
    )

    /// Types that can be made to happen, and the phone whose payment ends so (docs/simulator.md).
    static let phones = [
        "transaction.succeeded": "254700000000", "transaction.cancelled": "254700000001",
        "transaction.failed": "254700000002", "transaction.expired": "254700000003",
    ]

    @Argument(help: "transaction.succeeded, .failed, .cancelled or .expired.") var type: String

    func run() async throws {
        try await GatewayClient.running { client throws(GatewayError) in
            let phone = try TriggerCommand.phone(of: type)
            try TriggerCommand.check(credential: ProcessInfo.processInfo.environment["GATEWAY_API_KEY"])
            var request = Operation.Request(method: "POST", path: "/tools/stk-push")
            request.body = [
                "phone_number": .string(phone), "amount": 1, "account_reference": "trigger",
                "transaction_desc": "trigger",
            ]
            let key = "trigger-" + UUID().uuidString
            // A person's token acts where it is told; a key's environment has been looked at.
            let headers = [("Gateway-Environment", Environment.test.rawValue), ("Idempotency-Key", key)]
            let answer = try await client.send(request, headers)
            print(PlainText.lines.shown(answer["data"]?["transaction_id"]?.stringValue ?? answer.text))
        }
    }

    /// The phone that makes a type happen.
    static func phone(of type: String) throws(GatewayError) -> String {
        guard let phone = phones[type] else {
            let known = phones.keys.sorted().joined(separator: ", ")
            throw GatewayError(.invalidArgument, "\(type) cannot be made to happen: expected one of \(known).")
        }
        return phone
    }

    /// - Throws: `invalidArgument` for a key that moves real money.
    static func check(credential: String?) throws(GatewayError) {
        guard let credential, let key = APIKeyText(credential), key.environment != .test else { return }
        throw GatewayError(
            .invalidArgument,
            "GATEWAY_API_KEY is a live key: events are made to happen with a test key."
        )
    }
}
