import Gateway
import OrderedJSON

/// What a message is answered with.
package struct Answer: Sendable {
    /// HTTP's status; other transports have none.
    package let status: Int
    /// A JSON-RPC message, or a batch of them; empty where nothing is answered.
    package var body: [UInt8]
    /// A refusal of the house's, whose remedy a transport has words of its own for.
    package var cause: GatewayError?
    /// The session that has begun, which its client names from now on.
    package var session: String?

    /// A notification, or a client's answer, was taken.
    static let taken = Answer(status: 202, body: [])
    /// A session has ended.
    static let ended = Answer(status: 204, body: [])
}

/// Answers in the form of their revision.
struct Results: Sendable {
    private let version: String
    /// Who answers, which every result of 2026-07-28 says; written once.
    private let info: [UInt8]

    init(version: String) {
        self.version = version
        info = Results.serverInfo(version, hasTitle: true).bytes
    }

    static let infoKey = "io.modelcontextprotocol/serverInfo"

    static func serverInfo(_ version: String, hasTitle: Bool) -> JSON {
        var info: JSONObject = ["name": "mpesa-gateway", "version": .string(version)]
        if hasTitle { info["title"] = "M-Pesa gateway" }
        return .object(info)
    }

    // MARK: A tool's ends

    func success(_ reply: ToolReply, _ output: [UInt8], to exchange: Exchange) throws(MCPError) -> Answer {
        let marks = Marks(reply)
        let output = marks.marked(output)
        switch reply.ending {
        case .output:
            return result(exchange, marks: marks) { write(output, reply, blocks: nil, exchange.revision, &$0) }
        case .content(let blocks):
            return result(exchange, marks: marks) { write(output, reply, blocks: blocks, exchange.revision, &$0) }
        case .handle(let handle): return begun(handle, marks, exchange)
        case .question(let question, let state):
            if let error = MCPError.needsPage(question, reply.record, exchange) { throw error }
            return try ask(question, state: state, exchange)
        }
    }

    /// What an action answered.
    func output(_ output: [UInt8], _ marks: Marks, to exchange: Exchange) -> Answer {
        let output = marks.marked(output)
        return result(exchange, marks: marks) { writer in
            Results.write(output, marks.words.map { [$0] } ?? [], exchange.revision, &writer)
        }
    }

    /// An output, as structure and in words, and what is said besides.
    static func write(
        _ output: [UInt8],
        _ words: [String],
        blocks: [UInt8]? = nil,
        _ revision: Revision,
        _ writer: inout JSONWriter
    ) {
        writer.key("content")
        writer.beginArray()
        // The blocks as the tool wrote them, without the brackets of their list.
        if let blocks, blocks.count > 2 { writer.raw(Array(blocks.dropFirst().dropLast())) }
        writeText(String(decoding: ReadableTimes.beside(output), as: UTF8.self), to: &writer)
        for text in words { writeText(text, to: &writer) }
        writer.endArray()
        if revision.hasStructure {
            writer.key("structuredContent")
            writer.raw(output)
        }
        writer.key("isError")
        writer.bool(false)
    }

    private func write(
        _ output: [UInt8],
        _ reply: ToolReply,
        blocks: [UInt8]?,
        _ revision: Revision,
        _ writer: inout JSONWriter
    ) {
        writer.key("content")
        writer.beginArray()
        if let blocks = blocks.map({ ContentForm.blocks($0, in: revision) }), blocks.count > 2 {
            // The blocks as the tool wrote them, without the brackets of their list.
            writer.raw(Array(blocks.dropFirst().dropLast()))
        }
        Results.writeText(String(decoding: ReadableTimes.beside(output), as: UTF8.self), to: &writer)
        // What a model must not miss stands in words too, whatever the plugin shows.
        if reply.isReplayed || reply.note?.dispute != nil { Results.writeText(reply.sentence, to: &writer) }
        if let words = Marks(reply).words { Results.writeText(words, to: &writer) }
        writer.endArray()
        if revision.hasStructure {
            writer.key("structuredContent")
            writer.raw(output)
        }
        writer.key("isError")
        writer.bool(false)
    }

    /// Work that was begun: no output of the tool's schema yet, but what to ask next.
    private func begun(_ handle: Handle, _ marks: Marks, _ exchange: Exchange) -> Answer {
        var text = "\(handle.message)\nhandle: \(handle.handle)"
        if let tool = handle.tool { text += "\nAsk \(tool) with this handle for the outcome." }
        if let wait = handle.pollAfterMilliseconds { text += "\nIt makes sense to ask after \(wait) ms." }
        return result(exchange, marks: marks) { writer in
            writer.key("content")
            writer.beginArray()
            Results.writeText(text, to: &writer)
            writer.endArray()
            // Clients hold what is no error to the schema that was published.
            if exchange.revision.hasStructure {
                writer.key("structuredContent")
                writer.raw(marks.marked(handle.json.bytes))
            }
            writer.key("isError")
            writer.bool(false)
        }
    }

