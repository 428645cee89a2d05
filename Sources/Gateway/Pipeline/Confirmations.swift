import OrderedJSON

/// Asks whoever called, by a form of their client's, whether what waits for their word is wanted, and hears what they say.
///
/// The draft is committed before anybody is asked, so that what is confirmed cannot become another payment, and it leaves
/// once. A form is answered by a program of the caller's own: what it says is a confirmation, and never an approval.
struct Confirmations: Sendable {
    let drafts: Drafts
    let seal: QuestionSeal

    private var operations: Operations { drafts.calls.operations }

    // MARK: Asking

    /// An answer with its question, where it waits for whoever called and they can be asked; any other as it is.
    func asking(_ done: Dispatch.Done, _ work: Dispatch.Work) throws(GatewayError) -> Dispatch.Done {
        guard let record = done.confirmable, work.call.door == .mcp, work.call.canBeAsked,
            isTheirs(record, work)
        else { return done }
        let shown = record.wordsToConfirm
        let question = Question(
            shown,
            schema: Confirmations.schema,
            state: ["transaction_id": .string(record.id.description), "shown": .string(shown)]
        )
        var asking = done
        asking.ending = .question(
            question,
            state: try seal.seal(question, for: work, as: Confirmations.purpose(of: work))
        )
        return asking
    }

    /// Whether a record was asked for by who calls now, in the same capacity: what a key asked for by REST, or before it was
    /// an agent's, is no agent's to confirm.
    private func isTheirs(_ record: Record, _ work: Dispatch.Work) -> Bool {
        record.madeBy == work.principal.subjectText && record.caller == work.caller
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
        let opened = try seal.open(reply, for: work, as: Confirmations.purpose(of: work))
        let answer = try opened.answer(reply)
        guard let id = answer.state["transaction_id"]?.stringValue.flatMap({ RecordID($0) }),
            let shown = answer.state["shown"]?.stringValue,
            let record = try await operations.records.record(id, of: work.principal),
            record.madeBy == work.principal.subjectText
        else { throw GatewayError.fault("the record of a confirmation is gone") }
        let isWanted = answer.action == "accept" && answer.content["confirm"] == true
        guard record.state == .draft else { return try await again(record, isWanted, work) }
        guard isTheirs(record, work) else {
            throw GatewayError(
                .conflict,
                "It was asked for in another way than this: a person's own session confirms it, or takes it back.",
                record: id
            )
        }
        // Nobody has chosen: it waits as before.
        if answer.action == "cancel" { return try await operations.replay(id, for: work) }
        guard isWanted else {
            let withdrawn = try await drafts.withdraw(
                id,
                organization: record.organization,
                environment: record.environment,
                as: .declined,
                by: work.principal.subjectText,
                because: "Declined in the conversation."
            )
            return Dispatch.Done(held: withdrawn)
        }
        let rules = work.membership.organization.approvals.rules(at: drafts.entropy.now())
        if record.isVoid(by: rules) { throw try await drafts.void(record) }
        try await work.mayGoOn()
        _ = try await drafts.confirm(record, by: work.principal.subjectText, .form, shown: shown)
        var done = try await operations.replay(id, for: work)
        done.isReplayed = false
        return done
    }

    /// The first answer counts: the same once more is shown what came of it.
    private func again(
        _ record: Record,
        _ isWanted: Bool,
        _ work: Dispatch.Work
    ) async throws(GatewayError) -> Dispatch.Done {
        guard isWanted || record.state == .withdrawn else {
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
