import Daraja
import OrderedJSON

extension Simulator {
    /// `POST /mpesa/reversal/v1/request`.
    func reverse(_ request: SimulatorRequest, account: SimulatorAccount) async -> SimulatorAnswer {
        guard let body = try? JSON(parsing: request.body) else {
            return error(400, "400.002.05", "Invalid Request Payload")
        }
        if let wrong = wrongField(body, account) {
            return error(400, "400.002.02", "Bad Request - Invalid \(wrong)")
        }
        let phone = state.withLock { $0.payment(text(body, "TransactionID"))?.phone ?? "" }
        let outcome = choose(phone: phone, amount: Int64(text(body, "Amount")) ?? 0)
        let refusal: JSON = [
            "ConversationID": .string(conversationID()), "OriginatorConversationID": .string(ownID()),
            "ResponseCode": "1", "ResponseDescription": "The initiator is not allowed",
        ]
        if let answer = faultBefore(outcome, request, phone: phone, refusal: refusal) ?? throttled() { return answer }
        let reversal = take(body, account, phone: phone, outcome: outcome)
        if outcome == .earlyCallback { await settle(movement: reversal.conversationID) } else { schedule(reversal) }
        return faultAfter(outcome, accepted(reversal.conversationID, originator: reversal.originatorID))
    }

    private func wrongField(_ body: JSON, _ account: SimulatorAccount) -> String? {
        let checks: [(String, Bool)] = [
            ("Initiator", text(body, "Initiator") == account.initiatorName),
            ("SecurityCredential", isCredential(text(body, "SecurityCredential"), of: account)),
            ("CommandID", text(body, "CommandID") == "TransactionReversal"),
            ("TransactionID", !text(body, "TransactionID").isEmpty),
            ("Amount", (Int64(text(body, "Amount")) ?? 0) >= 1),
            ("ReceiverParty", text(body, "ReceiverParty") == account.shortCode),
            ("RecieverIdentifierType", text(body, "RecieverIdentifierType") == "11"),
            ("Remarks", (2...100).contains(text(body, "Remarks").count)),
            ("ResultURL", LoopbackClient.Target(text(body, "ResultURL")) != nil),
            ("QueueTimeOutURL", LoopbackClient.Target(text(body, "QueueTimeOutURL")) != nil),
        ]
        return checks.first { !$0.1 }?.0
    }

    private func take(_ body: JSON, _ account: SimulatorAccount, phone: String, outcome: Outcome) -> Movement {
        let reversal = Movement(
            .reversal(of: text(body, "TransactionID")),
            conversationID: conversationID(),
            originatorID: ownID(),
            shortCode: account.shortCode,
            phone: phone,
            amount: Int64(text(body, "Amount")) ?? 0,
            remarks: text(body, "Remarks"),
            resultURL: text(body, "ResultURL"),
            timeoutURL: text(body, "QueueTimeOutURL"),
            outcome: outcome,
            createdMilliseconds: nowMilliseconds()
        )
        state.withLock { $0.keep(reversal) }
        return reversal
    }

    /// An OriginatorConversationID as Daraja makes one where the request has none.
    private func ownID() -> String { "8521-" + identifier() }
}

extension Outcome {
    /// The result code of a reversal; nil where it waits in M-Pesa's queue until that times out.
    ///
    /// - Parameter left: What is left of the payment; nil where there is none.
    func reversalCode(of amount: Int64, left: Int64?) -> String? {
        guard let left else { return "R000002" }
        switch self {
        case .timeout: return nil
        case .alreadyReversed: return "R000001"
        case .cancelled: return "11"
        case .expired: return "2006"
        case .wrongPIN, .insufficientFunds, .productMismatch, .pinLocked, .forbidden, .undocumentedCode:
            return payoutCode
        // Assumed: M-Pesa answers so where more is asked for than is left, too.
        default: return amount > left ? "R000001" : "0"
        }
    }
}