    /// Asks a person through the client; a client that cannot is told so, and never asked.
    func ask(_ question: Question, state: String, _ exchange: Exchange) throws(MCPError) -> Answer {
        // An older client is asked while its call goes on, and never in its answer.
        guard question.parts.allSatisfy({ $0.page == nil ? exchange.canElicit(false) : exchange.opensPages }) else {
            return try needsPerson("This tool asks a person: \(question.message)", exchange)
        }
        return result(exchange, type: "input_required") { writer in
            writer.key("inputRequests")
            writer.beginObject()
            for part in question.parts {
                writer.key(part.name ?? Question.aloneName)
                let params: JSON =
                    if let page = part.page {
                        ["mode": "url", "message": .string(part.message), "url": .string(page)]
                    } else { ["mode": "form", "message": .string(part.message), "requestedSchema": part.schema] }
                writer.value(["method": "elicitation/create", "params": params])
            }
            writer.endObject()
            writer.key("requestState")
            writer.string(state)
        }
    }

    /// A person must be asked, and this client asks nobody.
    ///
    /// Older revisions have no number for that, and what a model can read helps more than an error of the protocol.
    func needsPerson(_ reason: String, _ exchange: Exchange) throws(MCPError) -> Answer {
        guard exchange.revision.hasHandshake else { throw .needsElicitation(reason) }
        return said("\(reason)\n\(Results.clientsThatAsk)", nil, .none, exchange)
    }

    /// What to do where a client asks nobody.
    static let clientsThatAsk =
        "Use a client that declares elicitation when it connects (\(Revision.june2025.rawValue) or later), or REST."

    /// What went wrong in a tool is a result that says so.
    func failure(_ error: GatewayError, _ marks: Marks = .none, to exchange: Exchange) -> Answer {
        said(
            Results.text(of: error, exchange.call) + (marks.words.map { "\n" + $0 } ?? ""),
            Results.document(of: error, exchange.call),
            marks,
            exchange
        )
    }

    private func said(_ text: String, _ document: JSON?, _ marks: Marks = .none, _ exchange: Exchange) -> Answer {
        result(exchange, marks: marks) { Results.writeError(text, document, exchange.revision, &$0) }
    }

    /// What went wrong, in words and, where there is any, as structure.
    static func writeError(_ text: String, _ document: JSON?, _ revision: Revision, _ writer: inout JSONWriter) {
        writer.key("content")
        writer.beginArray()
        writeText(text, to: &writer)
        writer.endArray()
        if let document, revision.hasStructure {
            writer.key("structuredContent")
            writer.value(document)
        }
        writer.key("isError")
        writer.bool(true)
    }

    /// What went wrong, for a program: a tool's output schema is of what it answers, and no client holds errors to it.
    static func document(of error: GatewayError, _ call: CallID) -> JSON {
        var document: JSONObject = ["code": .string(error.code.rawValue), "message": .string(error.message)]
        if let wait = error.retryAfter {
            document["retry_after_s"] = .integer(max(1, (wait.wholeMilliseconds + 999) / 1000))
        }
        document["charge_again"] = error.chargeAgain.map { .string($0) }
        document["transaction_id"] = error.record.map { .string($0.description) }
        if !error.errors.isEmpty {
            document["errors"] = .array(
                error.errors.map { ["pointer": .string($0.pointer), "message": .string($0.message)] }
            )
        }
        document["request_id"] = .string(call.description)
        return ["error": .object(document)]
    }

    static func text(of error: GatewayError, _ call: CallID) -> String {
        var text = "\(error.code.rawValue): \(error.message)"
        // The first is often what the message says already.
        for (index, field) in error.errors.enumerated() where index > 0 || !error.message.hasSuffix(field.message) {
            text += "\n" + field.line
        }
        if let wait = error.retryAfter {
            text += "\nTry again in \(max(1, (wait.wholeMilliseconds + 999) / 1000)) seconds."
        }
        if let advice = error.chargeAgain { text += "\ncharge_again: \(advice)" }
        if let record = error.record { text += "\ntransaction_id: \(record)" }
        return text + "\nrequest_id: \(call)"
    }

    // MARK: Messages

    static func writeText(_ text: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("type")
        writer.string("text")
        writer.key("text")
        writer.string(text)
        writer.endObject()
    }

    /// Lists differ by credential, so nobody may share them.
    static func writeCacheHints(_ exchange: Exchange, _ writer: inout JSONWriter) {
        guard !exchange.revision.hasHandshake else { return }
        writer.key("ttlMs")
        writer.integer(5000)
        writer.key("cacheScope")
        writer.string("private")
    }

    func result(
        _ exchange: Exchange,
        type: String = "complete",
        marks: Marks = .none,
        _ body: (inout JSONWriter) -> Void
    ) -> Answer {
        var writer = JSONWriter(capacity: 2048)
        writer.beginObject()
        writer.key("jsonrpc")
        writer.string("2.0")
        writer.key("id")
        writer.value(exchange.message.id)
        writer.key("result")
        writer.beginObject()
        let isNewest = !exchange.revision.hasHandshake
        if isNewest {
            writer.key("resultType")
            writer.string(type)
        }
        body(&writer)
        if isNewest || !marks.isEmpty { writeMeta(marks, hasInfo: isNewest, &writer) }
        writer.endObject()
        writer.endObject()
        return Answer(status: 200, body: writer.bytes)
    }

