import NIOCore
import NIOPosix

/// What a payout and a reversal have in common once they are taken: a decision after a while, and its result posted.
extension Simulator {
    /// Decides a movement once the delay has passed and M-Pesa's pace lets it, and posts its result.
    func schedule(_ movement: Movement) {
        guard movement.outcome != .open else { return }
        let isLate = movement.outcome == .lateCallback || movement.outcome == .queryLies
        let id = movement.conversationID
        let now = nowMilliseconds()
        let due = state.withLock { $0.pace.nextDecision(after: now + settings.promptDelay.milliseconds) }
        after(.milliseconds(due - now)) {
            self.decide(movement: id)
            self.after(isLate ? self.settings.promptDelay * 9 : .zero) { self.sendResults(of: id) }
        }
    }

    /// Decides now, and posts the results.
    func settle(movement id: String) async {
        decide(movement: id)
        await postResults(of: id)
    }

    /// M-Pesa's decision.
    ///
    /// Here, and only here, money goes out or back.
    func decide(movement id: String) {
        let receipt = receipt()
        state.withLock { state in
            guard var movement = state.movements.find(id), !movement.isDecided else { return }
            movement.resultCode = state.code(endingNow: movement)
            movement.hasTimedOut = movement.resultCode == nil
            if movement.isDone { movement.receipt = receipt }
            // One that was open is decided by hand, and is as good as one that was to be paid.
            if [.paid, .open].contains(movement.outcome), movement.resultCode == "1" {
                movement.outcome = .insufficientFunds
            }
            if movement.outcome == .alreadyReversed, let original = movement.original {
                movement.portalAmount = state.left(of: original) ?? 0
            }
            state.keep(movement)
        }
    }

    /// Posts a movement's result, on an event loop.
    func sendResults(of id: String, times: Int? = nil) {
        MultiThreadedEventLoopGroup.singleton.any()
            .makeFutureWithTask { await self.postResults(of: id, times: times) }
            .whenComplete { _ in }
    }

    private func postResults(of id: String, times: Int? = nil) async {
        guard let movement = state.withLock({ $0.movements.find(id) }) else { return }
        let accounts = state.withLock { $0.books.accounts(of: movement.shortCode) }
        for _ in 0..<(times ?? movement.outcome.callbacks) {
            let url = movement.hasTimedOut ? movement.timeoutURL : movement.resultURL
            let status = await LoopbackClient.post(url, body: InitiatorResults.bytes(of: movement, accounts))
            state.withLock { $0.note(callbackStatus: status ?? 0, of: id) }
        }
    }
}

extension SimulatorState {
    /// The result code that a movement ends with now; nil where it waits in M-Pesa's queue until that times out.
    fileprivate func code(endingNow movement: Movement) -> String? {
        guard let original = movement.original else {
            let code = movement.outcome.payoutCode
            return code == "0" && movement.amount > books.utility(of: movement.shortCode) ? "1" : code
        }
        return movement.outcome.reversalCode(of: movement.amount, left: left(of: original))
    }
}
