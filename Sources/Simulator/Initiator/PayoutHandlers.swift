import Daraja
import NIOCore
import NIOPosix
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
        if state.withLock({ $0.originators[originator] }) != nil {
            return error(500, "500.002.1001", "Duplicate OriginatorConversationID.")
        }
        let outcome = choose(phone: phone, amount: amount)
        let refusal: JSON = [
            "ConversationID": .string(conversationID()), "OriginatorConversationID": .string(originator),
            "ResponseCode": "1", "ResponseDescription": "The initiator is not allowed",
        ]
        if let answer = faultBefore(outcome, request, phone: phone, refusal: refusal) { return answer }
        guard let payout = take(body, account: account, outcome: outcome) else {
            return error(500, "500.002.1001", "Duplicate OriginatorConversationID.")
        }
        if outcome == .earlyCallback { await settle(payout: payout.conversationID) } else { schedule(payout) }
        // Daraja names an id of its own in some replies, while the result names ours.
        let named = outcome == .otherOriginator ? "5118-" + identifier() : originator
        return faultAfter(outcome, accepted(payout.conversationID, originator: named))
    }

    /// Decides a payout once the delay has passed, and posts its result.
    func schedule(_ payout: Payout) {
        guard payout.outcome != .open else { return }
        let isLate = payout.outcome == .lateCallback || payout.outcome == .queryLies
        let id = payout.conversationID
        after(settings.promptDelay) {
            self.decide(payout: id)
            self.after(isLate ? self.settings.promptDelay * 9 : .zero) { self.sendResults(of: id) }
        }
    }

    /// Decides now, and posts the results.
    func settle(payout id: String) async {
        decide(payout: id)
        await postResults(of: id)
    }

    /// M-Pesa's decision.
    ///
    /// Here, and only here, money goes out.
    func decide(payout id: String) {
        let receipt = receipt()
        let decided = state.withLock { state -> Payout? in
            guard var payout = state.payouts[id], !payout.isDecided else { return nil }
            payout.resultCode = payout.outcome.payoutCode
            payout.hasTimedOut = payout.resultCode == nil
            if payout.isPaid { payout.receipt = receipt }
            state.payouts[id] = payout
            return payout
        }
        if let decided { keep(decided) }
    }

    /// Posts a payout's result, on an event loop.
    func sendResults(of id: String, times: Int? = nil) {
        MultiThreadedEventLoopGroup.singleton.any()
            .makeFutureWithTask { await self.postResults(of: id, times: times) }
            .whenComplete { _ in }
    }

    private func postResults(of id: String, times: Int? = nil) async {
        guard let payout = state.withLock({ $0.payouts[id] }) else { return }
        for _ in 0..<(times ?? payout.outcome.callbacks) {
            let url = payout.hasTimedOut ? payout.timeoutURL : payout.resultURL
            let status = await LoopbackClient.post(url, body: InitiatorResults.bytes(of: payout))
            state.withLock { $0.payouts[id]?.callbackStatuses.append(status ?? 0) }
        }
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
    private func take(_ body: JSON, account: SimulatorAccount, outcome: Outcome) -> Payout? {
        let payout = Payout(
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
        let isNew = state.withLock { state in
            guard state.originators[payout.originatorID] == nil else { return false }
            state.originators[payout.originatorID] = payout.conversationID
            state.payouts[payout.conversationID] = payout
            return true
        }
        guard isNew else { return nil }
        keep(payout)
        return payout
    }
}