    /// A result that stands in another: that of a task, which the newest revision alone has.
    func inner(_ marks: Marks, _ body: (inout JSONWriter) -> Void) -> JSON? {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.key("resultType")
        writer.string("complete")
        body(&writer)
        writeMeta(marks, hasInfo: true, &writer)
        writer.endObject()
        return try? JSON(parsing: writer.bytes)
    }

    private func writeMeta(_ marks: Marks, hasInfo: Bool, _ writer: inout JSONWriter) {
        writer.key("_meta")
        writer.beginObject()
        if hasInfo {
            writer.key(Results.infoKey)
            writer.raw(info)
        }
        marks.write(to: &writer)
        writer.endObject()
    }

    /// The end of a subscription that the server ends.
    func ended(_ exchange: Exchange) -> [UInt8] {
        let meta: JSON = [
            Results.infoKey: Results.serverInfo(version, hasTitle: true), Listening.key: exchange.message.id,
        ]
        let result: JSON = ["resultType": "complete", "_meta": meta]
        return JSON.object(["jsonrpc": "2.0", "id": exchange.message.id, "result": result]).bytes
    }

    /// What a handshake is answered with.
    func initialized(_ exchange: Exchange, instructions: String, session: String?) -> Answer {
        var marks = Marks.none
        marks.session = session
        var answer = result(exchange, marks: marks) { writer in
            writer.key("protocolVersion")
            writer.string(exchange.revision.rawValue)
            writer.key("capabilities")
            // A bridge opens no stream beside its calls.
            let hasStream = exchange.hasStream || session != nil && !exchange.endsWithConnection
            writer.value(Results.capabilities(in: exchange.revision, hasStream: hasStream))
            writer.key("serverInfo")
            writer.value(Results.serverInfo(version, hasTitle: exchange.revision.hasStructure))
            writer.key("instructions")
            writer.string(instructions)
        }
        answer.session = session
        return answer
    }

    /// - Parameter hasStream: Whether a client of an older revision is told of anything outside its calls.
    static func capabilities(in revision: Revision, hasStream: Bool = false) -> JSON {
        let listens = JSON.bool(!revision.hasHandshake || hasStream)
        var capabilities: JSONObject = [
            "tools": ["listChanged": listens], "prompts": ["listChanged": listens],
            "resources": ["listChanged": listens, "subscribe": .bool(!revision.hasHandshake)],
        ]
        // In the first revision it could be asked for without being told of.
        if revision.hasAnnotations { capabilities["completions"] = [:] }
        if !revision.hasHandshake { capabilities["extensions"] = [TaskView.extensionName: [:]] }
        return .object(capabilities)
    }

    func error(_ error: MCPError, id: JSON?, in revision: Revision? = nil) -> Answer {
        let body = Results.message(of: error, id: id)
        return Answer(status: error.status(in: revision), body: body, cause: error.cause)
    }

    static func message(of error: MCPError, id: JSON?) -> [UInt8] {
        var object: JSONObject = ["code": .integer(Int64(error.code)), "message": .string(error.message)]
        object["data"] = error.data
        var message: JSONObject = ["jsonrpc": "2.0"]
        message["id"] = id
        message["error"] = .object(object)
        return JSON.object(message).bytes
    }

    /// A notification of how far a call is.
    static func notification(_ progress: LoadedPlugin.Progress, token: JSON, in revision: Revision) -> [UInt8] {
        var params: JSONObject = [
            "progressToken": token, "progress": .number(Double(progress.fraction) / 1_000_000), "total": 1,
        ]
        if !progress.message.isEmpty, revision.hasAnnotations { params["message"] = .string(progress.message) }
        let message: JSON = ["jsonrpc": "2.0", "method": "notifications/progress", "params": .object(params)]
        return message.bytes
    }
}

/// Content blocks in the form of a revision: what it does not know is said in words.
enum ContentForm {
    /// A list of blocks, as JSON.
    static func blocks(_ blocks: [UInt8], in revision: Revision) -> [UInt8] {
        guard !revision.hasStructure, let list = (try? JSON(parsing: blocks))?.arrayValue else { return blocks }
        return JSON.array(list.map { shaped($0, revision) }).bytes
    }

    private static func shaped(_ block: JSON, _ revision: Revision) -> JSON {
        switch block["type"]?.stringValue {
        case "resource_link":
            let name = block["name"]?.stringValue ?? ""
            return ["type": "text", "text": .string("\(name): \(block["uri"]?.stringValue ?? "")")]
        case "audio" where !revision.hasAnnotations:
            let type = block["mimeType"]?.stringValue ?? ""
            return ["type": "text", "text": .string("A sound (\(type)), which this protocol revision cannot carry.")]
        default: return block
        }
    }
}
