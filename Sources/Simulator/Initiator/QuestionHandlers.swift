import Daraja
import Foundation
import NIOCore
import NIOPosix
import OrderedJSON

/// Questions of an operator: each is answered that it was taken, and the answer is posted.
extension Simulator {
    /// `POST /mpesa/transactionstatus/v1/query`.
    func tellStatus(_ request: SimulatorRequest, account: SimulatorAccount) -> SimulatorAnswer {
        ask(request, account, command: "TransactionStatusQuery") { body in
            let asked = self.text(body, "OriginalConversationID")
            return self.state.withLock { $0.movements.find(asked) }
                .flatMap { $0.shortCode == account.shortCode ? InitiatorResults.standing(of: $0) : nil }
        }
    }

    /// `POST /mpesa/accountbalance/v1/query`.
    func tellBalance(_ request: SimulatorRequest, account: SimulatorAccount) -> SimulatorAnswer {
        ask(request, account, command: "AccountBalance") { _ in
            let (set, accounts) = self.state.withLock { ($0.balanceText, $0.books.accounts(of: account.shortCode)) }
            return InitiatorResults.balance(set ?? accounts.text, nowMilliseconds: self.nowMilliseconds())
        }
    }

    /// The id that M-Pesa gives a request.
    func conversationID() -> String {
        let day = EastAfricaTime.timestamp(milliseconds: nowMilliseconds()).prefix(8)
        return "AG_\(day)_" + identifier().filter { $0 != "-" }
    }

    /// That a request was taken.
    func accepted(_ conversation: String, originator: String) -> JSON {
        [
            "ConversationID": .string(conversation), "OriginatorConversationID": .string(originator),
            "ResponseCode": "0", "ResponseDescription": "Accept the service request successfully.",
        ]
    }

    /// Whether a text is an operator's password, encrypted for this simulator.
    func isCredential(_ text: String, of account: SimulatorAccount) -> Bool {
        guard let sealed = Data(base64Encoded: text), let opened = keys.decrypt(Array(sealed)) else { return false }
        return opened == Array(account.initiatorPassword.utf8)
    }

    /// Does something on an event loop after a while.
    func after(_ delay: Duration, _ work: @escaping @Sendable () -> Void) {
        MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .nanoseconds(delay.nanoseconds), work)
    }

    /// Takes a question; `parameters` are what the answer holds, nil when there is nothing to tell.
    private func ask(
        _ request: SimulatorRequest,
        _ account: SimulatorAccount,
        command: String,
        parameters: @escaping @Sendable (JSON) -> [JSON]?
    ) -> SimulatorAnswer {
        guard let body = try? JSON(parsing: request.body) else {
            return error(400, "400.002.05", "Invalid Request Payload")
        }
        let url = text(body, "ResultURL")
        let checks: [(String, Bool)] = [
            ("Initiator", text(body, "Initiator") == account.initiatorName),
            ("SecurityCredential", isCredential(text(body, "SecurityCredential"), of: account)),
            ("CommandID", text(body, "CommandID") == command),
            ("PartyA", text(body, "PartyA") == account.shortCode),
            ("IdentifierType", text(body, "IdentifierType") == (account.tillNumber == nil ? "4" : "2")),
            ("ResultURL", LoopbackClient.Target(url) != nil),
            ("QueueTimeOutURL", LoopbackClient.Target(text(body, "QueueTimeOutURL")) != nil),
        ]
        if let wrong = checks.first(where: { !$0.1 })?.0 {
            return error(400, "400.002.02", "Bad Request - Invalid \(wrong)")
        }
        let (conversation, originator) = (conversationID(), identifier())
        after(settings.promptDelay / 4) {
            let answer = InitiatorResults.answer(
                conversation: conversation,
                originator: originator,
                receipt: self.receipt(),
                parameters: parameters(body)
            )
            MultiThreadedEventLoopGroup.singleton.any()
                .makeFutureWithTask { _ = await LoopbackClient.post(url, body: answer.bytes) }
                .whenComplete { _ in }
        }
        return .json(200, accepted(conversation, originator: originator))
    }
}
