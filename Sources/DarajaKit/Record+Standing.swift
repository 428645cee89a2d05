import OrderedJSON
import PluginKit

/// What every money tool tells of a record beside its state: what stands against it, and what M-Pesa said last.
extension Record {
    /// What stands against it, in sentences; nil when nothing does.
    public var disputeText: String? {
        guard isDisputed || !disputes.isEmpty else { return nil }
        let sentences = disputes.map(\.text).filter { !$0.isEmpty }
        return sentences.isEmpty
            ? "M-Pesa has said something that contradicts this record." : sentences.joined(separator: " ")
    }

    /// Whether charging or paying once more is safe: never while it is disputed, and never `yes` while it is open.
    ///
    /// While nothing better is known of what was sent, somebody must look first.
    public var again: String? {
        let open = ["unknown", "reconciling", "manual"].contains(state) ? "check_first" : nil
        guard disputeText == nil else { return ["succeeded", "reversed"].contains(state) ? "no" : "check_first" }
        if unbelievedEnd != nil { return "wait" }
        return status == "PENDING" && chargeAgain == "yes" ? open : chargeAgain ?? open
    }

    /// What every money tool answers of it.
    ///
    /// - Parameters:
    ///   - name: The member that says whether it may be asked for again.
    ///   - own: The texts that are this tool's own.
    public func document(again name: String, whoseMove: String?, next: String, _ own: [(String, String?)]) -> JSONObject
    {
        var output: JSONObject = ["transaction_id": .string(id), "status": .string(status), "state": .string(state)]
        output["amount"] = amount.map { .integer($0) }
        let told: [(String, String?)] = [
            ("phone_number", party), ("mpesa_receipt_number", receipt), ("result_code", toldCode),
            ("result_desc", toldMeaning), ("whose_move", whoseMove), (name, again), ("dispute", disputeText),
            ("next", next),
        ]
        for (name, text) in own + told { output[name] = text.map { .string($0) } }
        output["disputed"] = .bool(disputeText != nil)
        output["created_at_ms"] = .integer(createdMilliseconds)
        output["ended_at_ms"] = endedMilliseconds.map { .integer($0) }
        return output
    }

    /// M-Pesa's code: that of the record's end, or of the newest thing that M-Pesa said and that ended nothing.
    public var toldCode: String? { code ?? lastWord?.code }

    /// What it means; of an answer that ends nothing yet that too.
    public var toldMeaning: String? {
        if let end = unbelievedEnd?.meaning {
            return "It is open still. An answer of M-Pesa's, which may be wrong and is asked for again, is: \(end)"
        }
        return code == nil && meaning == nil ? lastWord?.meaning : meaning
    }

    /// A failure that was learned by asking and is not believed yet.
    ///
    /// M-Pesa's answers have called payments failed whose callbacks then said "paid", so within the kind's trust window
    /// such an answer ends nothing.
    public var unbelievedEnd: RecordEvent? {
        guard endedMilliseconds == nil, state != "succeeded", let word = lastWord, word.source == "query" else {
            return nil
        }
        return ["failed", "cancelled", "expired"].contains(word.verdict) ? word : nil
    }

    /// The newest step in which M-Pesa said something.
    private var lastWord: RecordEvent? { events.last { $0.verdict != nil && ($0.code != nil || $0.meaning != nil) } }
}
