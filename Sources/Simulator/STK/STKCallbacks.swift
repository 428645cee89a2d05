import Daraja
import NIOCore
import NIOPosix
import OrderedJSON

extension Simulator {
    /// Lets the customer answer once the prompt's delay has passed.
    func schedule(_ prompt: Prompt) {
        guard prompt.outcome != .open else { return }
        let isLate = prompt.outcome == .lateCallback || prompt.outcome == .queryLies
        let (id, late) = (prompt.checkoutRequestID, settings.promptDelay * 9)
        after(settings.promptDelay) {
            self.decide(id)
            self.after(isLate ? late : .zero) { self.send(id) }
            guard prompt.outcome == .lateSuccess || prompt.outcome == .statedLater else { return }
            self.after(late) {
                self.payAfterAll(id)
                self.send(id)
            }
        }
    }

    private func send(_ checkout: String) {
        MultiThreadedEventLoopGroup.singleton.any()
            .makeFutureWithTask { await self.sendCallbacks(checkout) }
            .whenComplete { _ in }
    }

    /// The customer answers now, and the callbacks go out.
    func settle(_ checkout: String) async {
        decide(checkout)
        await sendCallbacks(checkout)
    }

    /// The customer's answer.
    ///
    /// Here, and only here, somebody is charged.
    @discardableResult
    func decide(_ checkout: String) -> Bool {
        let receipt = receipt()
        return state.withLock { state in
            guard var prompt = state.prompts.find(checkout), !prompt.isDecided else { return false }
            prompt.resultCode = prompt.outcome.resultCode
            if prompt.resultCode == 0 { prompt.receipt = receipt }
            state.keep(prompt)
            return true
        }
    }

    /// Somebody whose prompt ended otherwise is charged all the same.
    private func payAfterAll(_ checkout: String) {
        let receipt = receipt()
        state.withLock { state in
            guard var prompt = state.prompts.find(checkout), prompt.outcome == .lateSuccess, prompt.resultCode != 0
            else { return }
            (prompt.resultCode, prompt.receipt) = (0, receipt)
            state.keep(prompt)
        }
    }

    /// Sends a prompt's callbacks as often as its outcome says.
    func sendCallbacks(_ checkout: String, times: Int? = nil) async {
        guard let prompt = state.withLock({ $0.prompts.find(checkout) }) else { return }
        for _ in 0..<(times ?? prompt.outcome.callbacks) {
            let status = await LoopbackClient.post(
                prompt.callbackURL,
                body: STKCallbacks.bytes(of: prompt),
                over: lines
            )
            state.withLock { $0.note(callbackStatus: status ?? 0, of: checkout) }
        }
    }

}

/// Callbacks as M-Pesa writes them: amounts as 1.00, phone numbers as numbers, `Balance` without a value.
enum STKCallbacks {
    static func bytes(of prompt: Prompt) -> [UInt8] {
        let bytes = body(of: prompt).bytes
        return prompt.outcome == .oddBytes ? CallbackValues.odd(bytes) : bytes
    }

    static func body(of prompt: Prompt) -> JSON {
        let code = prompt.resultCode ?? 0
        var callback: JSONObject = [
            "MerchantRequestID": .string(prompt.merchantRequestID),
            "CheckoutRequestID": .string(
                prompt.outcome == .alteredID ? prompt.checkoutRequestID + "X" : prompt.checkoutRequestID
            ),
            "ResultCode": .integer(Int64(code)), "ResultDesc": .string(description(of: code)),
        ]
        if prompt.outcome == .otherForms { callback["ResultCode"] = .string(String(code)) }
        if code == 0 {
            let stated = CallbackValues.stated(
                items(of: prompt),
                receipt: prompt.receipt ?? "",
                key: "Name",
                prompt.outcome
            )
            callback["CallbackMetadata"] = stated.map { ["Item": $0] }
        }
        return ["Body": ["stkCallback": .object(callback)]]
    }

    private static func items(of prompt: Prompt) -> [JSON] {
        let isOther = prompt.outcome == .otherForms
        let amount = "\(prompt.amount).00"
        let balance: JSON =
            isOther
            ? ["Name": "Balance", "Value": .string("{Amount={CurrencyCode=KES, BasicAmount=\(amount)}}")]
            : ["Name": "Balance"]
        let date: JSON = [
            "Name": "TransactionDate",
            "Value": isOther ? .string(String(date(of: prompt))) : .integer(date(of: prompt)),
        ]
        let isUndated = prompt.outcome == .statedLater && prompt.callbackStatuses.isEmpty
        return [
            ["Name": "Amount", "Value": CallbackValues.amount(prompt.amount, prompt.outcome)],
            ["Name": "MpesaReceiptNumber", "Value": .string(prompt.receipt ?? "")],
            balance,
        ] + (isUndated ? [] : [date])
            + [["Name": "PhoneNumber", "Value": CallbackValues.phone(prompt.phone, prompt.outcome)]]
    }

    static func description(of code: Int) -> String {
        switch code {
        case 0: "The service request is processed successfully."
        case 1: "The balance is insufficient for the transaction."
        case 1032: "Request cancelled by user"
        case 1037: "DS timeout user cannot be reached"
        case 2001: "The initiator information is invalid."
        // Of no table: M-Pesa's words are not the gateway's.
        case 4321: "The request could not be completed."
        default: STKResultCode.named(String(code)).meaning
        }
    }

    private static func date(of prompt: Prompt) -> Int64 {
        Int64(EastAfricaTime.timestamp(milliseconds: prompt.createdMilliseconds)) ?? 0
    }
}
