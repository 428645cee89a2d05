import Daraja
import Foundation
import OrderedJSON

extension Simulator {
    /// `POST /mpesa/stkpush/v1/processrequest`.
    func push(_ request: SimulatorRequest, account: SimulatorAccount) async -> SimulatorAnswer {
        guard let body = try? JSON(parsing: request.body) else {
            return error(400, "400.002.05", "Invalid Request Payload")
        }
        if let wrong = wrongField(body, account) {
            return error(400, "400.002.02", "Bad Request - Invalid \(wrong)")
        }
        guard password(body, account) else { return error(500, "500.001.1001", "Wrong credentials") }
        let phone = text(body, "PhoneNumber")
        let amount = Int64(text(body, "Amount")) ?? 0
        let outcome = choose(phone: phone, amount: amount)
        if let answer = faultBefore(outcome, request, phone: phone, refusal: refusal) { return answer }
        guard let prompt = take(body, account: account, outcome: outcome) else { return lockError() }
        if outcome == .earlyCallback { await settle(prompt.checkoutRequestID) } else { schedule(prompt) }
        return answer(to: prompt)
    }

    /// `POST /mpesa/stkpushquery/v1/query`.
    func query(_ request: SimulatorRequest, account: SimulatorAccount) -> SimulatorAnswer {
        guard let body = try? JSON(parsing: request.body) else {
            return error(400, "400.002.05", "Invalid Request Payload")
        }
        guard text(body, "BusinessShortCode") == account.shortCode else {
            return error(400, "400.002.02", "Bad Request - Invalid BusinessShortCode")
        }
        guard password(body, account) else { return error(500, "500.001.1001", "Wrong credentials") }
        let checkout = text(body, "CheckoutRequestID")
        guard let prompt = state.withLock({ $0.prompts.find(checkout) }), prompt.shortCode == account.shortCode else {
            return error(400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")
        }
        guard let code = prompt.resultCode else {
            return error(500, "500.001.1001", "The transaction is being processed")
        }
        let shown = prompt.outcome == .queryLies ? 1037 : code
        return .json(
            200,
            [
                "ResponseCode": "0", "ResponseDescription": "The service request has been accepted successsfully",
                "MerchantRequestID": .string(prompt.merchantRequestID), "CheckoutRequestID": .string(checkout),
                "ResultCode": .string(String(shown)), "ResultDesc": .string(STKCallbacks.description(of: shown)),
            ]
        )
    }

    // MARK: What is checked

    private func wrongField(_ body: JSON, _ account: SimulatorAccount) -> String? {
        let type = text(body, "TransactionType")
        let callback = text(body, "CallBackURL")
        let age = EastAfricaTime.milliseconds(timestamp: text(body, "Timestamp")).map { nowMilliseconds() - $0 }
        let checks: [(String, Bool)] = [
            ("BusinessShortCode", text(body, "BusinessShortCode") == account.shortCode),
            ("Timestamp", age.map { abs($0) < 10 * 60 * 1000 } ?? false),
            ("TransactionType", type == "CustomerPayBillOnline" || type == "CustomerBuyGoodsOnline"),
            ("Amount", (Int64(text(body, "Amount")) ?? 0) >= 1),
            ("PhoneNumber", MSISDN(text(body, "PhoneNumber"))?.digits == text(body, "PhoneNumber")),
            ("PartyA", text(body, "PartyA") == text(body, "PhoneNumber")),
            ("PartyB", !text(body, "PartyB").isEmpty),
            ("CallBackURL", LoopbackClient.Target(callback) != nil),
            ("AccountReference", (1...12).contains(text(body, "AccountReference").count)),
            ("TransactionDesc", (1...13).contains(text(body, "TransactionDesc").count)),
        ]
        return checks.first { !$0.1 }?.0
    }

    private func password(_ body: JSON, _ account: SimulatorAccount) -> Bool {
        let expected = account.shortCode + account.passkey + text(body, "Timestamp")
        return text(body, "Password") == Data(expected.utf8).base64EncodedString()
    }

    // MARK: What is answered

    private var refusal: JSON {
        [
            "MerchantRequestID": .string(identifier()), "CheckoutRequestID": .string(identifier()),
            "ResponseCode": "1", "ResponseDescription": "The initiator is not allowed",
        ]
    }

    private func answer(to prompt: Prompt) -> SimulatorAnswer {
        faultAfter(
            prompt.outcome,
            [
                "MerchantRequestID": .string(prompt.merchantRequestID),
                "CheckoutRequestID": .string(prompt.checkoutRequestID), "ResponseCode": "0",
                "ResponseDescription": "Success. Request accepted for processing",
                "CustomerMessage": "Success. Request accepted for processing",
            ]
        )
    }

    /// Nil when the customer has a prompt already.
    private func take(_ body: JSON, account: SimulatorAccount, outcome: Outcome) -> Prompt? {
        let phone = text(body, "PhoneNumber")
        let stamp = EastAfricaTime.timestamp(milliseconds: nowMilliseconds())
        let id = identifier()
        let day = stamp.dropFirst(6).prefix(2) + stamp.dropFirst(4).prefix(2) + stamp.prefix(4) + stamp.dropFirst(8)
        let prompt = Prompt(
            checkoutRequestID: "ws_CO_" + day + id.filter { $0 != "-" } + phone.suffix(9),
            merchantRequestID: id,
            shortCode: account.shortCode,
            phone: phone,
            amount: Int64(text(body, "Amount")) ?? 0,
            reference: text(body, "AccountReference"),
            callbackURL: text(body, "CallBackURL"),
            outcome: outcome,
            createdMilliseconds: nowMilliseconds()
        )
        return state.withLock { $0.take(prompt) } ? prompt : nil
    }
}
