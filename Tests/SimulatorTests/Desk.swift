import Cryptography
import Daraja
import Foundation
import OrderedJSON
import Testing

@testable import Simulator

/// A simulator that listens to nobody: requests are handed to it as its server would.
struct Desk {
    let simulator: Simulator
    let account = SimulatorAccount(
        consumerKey: "key",
        consumerSecret: "secret",
        shortCode: "600000",
        passkey: "pass",
        initiatorName: "ann",
        initiatorPassword: "word"
    )
    private let token: String

    init(_ change: (inout SimulatorSettings) -> Void = { _ in }) async throws {
        var settings = SimulatorSettings()
        settings.accounts = [account]
        change(&settings)
        simulator = try Simulator(settings: settings)
        let basic = "Basic " + Data("key:secret".utf8).base64EncodedString()
        let answer = await simulator.handle(
            SimulatorRequest(
                method: "GET",
                path: "/oauth/v1/generate",
                query: ["grant_type": "client_credentials"],
                authorization: basic,
                body: []
            )
        )
        token = Desk.json(answer)["access_token"]?.stringValue ?? ""
    }

    /// Asks, and answers the status and the document.
    func ask(
        _ method: String,
        _ path: String,
        _ body: JSON = [:],
        query: [String: String] = [:]
    ) async -> (status: Int, body: JSON) {
        let request = SimulatorRequest(
            method: method,
            path: path,
            query: query,
            authorization: "Bearer " + token,
            body: body.bytes
        )
        let answer = await simulator.handle(request)
        guard case .answer(let status, _) = answer else { return (0, .null) }
        return (status, Desk.json(answer))
    }

    /// Asks for a payout that stays open until it is settled.
    func pay(_ amount: Int64, id: String) async throws -> (status: Int, body: JSON) {
        let key = try #require(RSAPublicKey(pem: simulator.keys.publicPEM))
        let sealed = try #require(key.encrypt(Array(account.initiatorPassword.utf8)))
        let body: JSON = [
            "OriginatorConversationID": .string(id), "InitiatorName": .string(account.initiatorName),
            "SecurityCredential": .string(Data(sealed).base64EncodedString()), "CommandID": "BusinessPayment",
            "Amount": .string(String(amount)), "PartyA": .string(account.shortCode), "PartyB": "254711000001",
            "Remarks": "wages", "QueueTimeOutURL": "http://127.0.0.1:1/", "ResultURL": "http://127.0.0.1:1/",
        ]
        simulator.state.withLock { $0.choose(.open, phone: "254711000001") }
        return await ask("POST", B2CPayment.path, body)
    }

    /// Lets M-Pesa decide, and answers the payout's result code.
    func settle(_ conversation: String) async -> String? {
        _ = await ask("POST", "/simulator/payouts/\(conversation)/settle")
        return simulator.state.withLock { $0.movements.find(conversation)?.resultCode }
    }

    /// Asks for a push to a phone of its own that stays open until the customer answers; answers its CheckoutRequestID.
    func push(_ number: Int, amount: Int64 = 10) async throws -> String {
        let phone = Desk.phone(number)
        simulator.state.withLock { $0.choose(.open, phone: phone) }
        let answer = await ask("POST", STKPush.path, pushBody(phone, amount))
        return try #require(answer.body["CheckoutRequestID"]?.stringValue, "\(answer)")
    }

    func pushBody(_ phone: String, _ amount: Int64) -> JSON {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let stamp = EastAfricaTime.timestamp(milliseconds: now)
        let password = Data((account.shortCode + account.passkey + stamp).utf8).base64EncodedString()
        return [
            "BusinessShortCode": .string(account.shortCode), "Password": .string(password),
            "Timestamp": .string(stamp), "TransactionType": "CustomerPayBillOnline",
            "Amount": .string(String(amount)), "PartyA": .string(phone), "PartyB": .string(account.shortCode),
            "PhoneNumber": .string(phone), "CallBackURL": "http://127.0.0.1:1/", "AccountReference": "ref",
            "TransactionDesc": "desc",
        ]
    }

    /// A phone that has no outcome of its own.
    static func phone(_ number: Int) -> String { "254711" + String(200_000 + number) }

    /// Asks what became of a push.
    func query(_ checkout: String) async throws -> (status: Int, body: JSON) {
        var body = try #require(pushBody(Desk.phone(0), 1).objectValue)
        body["CheckoutRequestID"] = .string(checkout)
        return await ask("POST", STKQuery.path, .object(body))
    }

    private static func json(_ answer: SimulatorAnswer) -> JSON {
        guard case .answer(_, let body) = answer else { return .null }
        return (try? JSON(parsing: body)) ?? .null
    }
}
