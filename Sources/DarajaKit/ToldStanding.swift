import Daraja
import PluginKit

/// Where the answer to a question about a request says that it stands.
///
/// The result's own code only says whether the question worked; what counts is the parameter TransactionStatus.
public enum ToldStanding: Sendable {
    /// Done; what M-Pesa states of it is for the plugin to read.
    case completed
    /// Anything else, and what it proves.
    case told(Evidence)

    /// Reads the answer to a question.
    ///
    /// - Parameters:
    ///   - isNamed: Whether the answer names what was asked about; without that it is about something else.
    ///   - kind: What was asked about, such as `payout`.
    ///   - failure: What did not happen where it failed, such as `M-Pesa did not pay it out`.
    public init(_ result: InitiatorAPI.Result, isNamed: Bool, as kind: String, failure: String) {
        if result.ResultCode == InitiatorResultCode.noSuchTransaction {
            let words = "M-Pesa knows no such \(kind).".quoting(result.ResultDesc)
            var evidence = Evidence(.notFound)
            evidence.code = result.ResultCode
            evidence.meaning = words
            self = .told(evidence)
            return
        }
        guard result.ResultCode == "0" else {
            let entry = InitiatorResultCode.named(result.ResultCode)
            let known = entry.outcome == .failed ? " \(entry.meaning)" : ""
            let words = "M-Pesa did not answer the question.\(known)".quoting(result.ResultDesc)
            self = .told(.nothing(words, code: Excerpt.code(result.ResultCode)))
            return
        }
        guard isNamed else {
            let told = result.id("OriginatorConversationID").text.map { Excerpt.of($0, most: 64) } ?? "it names none"
            self = .told(.nothing("M-Pesa's answer is about another \(kind) (\(told)); it is asked once more."))
            return
        }
        if let twice = result.contradiction(in: "TransactionStatus", "OriginatorConversationID", "ConversationID") {
            let values = twice.values.map { Excerpt.of($0, most: 64) }.joined(separator: " and ")
            let words = "M-Pesa's answer states two values of \(twice.name): \(values). It is asked once more."
            self = .told(.nothing(words))
            return
        }
        let status = Excerpt.of(result.text("TransactionStatus") ?? "", most: 64)
        switch status {
        case "Completed": self = .completed
        case "Cancelled", "Declined", "Expired", "Failed":
            var evidence = Evidence(.failed)
            evidence.code = status
            evidence.meaning = "\(failure): \(status.lowercased())."
            evidence.whoseMove = "organization"
            evidence.chargeAgain = "yes"
            self = .told(evidence)
        case "Initiated", "Authorized", "Pending":
            var evidence = Evidence(.pending)
            evidence.code = status
            evidence.meaning = "M-Pesa is still working on the \(kind) (\(status.lowercased()))."
            self = .told(evidence)
        default:
            var evidence = Evidence.nothing(
                "M-Pesa's answer names no standing that is known.".quoting(status),
                code: status
            )
            // It answers the question all the same, and says so by naming what it is about.
            if let named = result.id("OriginatorConversationID").text {
                evidence.externalIDs = ["originator_conversation_id": named]
            }
            self = .told(evidence)
        }
    }
}
