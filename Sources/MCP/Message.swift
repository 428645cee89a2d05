import OrderedJSON

/// One JSON-RPC request.
package struct Message: Sendable {
    static let versionKey = "io.modelcontextprotocol/protocolVersion"
    static let logLevelKey = "io.modelcontextprotocol/logLevel"
    static let capabilitiesKey = "io.modelcontextprotocol/clientCapabilities"

    /// The methods whose name stands in a header too, and the member that holds it.
    static let namedBy = [
        "tools/call": "name", "prompts/get": "name", "resources/read": "uri",
        "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId",
    ]

    let id: JSON
    let method: String
    let params: JSON
    /// What of `params` is about the request itself: nearly every step asks for some of it.
    let meta: JSON?

    init(id: JSON, method: String, params: JSON) {
        (self.id, self.method, self.params) = (id, method, params)
        meta = params["_meta"]
    }

    /// The revision that the request names; nil where it names none.
    var statedVersion: JSON? { meta?[Message.versionKey] }

    /// Whether the client asks people in forms.
    ///
    /// True of this request alone: nothing is remembered of an earlier one.
    var canElicit: Bool {
        guard let elicitation = meta?[Message.capabilitiesKey]?["elicitation"] else { return false }
        return elicitation.objectValue?.isEmpty ?? false || elicitation["form"] != nil
    }

    /// Whether the client leads people to pages; true of this request alone, too.
    var opensPages: Bool { params["_meta"]?[Message.capabilitiesKey]?["elicitation"]?["url"]?.objectValue != nil }

    /// Whether the client takes a task for an answer.
    ///
    /// True of this request alone, too.
    var takesTasks: Bool {
        meta?[Message.capabilitiesKey]?["extensions"]?[TaskView.extensionName]?.objectValue != nil
    }

    /// By what the client knows this request's progress; nil when it does not want to hear of it.
    var progressToken: JSON? {
        meta?["progressToken"].flatMap { $0.stringValue != nil || $0.integerValue != nil ? $0 : nil }
    }

    /// Refuses what `_meta` says about the request in a form that nobody could heed.
    func checkMeta(_ revision: Revision) throws(MCPError) {
        if let token = meta?["progressToken"], !token.isNull, progressToken == nil {
            throw .invalidParams("_meta.progressToken must be text or a whole number")
        }
        // It has no effect: no log is sent.
        guard !revision.hasHandshake, let level = meta?[Message.logLevelKey], !level.isNull else { return }
        guard let name = level.stringValue, Message.logLevels.contains(name) else {
            throw .invalidParams(
                "_meta.\(Message.logLevelKey): expected one of \(Message.logLevels.joined(separator: ", "))"
            )
        }
    }

    private static let logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]

    /// The arguments of what is called; none where it says null.
    var arguments: JSON {
        let arguments = params["arguments"] ?? .null
        return arguments.isNull ? .object(JSONObject()) : arguments
    }

    /// What a body, or an element of a batch, holds.
    enum Incoming {
        /// A request to answer.
        case request(Message)
        /// A notification, which has no answer, nor an id.
        case notification(Message)
        /// An answer to what the client was asked.
        case reply(Reply)
    }

    /// What a client answers; nil where it could not.
    struct Reply: Sendable {
        let id: JSON
        let result: JSON?
    }

    /// An error and the id of the request that it answers.
    struct Refusal: Error {
        let id: JSON?
        let error: MCPError

        init(_ id: JSON?, _ error: MCPError) {
            self.id = id
            self.error = error
        }
    }

    /// Reads the envelope.
    /// - Throws: The error, and the id to answer it with where one could be read.
    static func read(_ json: JSON) throws(Refusal) -> Incoming {
        guard json.objectValue != nil else { throw Refusal(nil, .invalidRequest("a message must be an object")) }
        let id = json["id"].flatMap { $0.stringValue != nil || $0.integerValue != nil ? $0 : nil }
        if let id, json["jsonrpc"]?.stringValue == "2.0", json["method"] == nil,
            json["result"] != nil || json["error"] != nil
        {
            return .reply(Reply(id: id, result: json["result"]))
        }
        guard json["jsonrpc"]?.stringValue == "2.0", let method = json["method"]?.stringValue else {
            throw Refusal(id, .invalidRequest("jsonrpc must be 2.0, and method must be text"))
        }
        guard json["result"] == nil, json["error"] == nil else {
            throw Refusal(id, .invalidRequest("a message has a method, or it is an answer"))
        }
        let params = json["params"] ?? .object(JSONObject())
        guard params.objectValue != nil else { throw Refusal(id, .invalidParams("params must be an object")) }
        guard json["id"] != nil else { return .notification(Message(id: .null, method: method, params: params)) }
        guard let id else { throw Refusal(nil, .invalidRequest("id must be text or a whole number")) }
        return .request(Message(id: id, method: method, params: params))
    }
}
