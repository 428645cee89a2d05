import Daraja
import OrderedJSON

extension Simulator {
    /// `POST /mpesa/b2c/v3/paymentrequest`.
    func payOut(_ request: SimulatorRequest, account: SimulatorAccount) async -> SimulatorAnswer {
        guard let body = try? JSON(parsing: request.body) else {
            return error(400, "400.002.05", "Invalid Request Payload")
        }
        if let wrong = wrongField(body, account) {
            return error(400, "400.002.02", "Bad Request - Invalid \(wrong)")
        }
        let phone = text(body, "PartyB")
        let amount = Int64(text(body, "Amount")) ?? 0
        let originator = text(body, "OriginatorConversationID")
        if state.withLock({ $0.movements.find(originator) }) != nil { return duplicate }
        let outcome = choose(phone: phone, amount: amount)
        let refusal: JSON = [
            "ConversationID": .string(conversationID()), "OriginatorConversationID": .string(originator),
            "ResponseCode": "1", "ResponseDescription": "The initiator is not allowed",
        ]
        if let answer = faultBefore(outcome, request, phone: phone, refusal: refusal) ?? throttled() { return answer }
        guard let payout = take(body, account: account, outcome: outcome) else { return duplicate }
        if outcome == .earlyCallback { await settle(movement: payout.conversationID) } else { schedule(payout) }
        // Daraja names an id of its own in some replies, while the result names ours.
        let named = outcome == .otherOriginator ? "5118-" + identifier() : originator
        return faultAfter(outcome, accepted(payout.conversationID, originator: named))
    }

    private var duplicate: SimulatorAnswer {
        error(500, "500.002.1001", "Duplicate OriginatorConversationID.")
    }

    private func wrongField(_ body: JSON, _ account: SimulatorAccount) -> String? {
        let commands = ["SalaryPayment", "BusinessPayment", "PromotionPayment"]
        let checks: [(String, Bool)] = [
            ("OriginatorConversationID", (1...128).contains(text(body, "OriginatorConversationID").count)),
            ("InitiatorName", text(body, "InitiatorName") == account.initiatorName),
            ("SecurityCredential", isCredential(text(body, "SecurityCredential"), of: account)),
            ("CommandID", commands.contains(text(body, "CommandID"))),
            ("Amount", (Int64(text(body, "Amount")) ?? 0) >= 10),
            ("PartyA", text(body, "PartyA") == account.shortCode),
            ("PartyB", MSISDN(text(body, "PartyB"))?.digits == text(body, "PartyB")),
            ("Remarks", (2...100).contains(text(body, "Remarks").count)),
            ("ResultURL", LoopbackClient.Target(text(body, "ResultURL")) != nil),
            ("QueueTimeOutURL", LoopbackClient.Target(text(body, "QueueTimeOutURL")) != nil),
        ]
        return checks.first { !$0.1 }?.0
    }

    /// Keeps a payout; nil when its OriginatorConversationID was taken meanwhile.
    private func take(_ body: JSON, account: SimulatorAccount, outcome: Outcome) -> Movement? {
        let payout = Movement(
            .payout,
            conversationID: conversationID(),
            originatorID: text(body, "OriginatorConversationID"),
            shortCode: account.shortCode,
            phone: text(body, "PartyB"),
            amount: Int64(text(body, "Amount")) ?? 0,
            remarks: text(body, "Remarks"),
            resultURL: text(body, "ResultURL"),
            timeoutURL: text(body, "QueueTimeOutURL"),
            outcome: outcome,
            createdMilliseconds: nowMilliseconds()
        )
        return state.withLock { $0.take(payout) } ? payout : nil
    }
}
