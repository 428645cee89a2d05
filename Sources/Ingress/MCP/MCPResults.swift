import Gateway
import NIOHTTP1
import OrderedJSON

/// JSON-RPC messages as MCP wants them.
struct MCPResults: Sendable {
    private let serverInfo: JSON

    init(version: String) {
        serverInfo = ["name": "mpesa-gateway", "version": .string(version), "title": "M-Pesa gateway"]
    }

    // MARK: A tool's ends

    func success(
        _ reply: ToolReply,
        _ output: [UInt8],
        to message: MCPMessage,
        _ call: CallID
    ) throws(MCPError) -> Response {
        switch reply.ending {
        case .output: return result(message.id, call) { MCPResults.write(output, reply, blocks: nil, &$0) }
        case .content(let blocks):
            return result(message.id, call) { MCPResults.write(output, reply, blocks: blocks, &$0) }
        case .handle(let handle): return begun(handle, message, call)
        case .question(let question, let state): return try ask(question, state: state, message, call)
        }
    }

    private static func write(
        _ output: [UInt8],
        _ reply: ToolReply,
        blocks: [UInt8]?,
        _ writer: inout JSONWriter
    ) {
        writer.key("content")
        writer.beginArray()
        // The blocks as the tool wrote them, without the brackets of their list.
        if let blocks, blocks.count > 2 { writer.raw(Array(blocks.dropFirst().dropLast())) }
        writeText(String(decoding: output, as: UTF8.self), to: &writer)
        // What a model must not miss stands in words too, whatever the plugin shows.
        if reply.isReplayed || reply.note?.dispute != nil { writeText(reply.sentence, to: &writer) }
        writer.endArray()
        writer.key("structuredContent")
        writer.raw(output)
        writer.key("isError")
        writer.bool(false)
    }

    /// Work that was begun: no output of the tool's schema yet, but what to ask next.
    private func begun(_ handle: Handle, _ message: MCPMessage, _ call: CallID) -> Response {
        var text = "\(handle.message)\nhandle: \(handle.handle)"
        if let tool = handle.tool { text += "\nAsk \(tool) with this handle for the outcome." }
        if let wait = handle.pollAfterMilliseconds { text += "\nIt makes sense to ask after \(wait) ms." }
        return result(message.id, call) { writer in
            writer.key("content")
            writer.beginArray()
            MCPResults.writeText(text, to: &writer)
            writer.endArray()
            writer.key("isError")
            writer.bool(false)
        }
    }

    /// Asks a person through the client; a client that cannot is told so, and never asked.
    private func ask(
        _ question: Question,
        state: String,
        _ message: MCPMessage,
        _ call: CallID
    ) throws(MCPError) -> Response {
        guard message.canElicit else {
            throw .needsElicitation("This tool asks a person: \(question.message)")
        }
        return result(message.id, call, type: "input_required") { writer in
            writer.key("inputRequests")
            writer.value([
                MCPMessage.questionKey: [
                    "method": "elicitation/create",
                    "params": [
                        "mode": "form", "message": .string(question.message), "requestedSchema": question.schema,
                    ],
                ]
            ])
            writer.key("requestState")
            writer.string(state)
        }
    }

    /// What went wrong in a tool is a result that says so.
    func failure(_ error: GatewayError, to message: MCPMessage, _ call: CallID) -> Response {
        result(message.id, call) { writer in
            writer.key("content")
            writer.beginArray()
            MCPResults.writeText(MCPResults.text(of: error, call), to: &writer)
            writer.endArray()
            writer.key("isError")
            writer.bool(true)
        }
    }

    private static func text(of error: GatewayError, _ call: CallID) -> String {
        var text = "\(error.code.rawValue): \(error.message)"
        // The first is often what the message says already.
        for (index, field) in error.errors.enumerated() where index > 0 || !error.message.hasSuffix(field.message) {
            text += "\n\(field.pointer): \(field.message)"
        }
        if let wait = error.retryAfter { text += "\nTry again in \(ErrorResponse.seconds(wait)) seconds." }
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
    static func writeCacheHints(_ writer: inout JSONWriter) {
        writer.key("ttlMs")
        writer.integer(5000)
        writer.key("cacheScope")
        writer.string("private")
    }

    func result(
        _ id: JSON,
        _ call: CallID,
        type: String = "complete",
        _ body: (inout JSONWriter) -> Void
    ) -> Response {
        var writer = JSONWriter(capacity: 2048)
        writer.beginObject()
        writer.key("jsonrpc")
        writer.string("2.0")
        writer.key("id")
        writer.value(id)
        writer.key("result")
        writer.beginObject()
        writer.key("resultType")
        writer.string(type)
        body(&writer)
        writer.key("_meta")
        writer.value(["io.modelcontextprotocol/serverInfo": serverInfo])
        writer.endObject()
        writer.endObject()
        return Response.json(writer.bytes, call: call)
    }

    func error(_ error: MCPError, id: JSON?, _ call: CallID) -> Response {
        var object: JSONObject = ["code": .integer(Int64(error.code)), "message": .string(error.message)]
        object["data"] = error.data
        var message: JSONObject = ["jsonrpc": "2.0"]
        message["id"] = id
        message["error"] = .object(object)
        var response = Response.json(JSON.object(message).bytes, status: error.status, call: call)
        for (name, value) in error.headers { response.add(name, value) }
        return response
    }

    /// A notification of how far a call is.
    static func notification(_ progress: LoadedPlugin.Progress, token: JSON) -> [UInt8] {
        var params: JSONObject = [
            "progressToken": token, "progress": .number(Double(progress.fraction) / 1_000_000), "total": 1,
        ]
        if !progress.message.isEmpty { params["message"] = .string(progress.message) }
        let message: JSON = ["jsonrpc": "2.0", "method": "notifications/progress", "params": .object(params)]
        return message.bytes
    }
}
