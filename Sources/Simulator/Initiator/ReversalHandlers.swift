import Daraja
import NIOPosix
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
        if let answer = faultBefore(outcome, request, phone: phone, refusal: refusal) { return answer }
        let reversal = take(body, account, phone: phone, outcome: outcome)
        if outcome == .earlyCallback {
            decide(reversal: reversal.conversationID)
            await postResults(ofReversal: reversal.conversationID)
        } else {
            schedule(reversal)
        }
        return faultAfter(outcome, accepted(reversal.conversationID, originator: reversal.originatorID))
    }

    /// Decides a reversal once the delay has passed, and posts its result.
    func schedule(_ reversal: Reversal) {
        guard reversal.outcome != .open else { return }
        let isLate = reversal.outcome == .lateCallback || reversal.outcome == .queryLies
        let id = reversal.conversationID
        after(settings.promptDelay) {
            self.decide(reversal: id)
            self.after(isLate ? self.settings.promptDelay * 9 : .zero) { self.sendResults(ofReversal: id) }
        }
    }

    /// M-Pesa's decision.
    ///
    /// Here, and only here, money goes back.
    func decide(reversal id: String) {
        let receipt = receipt()
        let decided = state.withLock { state -> Reversal? in
            guard var reversal = state.reversals.all[id], !reversal.isDecided else { return nil }
            let left = state.payment(reversal.original)
                .map { $0.amount - state.reversals.returned(of: reversal.original) }
            let code = reversal.outcome.reversalCode(of: reversal.amount, left: left)
            if code == "R000001", reversal.outcome == .alreadyReversed { reversal.portalAmount = left ?? 0 }
            reversal.resultCode = code
            reversal.hasTimedOut = code == nil
            if reversal.isDone { reversal.receipt = receipt }
            state.reversals.keep(reversal, most: settings.entriesMax)
            return reversal
        }
        if let decided { keep(decided) }
    }

    /// Posts a reversal's result, on an event loop.
    func sendResults(ofReversal id: String, times: Int? = nil) {
        MultiThreadedEventLoopGroup.singleton.any()
            .makeFutureWithTask { await self.postResults(ofReversal: id, times: times) }
            .whenComplete { _ in }
    }

    private func postResults(ofReversal id: String, times: Int? = nil) async {
        guard let reversal = state.withLock({ $0.reversals.all[id] }) else { return }
        let balance = state.withLock { $0.working(of: reversal.shortCode) }
        for _ in 0..<(times ?? reversal.outcome.callbacks) {
            let url = reversal.hasTimedOut ? reversal.timeoutURL : reversal.resultURL
            let status = await LoopbackClient.post(url, body: InitiatorResults.bytes(of: reversal, working: balance))
            state.withLock { $0.reversals.note(callbackStatus: status ?? 0, of: id) }
        }
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

    private func take(_ body: JSON, _ account: SimulatorAccount, phone: String, outcome: Outcome) -> Reversal {
        let reversal = Reversal(
            conversationID: conversationID(),
            originatorID: ownID(),
            shortCode: account.shortCode,
            original: text(body, "TransactionID"),
            phone: phone,
            amount: Int64(text(body, "Amount")) ?? 0,
            remarks: text(body, "Remarks"),
            resultURL: text(body, "ResultURL"),
            timeoutURL: text(body, "QueueTimeOutURL"),
            outcome: outcome,
            createdMilliseconds: nowMilliseconds()
        )
        state.withLock { state in
            state.originators[reversal.originatorID] = reversal.conversationID
            state.reversals.keep(reversal, most: settings.entriesMax)
        }
        keep(reversal)
        return reversal
    }

    /// An OriginatorConversationID as Daraja makes one where the request has none.
    private func ownID() -> String { "8521-" + identifier() }
}

extension Outcome {
    /// The result code of a reversal; nil where it waits in M-Pesa's queue until that times out.
    ///
    /// - Parameter left: What is left of the payment; nil where there is none.
    fileprivate func reversalCode(of amount: Int64, left: Int64?) -> String? {
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
