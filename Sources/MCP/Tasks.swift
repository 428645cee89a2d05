import Gateway
import OrderedJSON

/// A payment, a question to M-Pesa, a batch or a tool's own long work, seen as a task of the extension `io.modelcontextprotocol/tasks`.
///
/// Nothing is kept of a task: it is the record, the batch or the long work that its id names. So it outlives the process and its host,
/// and is seen by whoever may see that.
struct TaskView: Sendable {
    static let extensionName = "io.modelcontextprotocol/tasks"

    /// How a client is told that it stands; what goes wrong in a tool is a result too, so that no task fails.
    enum Status: String {
        case working, completed, cancelled
    }

    /// What a task is of: its id, behind the host's scheme, is the URI to read it at.
    enum Kind: String {
        case transactions, batches, tasks

        /// The action by which it is asked about.
        var reading: String {
            switch self {
            case .transactions: "transactions.answer"
            case .batches: "batches.show"
            case .tasks: "tasks.show"
            }
        }

        /// The action by which it is taken back.
        var ending: String {
            switch self {
            case .transactions: "transactions.withdraw"
            case .batches: "batches.cancel"
            case .tasks: "tasks.cancel"
            }
        }
    }

    let id: String
    let status: Status
    let message: String
    let createdAt: Timestamp
    let updatedAt: Timestamp
    /// Which M-Pesa it is with, and by which account.
    let marks: Marks
    /// What the call would have been answered, where that is known: the members of a result.
    let result: JSON?

    /// What a call has begun and does not wait for; nil of what has ended, and of what begins nothing.
    init?(_ reply: ToolReply, _ exchange: Exchange, _ results: Results) {
        guard case .success(let output) = reply.result, let tool = reply.tool else { return nil }
        if tool.task != nil {
            guard case .handle(let handle) = reply.ending, let note = reply.note else { return nil }
            self.init(begun: handle, note, TaskView.marks(reply.place, nil, reply.isReplayed))
            return
        }
        guard tool.kind.begins else { return nil }
        // What must be asked is asked before.
        if case .question = reply.ending { return nil }
        if tool.items != nil {
            guard let batch = try? JSON(parsing: output), batch["batch_id"] != nil else { return nil }
            self.init(batch: batch, reply.place, isReplayed: reply.isReplayed, exchange, results)
            guard status == .working else { return nil }
            return
        }
        guard let record = reply.record, let state = reply.state, !state.isEnded, let note = reply.note else {
            return nil
        }
        self.init(open: record, reply.sentence, note, TaskView.marks(reply.place, nil, reply.isReplayed))
    }

    private init(open record: RecordID, _ message: String, _ note: Dispatch.Note, _ marks: Marks) {
        id = "\(Kind.transactions)/\(record)"
        (status, result) = (.working, nil)
        self.marks = marks
        self.message = message
        (createdAt, updatedAt) = (note.begunAt, note.updatedAt)
    }

    private init(begun handle: Handle, _ note: Dispatch.Note, _ marks: Marks) {
        id = "\(Kind.tasks)/\(handle.handle)"
        (status, result, message) = (.working, nil, handle.message)
        self.marks = marks
        (createdAt, updatedAt) = (note.begunAt, note.updatedAt)
    }

