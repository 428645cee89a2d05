import OrderedJSON

/// `transactions.answer` and `transactions.withdraw`: what a call that is over would be answered now, and the way back
/// while nothing has left.
///
/// They are what a caller needs of a call that it does not wait for, whatever it calls that: a task, a job, a handle.
package struct AnswerActions: Sendable {
    private let operations: Operations
    private let registry: ToolRegistry
    private let drafts: Drafts

    init(drafts: Drafts) {
        operations = drafts.calls.operations
        registry = drafts.calls.registry
        self.drafts = drafts
    }

    /// The actions.
    package var all: [Action] { [answer, withdraw] }

    private static let id: JSON = ["type": "string", "maxLength": 64, "description": "The transaction's."]

    // MARK: Answer

    private var answer: Action {
        Action(
            ActionRules(
                "transactions.answer",
                auditAction: "TRANSACTIONS_READ",
                scopes: ["transactions:read"],
                isOpenWhenSuspended: true
            ),
            title: "Show a call's answer",
            summary: """
                What the call that made a transaction would be answered if it were repeated now: output as its tool shows \
                it, or error. is_ended says whether that can still change.
                """,
            route: Route("GET", "/transactions/{id}/answer"),
            arguments: ["id": AnswerActions.id],
            output: .data(AnswerActions.schema)
        ) { [self] use throws(GatewayError) in
            let record = try await record(use)
            return .data(AnswerActions.document(record, try await done(record)))
        }
    }

    /// What its tool answers, or why there is nothing of it to show; the host's own words where the tool is not loaded.
    ///
    /// - Throws: What is no answer, for it may pass: that the store cannot be read says nothing of the transaction.
    private func done(_ record: Record) async throws(GatewayError) -> Result<Dispatch.Done, GatewayError> {
        if let refusal = record.refusal { return .failure(refusal) }
        let call = CallID(record.id.raw)
        while true {
            let found = registry.snapshot.entry(record.tool, organization: record.organization, call: call)
            guard let entry = found, entry.plugin.id == record.plugin else {
                return .success(outline(of: record))
            }
            // One that has just been closed is no longer in the next snapshot.
            guard entry.plugin.calls.begin() else { continue }
            defer { entry.plugin.calls.end(hasFailed: false, tool: entry.tool.index) }
            return .success(try await operations.show(record, by: entry))
        }
    }

    private func outline(of record: Record) -> Dispatch.Done {
        if record.state.isShownByHost { return Dispatch.Done(held: record, operations.page) }
        let output = PluginDocuments.outline(of: record)
        return Dispatch.Done(output: output, record: record.id, state: record.state, note: record.note)
    }

    // MARK: Withdraw

    private var withdraw: Action {
        Action(
            ActionRules("transactions.withdraw", auditAction: "TRANSACTION_WITHDRAWN", isOpenWhenSuspended: true),
            title: "Take a payment back",
            summary: """
                Takes back a payment that is held and of which nothing was sent, for good: by whoever asked for it, a key \
                too. What has left cannot be taken back so, and is answered with 409.
                """,
            route: Route("POST", "/transactions/{id}/withdrawal"),
            arguments: ["id": AnswerActions.id],
            output: .data(TransactionDocument.schema),
            target: "id"
        ) { [self] use throws(GatewayError) in
            let record = try await record(use)
            guard record.madeBy == use.principal.subjectText else {
                throw GatewayError(.permissionDenied, "Somebody else asked for this: who may, declines it.")
            }
            let withdrawn = try await drafts.withdraw(
                record.id,
                organization: record.organization,
                environment: record.environment,
                as: .cancelled,
                by: use.principal.subjectText,
                because: "Taken back."
            )
            var writer = JSONWriter(capacity: 1024)
            PluginDocuments.write(withdrawn, to: &writer)
            return .data(writer.bytes)
        }
    }

    private func record(_ use: Action.Use) async throws(GatewayError) -> Record {
        guard let id = RecordID(use.text("id") ?? ""),
            let record = try await operations.records.record(id, of: use.principal), use.principal.sees(record)
        else { throw GatewayError.noTransaction }
        return record
    }

    // MARK: The document

    private static let text: JSON = ["type": "string"]

    private static let schema: JSON = [
        "type": "object",
        "required": [
            "transaction_id", "tool", "state", "status", "is_ended", "created_ms", "updated_ms", "message",
        ],
        "properties": [
            "transaction_id": text, "tool": text, "account": text,
            "state": ["enum": .array(RecordState.allCases.map { .string($0.rawValue) })],
            "status": ["enum": ["PENDING", "SUCCESS", "FAILED", "CANCELLED", "REVERSED"]],
            "is_ended": ["type": "boolean"], "created_ms": ["type": "integer"], "updated_ms": ["type": "integer"],
            "message": ["type": "string", "description": "Where it stands, in a sentence."],
            "withdrawal": ["enum": .array(Hold.Withdrawal.allCases.map { .string($0.rawValue) })],
            "output": [
                "type": "object", "description": "As its tool shows it; id and state where that is not loaded.",
            ],
            "error": [
                "type": "object", "required": ["code", "message"],
                "properties": [
                    "code": text, "message": text, "retry_after_s": ["type": "integer"], "charge_again": text,
                ],
            ],
        ],
    ]

    private static func document(_ record: Record, _ done: Result<Dispatch.Done, GatewayError>) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.optional("transaction_id", record.id.description)
        writer.optional("tool", record.tool)
        writer.optional("account", record.accountName.description)
        writer.optional("state", record.state.rawValue)
        writer.optional("status", record.state.status)
        writer.key("is_ended")
        writer.bool(record.state.isEnded)
        writer.optional("created_ms", record.createdAt.milliseconds)
        writer.optional("updated_ms", record.updatedAt.milliseconds)
        writer.optional("withdrawal", record.hold?.withdrawal?.rawValue)
        switch done {
        case .success(let done):
            var reply = ToolReply(.success(done.output), record: record.id, state: record.state)
            reply.note = done.note
            writer.optional("message", reply.sentence)
            writer.key("output")
            writer.raw(done.output)
        case .failure(let error):
            writer.optional("message", error.message)
            writer.key("error")
            writer.beginObject()
            writer.optional("code", error.code.rawValue)
            writer.optional("message", error.message)
            writer.optional("retry_after_s", error.retryAfter.map { max(1, ($0.wholeMilliseconds + 999) / 1000) })
            writer.optional("charge_again", error.chargeAgain)
            writer.endObject()
        }
        writer.endObject()
        return writer.bytes
    }
}
