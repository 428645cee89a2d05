import Daraja
import DarajaKit
import PluginKit

/// By which ids a payout is known, and which it is not.
///
/// The request carries the record's own id as its OriginatorConversationID. That one counts: a result or a status that
/// names it is about this payout. Daraja's reply may name another, of its own making; it is noted beside ours
/// (`reply_originator_conversation_id`) and is as good, and so is the ConversationID of the reply. One of the form of our
/// own ids that is not this payout's is another payout's reply. Anything else is about another payment. An id that is missing or empty says nothing.
struct PayoutIDs {
    /// The id in the request.
    let own: String
    private let known: [String: String]

    /// The ids of a payout, or of the payout that a question is about.
    init(_ record: Record) {
        own = record.about ?? record.id
        known = record.externalIDs
    }

    /// The ids of a reply that are kept.
    func learned(from reply: InitiatorAPI.Reply) -> [String: String] {
        var ids = mine
        // A result that came before the reply may have told it, and in another form.
        if known["conversation_id"] == nil { ids["conversation_id"] = reply.ConversationID }
        let named = reply.OriginatorConversationID
        if !named.isEmpty, named != own { ids["reply_originator_conversation_id"] = named }
        return ids
    }

    /// The ids of a result that are kept; never one that differs from what is known.
    func learned(from result: InitiatorAPI.Result) -> [String: String] {
        var ids = mine
        if known["conversation_id"] == nil { ids["conversation_id"] = result.ConversationID.text }
        return ids
    }

    /// The id by which a result at this payout's address is another payment's; nil when it is ours.
    func otherPayment(in result: InitiatorAPI.Result) -> String? {
        switch result.OriginatorConversationID {
        case .named(let id): return isOurs(id) ? nil : id
        case .unusable: return "an id that cannot be one"
        case .missing: break
        }
        switch (result.ConversationID, known["conversation_id"]) {
        case (.named(let id), let noted?): return OperatorMessages.isSame(id, noted) ? nil : id
        case (.unusable, _): return "an id that cannot be one"
        default: return nil
        }
    }

    /// The id by which a reply is another payment's; nil when it may be ours.
    ///
    /// Daraja's own ids look otherwise than ours. One of the form of ours that is not this payout's is another record's.
    func otherPayment(in reply: InitiatorAPI.Reply) -> String? {
        let named = reply.OriginatorConversationID
        if isOurs(named) { return nil }
        if PayoutIDs.isRecordID(named) { return named }
        guard let noted = known["conversation_id"], !OperatorMessages.isSame(reply.ConversationID, noted) else {
            return nil
        }
        return reply.ConversationID
    }

    /// Whether a result names this payout by one of its ids.
    func areNamed(by result: InitiatorAPI.Result) -> Bool {
        guard otherPayment(in: result) == nil else { return false }
        return result.OriginatorConversationID.text != nil
            || (result.ConversationID.text != nil && known["conversation_id"] != nil)
    }

    /// Whether a status names this payout.
    func isNamed(in status: InitiatorAPI.Result) -> Bool {
        switch status.id("OriginatorConversationID") {
        case .named(let id): isOurs(id)
        case .unusable: false
        case .missing:
            status.id("ConversationID").text
                .flatMap { id in known["conversation_id"].map { OperatorMessages.isSame(id, $0) } }
                ?? false
        }
    }

    private var mine: [String: String] { ["originator_conversation_id": known["originator_conversation_id"] ?? own] }

    private func isOurs(_ id: String) -> Bool {
        [own, known["originator_conversation_id"], known["reply_originator_conversation_id"]].contains(id)
    }

    /// Whether an id has the form of a record's: a UUID of version 7.
    private static func isRecordID(_ id: String) -> Bool {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        return parts.map(\.count) == [8, 4, 4, 4, 12] && parts[2].first == "7"
            && parts.allSatisfy { $0.allSatisfy { $0.isASCII && $0.isHexDigit } }
    }
}