    /// Of what `tasks.show` says.
    init(long work: JSON, _ place: CallPlace?, _ exchange: Exchange, _ results: Results) {
        id = "\(Kind.tasks)/\(work["task_id"]?.stringValue ?? "")"
        message = work["message"]?.stringValue ?? work["next"]?.stringValue ?? ""
        createdAt = Timestamp(milliseconds: work["begun_at_ms"]?.integerValue ?? 0)
        updatedAt = Timestamp(milliseconds: work["updated_at_ms"]?.integerValue ?? 0)
        let marks = TaskView.marks(place, nil)
        self.marks = marks
        switch work["status"]?.stringValue {
        case "WORKING": (status, result) = (.working, nil)
        case "CANCELLED": (status, result) = (.cancelled, nil)
        default:
            status = .completed
            let words = marks.words.map { [$0] } ?? []
            result = results.inner(marks) { writer in
                guard let output = work["output"] else {
                    let code = work["error"]?["code"]?.stringValue.flatMap(GatewayError.Code.init(rawValue:))
                    let error = GatewayError(
                        code ?? .internalFault,
                        work["error"]?["message"]?.stringValue ?? "It failed."
                    )
                    let document = Results.document(of: error, exchange.call)
                    let text = Results.text(of: error, exchange.call)
                    return Results.writeError(text, document, exchange.revision, &writer)
                }
                let blocks = work["content"].map { ContentForm.blocks($0.bytes, in: exchange.revision) }
                Results.write(output.bytes, words, blocks: blocks, exchange.revision, &writer)
            }
        }
    }

    /// Of what `transactions.answer` says.
    init(transaction: JSON, _ place: CallPlace?, _ exchange: Exchange, _ results: Results) {
        id = "\(Kind.transactions)/\(transaction["transaction_id"]?.stringValue ?? "")"
        message = transaction["message"]?.stringValue ?? ""
        createdAt = Timestamp(milliseconds: transaction["created_ms"]?.integerValue ?? 0)
        updatedAt = Timestamp(milliseconds: transaction["updated_ms"]?.integerValue ?? 0)
        let marks = TaskView.marks(place, transaction)
        self.marks = marks
        guard transaction["is_ended"] == true else {
            (status, result) = (.working, nil)
            return
        }
        guard transaction["withdrawal"]?.stringValue != Hold.Withdrawal.cancelled.rawValue else {
            (status, result) = (.cancelled, nil)
            return
        }
        status = .completed
        let words = [message] + (marks.words.map { [$0] } ?? [])
        result = results.inner(marks) { writer in
            guard let output = transaction["output"] else {
                let error = TaskView.error(transaction)
                let text = Results.text(of: error, exchange.call) + (marks.words.map { "\n" + $0 } ?? "")
                let document = Results.document(of: error, exchange.call)
                return Results.writeError(text, document, exchange.revision, &writer)
            }
            Results.write(output.bytes, words, exchange.revision, &writer)
        }
    }

    /// Of what `batches.show` says.
    init(
        batch: JSON,
        _ place: CallPlace?,
        isReplayed: Bool = false,
        _ exchange: Exchange,
        _ results: Results
    ) {
        id = "\(Kind.batches)/\(batch["batch_id"]?.stringValue ?? "")"
        message = batch["next"]?.stringValue ?? ""
        let (begun, ended) = (batch["created_ms"]?.integerValue ?? 0, batch["ended_ms"]?.integerValue)
        createdAt = Timestamp(milliseconds: begun)
        updatedAt = Timestamp(milliseconds: ended ?? begun)
        let marks = TaskView.marks(place, batch, isReplayed)
        self.marks = marks
        guard ended != nil else {
            (status, result) = (.working, nil)
            return
        }
        let isCancelled = batch["status"] == "CANCELLED"
        status = isCancelled ? .cancelled : .completed
        let words = marks.words.map { [$0] } ?? []
        result = isCancelled ? nil : results.inner(marks) { Results.write(batch.bytes, words, exchange.revision, &$0) }
    }

    private static func marks(_ place: CallPlace?, _ document: JSON?, _ isReplayed: Bool = false) -> Marks {
        let account = document?["account"]?.stringValue.flatMap { AccountName($0) }
        let place = place.map { CallPlace($0.environment, account: account ?? $0.account) }
        return Marks(place: place, isReplayed: isReplayed)
    }

