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
        let until = min(order.until, draft.createdAt + Hold.longest)
        draft.hold = Hold(arguments: work.arguments, reason: order.reason, until: until)
        draft.hold?.place = planned.place
        draft.hold?.asked = order.asked
        draft.hold?.unmoved = planned.original?.unmoved.sorted { $0.raw < $1.raw } ?? []
        if order.asked?.isConfirmation == true {
            draft.hold?.asked?.isAskedThere = work.isAskedThere
            draft.hold?.asked?.session = work.caller == .agent ? work.principal.session : nil
            draft.hold?.asked?.bearer = work.principal.issued == nil ? nil : work.principal.bearerText
        }
        // Those who are asked are told once more when three quarters of the time are over, or others may stand in for them.
        let most = (until - draft.createdAt) * 3 / 4
        let remindAt = order.asked.map { asked in
            draft.createdAt + min(most, (asked.isConfirmation ? nil : asked.people?.standInAfter) ?? most)
        }
        draft.hold?.remindAt = remindAt
        draft.nextActionAt = draft.hold?.remindAt ?? until
        let claimsNow = draft.direction != .incoming
        let change = planned.original.flatMap { settlement.beginning(draft, of: $0) }
        failpoints.reach(.beforeCommit)
        let new = NewRecord(
            record: draft,
            idempotency: work.reservation?.claim,
            guards: claimsNow ? planned.guards : [],
            unique: claimsNow ? planned.unique : [],
            quota: work.quota,
            audit: work.begun.map { [$0.about(draft.id)] } ?? [],
            change: change,
            told: order.asked == nil ? [] : [.asked(about: draft, id: entropy.identifier())]
        )
        let outcome: CommitOutcome
        do throws(GatewayError) { outcome = try await records.commit(new) } catch {
            // The draft may stand all the same, and is counted with its end then.
            work.reservation?.consume()
            throw error
        }
        if case .stale = outcome { return nil }
        if let earlier = try earlierRecord(outcome, planned.plan, work) { return try await replay(earlier, for: work) }
        work.reservation?.consume()
        failpoints.reach(.afterHoldCommit)
        return Dispatch.Done(held: draft, page)
    }

    /// That an earlier reversal did not move is read in M-Pesa's statement by a person: of an agent it is not taken without
    /// somebody else's approval, to whom it is shown.
    ///
    /// - Throws: `permissionDenied`.
    static func checkWord(
        of work: Dispatch.Work,
        about original: Reversals.Original?,
        _ order: HoldOrder?
    ) throws(GatewayError) {
        guard work.caller == .agent, let original, !original.unmoved.isEmpty else { return }
        if let order, order.asked?.isConfirmation != true { return }
        throw GatewayError(
            .permissionDenied,
            """
            An agent cannot say that an earlier reversal did not move. A person who has seen that in the M-Pesa statement \
            asks for this reversal, or a rule has somebody approve it.
            """,
            record: original.record.id
        )
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

    /// Why nothing is shown of it, where the record itself says so: nothing else than its own state is looked at.
    var refusal: GatewayError? {
        if let withdrawn { return withdrawn }
        if state == .rejected {
            // Throttled is not refused, nor is what is not sent again: the same payment may be asked for as a new one.
            let isUnavailable = sentAt == nil || releasedAt != nil || whoseMove == "safaricom"
            let cause = code.map { " (\($0))" } ?? ""
            return GatewayError(
                isUnavailable ? .upstreamUnavailable : .upstreamRejected,
                (meaning ?? "M-Pesa refused the request.") + cause,
                retryAfter: isUnavailable ? .seconds(60) : nil,
                record: id
            )
        }
        guard recordClass == .exchange, state == .noAnswer else { return nil }
        return GatewayError(
            .upstreamUnavailable,
            meaning ?? "M-Pesa did not answer.",
            retryAfter: .seconds(60),
            record: id
        )
    }
}

extension Dispatch.Done {
    /// What is answered for a record that is held, or was and will never be sent: the host's own words, for plugins know
    /// nothing of it.
    init(held record: Record, _ page: ConfirmationPage) {
        self.init(
            output: HeldAnswer.document(record, page),
            record: record.id,
            state: record.state,
            note: record.note
        )
        if record.state == .draft, record.hold?.asked?.isConfirmation == true { confirmable = record }
    }
}

extension RecordState {
    /// Whether the host itself shows a record in this state, and not its plugin.
    var isShownByHost: Bool { isHeld || self == .withdrawn }
}
