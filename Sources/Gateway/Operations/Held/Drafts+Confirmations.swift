import Cryptography
import OrderedJSON

extension Drafts {
    /// Lets a draft leave because whoever asked for it has said once more that it is wanted.
    ///
    /// - Throws: As `release`; `conflict` where that is not what it waits for.
    func confirm(
        _ seen: Record,
        by who: String,
        _ way: Hold.Confirmation.Way,
        shown: String,
        with lines: ChangeLines? = nil
    ) async throws(GatewayError) -> Record {
        let record = try await draft(seen.id, seen.organization, seen.environment)
        guard record.hold?.asked?.isConfirmation == true else {
            throw GatewayError(.conflict, "Others must approve this; a confirmation is not enough.", record: seen.id)
        }
        let confirmation = Hold.Confirmation(
            // Who of those who act as one key.
            by: way == .form ? record.bearer : who,
            at: entropy.now(),
            way: way,
            shown: shown,
            digest: record.digest(shown: shown)
        )
        return try await release(record, by: who, besides: [], with: lines, confirmation)
    }

    /// Withdraws a draft whose rule is gone or asks for more by now; why it is refused.
    func void(_ record: Record) async throws(GatewayError) -> GatewayError {
        let withdrawn = try await withdraw(
            record.id,
            organization: record.organization,
            environment: record.environment,
            as: .obsolete,
            by: "host",
            because: "The rule by which it waited is another by now."
        )
        return withdrawn.withdrawn ?? GatewayError(.conflict, "This is not held any more.", record: record.id)
    }
}

extension Record {
    /// Whoever asked for what waits to be confirmed, as `Principal.bearerText` has it.
    var bearer: String { hold?.asked?.bearer ?? madeBy }

    /// What a person is shown of a payment before they confirm it.
    var wordsToConfirm: String {
        let (verb, side) =
            switch direction {
            case .incoming, .none: ("Ask for", "From")
            case .outgoing: ("Pay out", "To")
            case .reverse: ("Give back", "From")
            }
        var lines = ["\(verb): \(intent.amount.map { "\($0.amount) shillings" } ?? "the whole amount")"]
        if let party = intent.party { lines.append("\(side): \(PlainText.name.shown(party))") }
        if let original = intent.original { lines.append("Of: \(original)") }
        if let words = wordsOfUnmoved { lines.append(words) }
        if let reference = intent.reference { lines.append("Reference: \(PlainText.name.shown(reference))") }
        if let text = intent.description { lines.append("Description: \(PlainText.name.shown(text))") }
        lines.append("By: \(tool), account \(accountName)")
        lines.append(environment == .live ? "Money: live, real money" : "Money: test, no real money")
        return "Confirm this payment.\n" + lines.joined(separator: "\n") + "\nNothing is sent unless you do."
    }

    /// What whoever lets a reversal leave stands for beside it: that others did not move; nil where it says nothing of others.
    var wordsOfUnmoved: String? {
        guard let said = hold?.unmoved, !said.isEmpty else { return nil }
        let ids = said.map { "\($0)" }.joined(separator: ", ")
        return "Said not to have moved, which M-Pesa has not stated: \(ids). Look at the M-Pesa statement first."
    }

    /// What names a payment together with what was shown of it.
    func digest(shown: String) -> String {
        let all: JSON = [
            "arguments": hold?.arguments ?? .null, "shown": .string(shown), "tool": .string(tool),
            "transaction_id": .string(id.description),
        ]
        return SHA256.digest(all.canonicalBytes).hexadecimal
    }

    /// Whether the rule by which it waits is gone, or asks for more by now.
    func isVoid(by rules: [ApprovalRule]) -> Bool {
        guard let asked = hold?.asked else { return false }
        var call = ApprovalRule.Case(self, isNewReceiver: asked.isNewReceiver)
        call.isOfAskingTool = asked.isOfTool
        let now = ApprovalDecision(about: call, by: rules)
        if asked.isConfirmation { return now.outcome != .confirm }
        guard now.outcome == .approve, let rule = now.rule else { return true }
        return rule.role > asked.role || rule.count > asked.count || !asked.people.isAtLeast(rule.people)
    }
}
