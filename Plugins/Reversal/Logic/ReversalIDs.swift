import Daraja
import DarajaKit
import PluginKit

/// By which ids a reversal is known, and which it is not.
///
/// The request carries no id of ours. M-Pesa's answer gives it two, ConversationID and OriginatorConversationID; before
/// that, or where the answer was lost, a result is known by the address that it comes to and by the receipt of the payment
/// that it gives back. Of ids that differ from those of the answer the ConversationID counts, where both are named: the
/// other has been seen to differ between answer and result. An id that is missing or empty says nothing.
struct ReversalIDs {
    private let conversation: String?
    private let originator: String?
    /// The receipt of what is given back; nil for a question, which is not told it.
    private let receipt: String?

    /// The ids of a reversal, or of the one that a question is about.
    init(_ record: Record) {
        conversation = record.externalIDs["conversation_id"]
        originator = record.externalIDs["originator_conversation_id"]
        receipt = record.about == nil ? record.reference : nil
    }

    /// The ids that are kept of an answer or a result: never one that differs from what is known.
    func learned(conversation named: String?, originator other: String?) -> [String: String] {
        var ids: [String: String] = [:]
        if conversation == nil { ids["conversation_id"] = named }
        if originator == nil { ids["originator_conversation_id"] = other }
        return ids.filter { !$0.value.isEmpty }
    }

    /// The id by which an answer is another request's; nil when it may be ours.
    func otherRequest(in reply: InitiatorAPI.Reply) -> String? {
        guard let conversation, !OperatorMessages.isSame(reply.ConversationID, conversation) else { return nil }
        return reply.ConversationID
    }

    /// The id by which a result at this reversal's address is about something else; nil when it is ours.
    func otherRequest(in result: InitiatorAPI.Result) -> String? {
        if let receipt, case .named(let id) = result.id("OriginalTransactionID"),
            id.uppercased() != receipt.uppercased()
        {
            return id
        }
        switch (result.ConversationID, conversation) {
        case (.unusable, _): return "an id that cannot be one"
        case (.named(let id), let known?): return OperatorMessages.isSame(id, known) ? nil : id
        default: break
        }
        switch (result.OriginatorConversationID, originator) {
        case (.unusable, _): return "an id that cannot be one"
        case (.named(let id), let known?): return id == known ? nil : id
        default: return nil
        }
    }

    /// Whether a result names this reversal by one of its ids, or by the receipt of what it gives back.
    func areNamed(by result: InitiatorAPI.Result) -> Bool {
        guard otherRequest(in: result) == nil else { return false }
        let namesReceipt = receipt != nil && result.id("OriginalTransactionID").text != nil
        return namesReceipt || (result.ConversationID.text != nil && conversation != nil)
            || (result.OriginatorConversationID.text != nil && originator != nil)
    }

    /// Whether the answer to a question is about this reversal.
    func isNamed(in status: InitiatorAPI.Result) -> Bool {
        switch status.id("OriginatorConversationID") {
        case .named(let id): id == originator
        case .unusable: false
        case .missing:
            status.id("ConversationID").text
                .flatMap { id in
                    conversation.map { OperatorMessages.isSame(id, $0) }
                } ?? false
        }
    }
}