    /// What a repeat of the call would be refused with.
    private static func error(_ transaction: JSON) -> GatewayError {
        let stated = transaction["error"]
        let code = stated?["code"]?.stringValue.flatMap(GatewayError.Code.init(rawValue:)) ?? .internalFault
        var error = GatewayError(
            code,
            stated?["message"]?.stringValue ?? "Nobody knows what it would be answered.",
            retryAfter: stated?["retry_after_s"]?.integerValue.map { .seconds($0) },
            record: transaction["transaction_id"]?.stringValue.flatMap { RecordID($0) }
        )
        error.chargeAgain = stated?["charge_again"]?.stringValue
        return error
    }

    // MARK: Form

    /// Its members, as a result or a notification holds them.
    ///
    /// - Parameter pollEvery: How soon asking again makes sense.
    func document(pollEvery: Duration) -> JSONObject {
        let spoken = [message, marks.words ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
        var document: JSONObject = [
            "taskId": .string(id), "status": .string(status.rawValue), "statusMessage": .string(spoken),
            "createdAt": .string(createdAt.description), "lastUpdatedAt": .string(updatedAt.description),
            // It is kept as long as what it is.
            "ttlMs": .null,
        ]
        if status == .working { document["pollIntervalMs"] = .integer(pollEvery.wholeMilliseconds) }
        document["result"] = result
        return document
    }
}

extension MCPServer {
    /// Answers what a client asks of a task.
    func serveTask(_ exchange: Exchange) async throws(MCPError) -> Answer {
        guard exchange.message.takesTasks else {
            try await admitted(exchange)
            throw .needsTasks
        }
        let id = exchange.message.params["taskId"]?.stringValue ?? ""
        let view = try await task(id, exchange)
        switch exchange.message.method {
        case "tasks/get": return results.task(view, "complete", settings, exchange)
        case "tasks/cancel": try await cancel(id, exchange)
        // No task asks anything: what must be asked is asked before there is one.
        default: break
        }
        return results.result(exchange) { _ in }
    }

    /// The task of an id, as it stands.
    func task(_ id: String, _ exchange: Exchange) async throws(MCPError) -> TaskView {
        guard let (kind, name) = named(id) else {
            try await admitted(exchange)
            throw .noTask
        }
        let reply = try await reply(kind.reading, ["id": .string(name)], exchange)
        do throws(MCPError) {
            let document = try document(try answer(reply))
            switch kind {
            case .transactions:
                return TaskView(transaction: document, reply.place, exchange, results)
            case .batches:
                return TaskView(batch: document, reply.place, exchange, results)
            case .tasks: return TaskView(long: document, reply.place, exchange, results)
            }
        } catch {
            throw error.cause == nil && error.code == -32602 ? .noTask : error
        }
    }

    /// What a task's id names.
    func named(_ id: String) -> (kind: TaskView.Kind, name: String)? {
        guard let found = actions.resource(ActionResource.scheme + id),
            let kind = found.action.resource.flatMap({ TaskView.Kind(rawValue: $0.kind) })
        else { return nil }
        return (kind, found.value)
    }

    /// Takes back what has not left, where the caller may; what has left goes on, and the task says so.
    private func cancel(_ id: String, _ exchange: Exchange) async throws(MCPError) {
        guard let (kind, name) = named(id) else { return }
        switch try await reply(kind.ending, ["id": .string(name)], exchange).result {
        case .success: return
        case .failure(let error) where error.code == .conflict: return
        // A batch is a person's to cancel: asking for it is no mistake, and changes nothing.
        case .failure(let error) where error.code == .permissionDenied && error.scopes.isEmpty: return
        case .failure(let error): throw .refusal(error)
        }
    }
}

extension Results {
    /// A task, as the result of a call that began it or of asking about it.
    func task(_ view: TaskView, _ type: String, _ settings: MCPServer.Settings, _ exchange: Exchange) -> Answer {
        result(exchange, type: type, marks: view.marks) { writer in
            for (name, value) in view.document(pollEvery: settings.taskPollEvery) {
                writer.key(name)
                writer.value(value)
            }
        }
    }
}
