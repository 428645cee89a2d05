import OrderedJSON

/// Asks whoever called, by a form of their client's or on a page of the host's, whether what waits for their word is wanted,
/// and hears what they say.
///
/// The draft is committed before anybody is asked, so that what is confirmed cannot become another payment, and it leaves
/// once. A form is answered by a program of the caller's own: what it says is a confirmation, and never an approval. To a
/// page is led whoever calls in person: there they log in, and what their program says of it decides nothing.
package struct Confirmations: Sendable {
    /// What bounds them.
    package struct Settings: Sendable {
        /// How long a call waits, that has led somebody to the page, before it is answered that nothing was decided yet.
        ///
        /// Default 20 s; whoever asks again waits on.
        package var pageWait: Duration = .seconds(20)
        /// How often it looks meanwhile.
        ///
        /// Default 1 s.
        package var lookEvery: Duration = .seconds(1)

        /// The defaults.
        package init() {}
    }

    let drafts: Drafts
    let seal: QuestionSeal
    let settings: Settings

    private var operations: Operations { drafts.calls.operations }

    // MARK: Asking

    /// An answer with its question, where it waits for whoever called and they can be asked; any other as it is.
    func asking(_ done: Dispatch.Done, _ work: Dispatch.Work) throws(GatewayError) -> Dispatch.Done {
        guard let record = done.confirmable, work.isAskedThere, isTheirs(record, work) else { return done }
        let question = question(about: record, work)
        var asking = done
        asking.ending = .question(
            question,
            state: try seal.seal(question, at: work.place, as: Confirmations.purpose(of: work))
        )
        return asking
    }

    /// The page, where whoever calls is somebody in person whose client can lead them there; else a form.
    private func question(about record: Record, _ work: Dispatch.Work) -> Question {
        // As they are shown it: what is hidden from them is not kept as shown.
        let words = record.wordsToConfirm
        let shown = work.call.sight?(words, work.principal) ?? words
        var state: JSONObject = ["transaction_id": .string(record.id.description), "shown": .string(shown)]
        guard work.call.opensPages, work.isInPerson, let page = operations.page.address(of: record.id) else {
            return Question(shown, schema: Confirmations.schema, state: .object(state))
        }
        state["page"] = true
        return Question(
            "Open the gateway's page and log in there, to see this payment whole and to confirm it or decline it.\n"
                + shown,
            page: page,
            state: .object(state)
        )
    }

    /// Whether a record was asked for by who calls now, in the same capacity: what a key asked for by REST, or before it was
    /// an agent's, is no agent's to confirm, nor what another token's holder asked for as the same key.
    private func isTheirs(_ record: Record, _ work: Dispatch.Work) -> Bool {
        record.bearer == work.principal.bearerText && record.caller == work.caller
    }

    /// A question is for the same account and key too: nobody confirms one payment by the form of another.
    private static func purpose(of work: Dispatch.Work) -> String {
        "confirmation|\(work.call.account?.description ?? "")|\(work.call.idempotencyKey ?? "")"
    }

    private static let schema: JSON = [
        "type": "object", "required": ["confirm"],
        "properties": [
            "confirm": ["type": "boolean", "title": "Confirm", "description": "Yes: it is sent as it is shown."]
        ],
    ]

    // MARK: Hearing

    /// Lets a draft leave, or withdraws it, as its caller says; says again what came of what was said before.
    ///
    /// - Throws: `invalidArgument` for what was not asked of this caller about this call, and for another answer than the
    ///   first; whatever keeps a draft from leaving.
    func answered(_ reply: QuestionReply, _ work: Dispatch.Work) async throws(GatewayError) -> Dispatch.Done {
        let (opened, heard) = try seal.hear(reply, at: work.place, as: Confirmations.purpose(of: work))
        let state = opened.question.state
        guard let id = state["transaction_id"]?.stringValue.flatMap({ RecordID($0) }),
            let shown = state["shown"]?.stringValue,
            let record = try await operations.records.record(id, of: work.principal),
            record.madeBy == work.principal.subjectText
        else { throw GatewayError.fault("the record of a confirmation is gone") }
        // Nothing was said: the same draft is asked about again, or what has become of it is shown.
        guard case .answer(let answer) = heard else {
            return try asking(try await operations.replay(id, for: work), work)
        }
        let isOfPage = state["page"] == true
        let isWanted = answer.action == "accept" && (isOfPage || answer.content["confirm"] == true)
        // Whoever has chosen nothing, or was led to the page, says nothing against what has become of it.
        let isNo = !isWanted && !isOfPage && answer.action != "cancel"
        guard record.state == .draft else { return try await again(record, isNo: isNo, work) }
        guard isTheirs(record, work) else {
            throw GatewayError(
                .conflict,
                "It was asked for in another way than this: a person's own session confirms it, or takes it back.",
                record: id
            )
        }
        // Nobody has chosen: it waits as before.
        if answer.action == "cancel" { return try await operations.replay(id, for: work) }
        if isOfPage, answer.action == "accept" { return try await decided(record, work) }
        guard isWanted else {
            let withdrawn = try await drafts.withdraw(
                id,
                organization: record.organization,
                environment: record.environment,
                as: .declined,
                by: work.principal.subjectText,
                because: "Declined in the conversation."
            )
            return Dispatch.Done(held: withdrawn, operations.page)
        }
        let rules = work.membership.organization.approvals.rules(at: drafts.entropy.now())
        if record.isVoid(by: rules) { throw try await drafts.void(record) }
        try await work.mayGoOn()
        _ = try await drafts.confirm(record, by: work.principal.subjectText, .form, shown: shown)
        var done = try await operations.replay(id, for: work)
        done.isReplayed = false
        return done
    }

    /// Waits until it is decided on the page: that somebody was led there is all that a client can say.
    ///
    /// Asks again where nothing is decided in time.
    private func decided(_ seen: Record, _ work: Dispatch.Work) async throws(GatewayError) -> Dispatch.Done {
        let end = drafts.entropy.now() + settings.pageWait
        while !Task.isCancelled, drafts.entropy.now() < end {
            do { try await drafts.entropy.sleep(for: settings.lookEvery) } catch { break }
            try await work.mayGoOn()
            let found = try await operations.records.record(seen.id, of: work.principal)
            guard let found, found.state != .draft else { continue }
            var done = try await operations.replay(seen.id, for: work)
            done.isReplayed = false
            return done
        }
        return try asking(try await operations.replay(seen.id, for: work), work)
    }

    /// The first answer counts: the same once more, and whatever is no answer, is shown what came of it.
    private func again(
        _ record: Record,
        isNo: Bool,
        _ work: Dispatch.Work
    ) async throws(GatewayError) -> Dispatch.Done {
        guard !isNo || record.state == .withdrawn else {
            throw GatewayError(
                .invalidArgument,
                "This has been confirmed, and not declined. Ask for its status.",
                record: record.id
            )
            .aboutCall
        }
        return try await operations.replay(record.id, for: work)
    }
}
