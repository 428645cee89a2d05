import OrderedJSON

/// What is committed and not sent: a call that a person must let leave.
extension Operations {
    /// Commits what was planned as a draft, and shows it; nil when what it was planned on has changed meanwhile.
    ///
    /// Money in takes its guards when it is let go, money out from here on, so that drafts see each other.
    func hold(
        _ planned: Planned,
        until order: HoldOrder,
        for work: Dispatch.Work
    ) async throws(GatewayError) -> Dispatch.Done? {
        var draft = planned.record
        draft.state = .draft
        draft.hold = Hold(arguments: work.arguments, reason: order.reason, until: order.until)
        draft.nextActionAt = order.until
        let claimsNow = draft.direction != .incoming
        let change = planned.original.flatMap { settlement.beginning(draft, of: $0) }
        failpoints.reach(.beforeCommit)
        let outcome = try await records.commit(
            NewRecord(
                record: draft,
                idempotency: work.reservation?.claim,
                guards: claimsNow ? planned.guards : [],
                unique: claimsNow ? planned.unique : [],
                quota: work.quota,
                audit: work.begun.map { [$0.about(draft.id)] } ?? [],
                change: change
            )
        )
        if case .stale = outcome { return nil }
        if let earlier = try earlierRecord(outcome, planned.plan, work) { return try await replay(earlier, for: work) }
        work.reservation?.consume()
        return Dispatch.Done(held: draft)
    }
}

extension Record {
    /// How a call is refused whose record was held and withdrawn; nil for any other.
    var withdrawn: GatewayError? {
        guard state == .withdrawn else { return nil }
        var error = GatewayError(
            hold?.withdrawal?.code ?? .withdrawn,
            (meaning ?? "This was held, and withdrawn.") + " Nothing was sent, and nothing will be under this key.",
            record: id
        )
        error.chargeAgain = "no"
        return error
    }
}

extension Dispatch.Done {
    /// What is answered for a record that is held: the host's own words, for plugins know nothing of it.
    init(held record: Record) {
        self.init(
            output: PluginDocuments.held(record),
            record: record.id,
            state: record.state,
            note: record.note
        )
    }
}

extension PluginDocuments {
    /// A draft as its caller is shown it.
    package static func held(_ record: Record) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.optional("transaction_id", record.id.description)
        writer.optional("status", record.state.status)
        writer.optional("state", record.state.rawValue)
        writer.optional("next", "Nothing was sent. A person must release it; ask for its status, and do not repeat it.")
        writer.key("approval")
        writer.beginObject()
        writer.optional("reason", record.hold?.reason)
        writer.optional("until_ms", record.hold?.until.milliseconds)
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }
}
