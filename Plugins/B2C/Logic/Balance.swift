import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

/// Plans the question; it moves nothing, so it may be asked as often as the plan's rate allows.
func planBalance(_ input: PrepareInput) throws(Refusal) -> OperationPlan {
    let kind = input.arguments["account_type"]?.stringValue
    let isTill = kind.map { $0 == "TILL" } ?? (input.profile.shortCodeType == "till")
    return OperationPlan(
        body: AccountBalance.body(
            Initiator: try OperatorMessages.requireInitiatorName(input.profile),
            PartyA: input.profile.shortCode,
            IdentifierType: isTill ? "2" : "4"
        )
    )
}

private let balance = RequestKind(product: "Account Balance", retryAfterMilliseconds: 60_000)

/// What bytes prove of a balance's question.
///
/// The question has no id of ours: an answer is its own by the address it comes to.
func interpretBalance(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    switch source {
    case .callback("timeout"): return .nothing("M-Pesa did not answer in time.")
    case .reply(let status):
        return OperatorMessages.reply(raw, status: status, of: balance) { reply in
            ids(.named(reply.ConversationID), StatedID(reply.OriginatorConversationID))
        }
    case .callback: break
    case .statement: return nil
    }
    let message = Message(raw)
    guard let (result, _) = message.operatorResult else { return .unrecognized(message) }
    return answer(result)
}

private func answer(_ result: InitiatorAPI.Result) -> Evidence {
    let told = AccountBalance.read(result.text("AccountBalance") ?? "")
    guard result.ResultCode == "0", !told.accounts.isEmpty else { return unanswered(result, told) }
    var evidence = Evidence(.succeeded)
    evidence.code = "0"
    evidence.meaning = told.unread.isEmpty ? "M-Pesa told the accounts." : unreadSentence(told.unread.count)
    evidence.externalIDs = ids(result.ConversationID, result.OriginatorConversationID)
    var data: JSONObject = [
        "accounts": .array(told.accounts.map(document)),
        "as_of": .string(Excerpt.of(result.text("BOCompletedTime") ?? "", most: 64)),
    ]
    if !told.unread.isEmpty { data["unread"] = .array(shown(told.unread).map { .string($0) }) }
    evidence.data = .object(data)
    evidence.balances = told.accounts.prefix(64).compactMap(holding)
    return evidence
}

/// An account in cents; nil where it has parts of one, which is told as it is all the same.
private func holding(_ account: AccountBalance.Account) -> AccountHolding? {
    let cents = [account.current, account.available, account.reserved, account.uncleared]
        .compactMap { Money($0)?.cents }
    let (name, currency) = (Excerpt.of(account.name), Excerpt.of(account.currency, most: 16))
    guard cents.count == 4, (1...128).contains(name.utf8.count), (1...16).contains(currency.utf8.count) else {
        return nil
    }
    return AccountHolding(
        name: name,
        currency: currency,
        currentCents: cents[0],
        availableCents: cents[1],
        reservedCents: cents[2],
        unclearedCents: cents[3]
    )
}

private func unanswered(_ result: InitiatorAPI.Result, _ told: AccountBalance.Accounts) -> Evidence {
    let entry = InitiatorResultCode.named(result.ResultCode)
    var evidence = Evidence(.rejected)
    evidence.code = Excerpt.code(result.ResultCode)
    evidence.whoseMove = entry.whoseMove
    evidence.chargeAgain = "yes"
    if result.ResultCode == "0" {
        evidence.whoseMove = "safaricom"
        evidence.meaning =
            told.unread.isEmpty
            ? "M-Pesa answered without naming an account.".quoting(result.ResultDesc)
            : "M-Pesa's answer names no account that can be read: \(shown(told.unread).joined(separator: " & "))"
    } else if entry.outcome == .failed {
        evidence.meaning = entry.meaning
    } else {
        evidence.meaning = "M-Pesa did not tell the balance.".quoting(result.ResultDesc)
    }
    return evidence
}

/// How many parts of an answer that could not be read are shown.
private let unreadMax = 20

private func shown(_ unread: [String]) -> [String] {
    let shown = unread.prefix(unreadMax).map { Excerpt.ofAmounts($0, most: 200) }
    return shown.count == unread.count ? shown : shown + ["… and \(unread.count - shown.count) more"]
}

private func unreadSentence(_ count: Int) -> String {
    let parts = count == 1 ? "One part" : "\(count) parts"
    return "\(parts) of M-Pesa's answer could not be read and \(count == 1 ? "is" : "are") shown as M-Pesa wrote it."
}

/// Only ids that M-Pesa named: an empty one is none.
private func ids(_ conversation: StatedID, _ originator: StatedID) -> [String: String] {
    var ids: [String: String] = [:]
    ids["conversation_id"] = conversation.text
    ids["originator_conversation_id"] = originator.text
    return ids
}

private func document(_ account: AccountBalance.Account) -> JSON {
    [
        "name": .string(Excerpt.of(account.name)), "currency": .string(Excerpt.of(account.currency, most: 16)),
        "current": .string(account.current), "available": .string(account.available),
        "reserved": .string(account.reserved), "uncleared": .string(account.uncleared),
    ]
}

/// What M-Pesa answered, or that it has not yet.
func showBalance(_ record: Record) -> JSON {
    var output: JSONObject = ["status": .string(record.status)]
    if record.state == "succeeded" {
        output["accounts"] = record.data?["accounts"]
        output["as_of"] = record.data?["as_of"]
        output["unread"] = record.data?["unread"]
    }
    output["result_code"] = record.toldCode.map { .string($0) }
    output["result_desc"] = record.toldMeaning.map { .string($0) }
    output["next"] = .string(nextOfBalance(record))
    return .object(output)
}

private func nextOfBalance(_ record: Record) -> String {
    switch record.state {
    case "succeeded":
        guard record.data?["unread"]?.arrayValue?.isEmpty == false else { return "Nothing more to do." }
        return "Some of M-Pesa's answer could not be read: it stands in `unread` as M-Pesa wrote it. You may ask again."
    case "rejected", "no_answer", "failed": return "M-Pesa did not tell. You may ask again."
    default: return "M-Pesa has not answered yet. Ask again in a few seconds."
    }
}
