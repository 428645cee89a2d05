import Cryptography
import Gateway
import NIOHTTP1
import OrderedJSON

/// A JSON-RPC error with the HTTP status that MCP gives it (revision 2026-07-28).
struct MCPError: Error {
    let code: Int
    let message: String
    var data: JSON?
    var status: HTTPResponseStatus = .badRequest
    var headers: [(HeaderName, String)] = []

    /// A refusal that the stages before a tool make, where it is no result of the tool's.
    static func refusal(_ error: GatewayError) -> MCPError {
        switch error.code {
        case .rateLimited:
            var refusal = MCPError(code: -32600, message: error.message, status: .tooManyRequests)
            if let wait = error.retryAfter { refusal.headers = [(.retryAfter, String(ErrorResponse.seconds(wait)))] }
            return refusal
        case .permissionDenied, .organizationSuspended:
            var refusal = MCPError(code: -32600, message: error.message, status: .forbidden)
            if let challenge = ErrorResponse.challenge(error) {
                refusal.data = ["scopes": .array(error.scopes.map { .string($0) })]
                refusal.headers = [(.wwwAuthenticate, challenge)]
            }
            return refusal
        case .unauthenticated: return MCPError(code: -32600, message: error.message, status: .unauthorized)
        case .malformedRequest, .invalidArgument, .notFound: return .invalidParams(error.message)
        default: return MCPError(code: -32603, message: error.message, status: ErrorResponse.status(of: error.code).0)
        }
    }
    static func needsElicitation(_ reason: String) -> MCPError {
        MCPError(code: -32021, message: reason, data: ["requiredCapabilities": ["elicitation": [:]]])
    }
    static func parse(_ reason: String) -> MCPError { MCPError(code: -32700, message: "Parse error: " + reason) }
    static func invalidRequest(_ reason: String) -> MCPError {
        MCPError(code: -32600, message: "Invalid request: " + reason)
    }
    static func methodNotFound(_ method: String) -> MCPError {
        MCPError(code: -32601, message: "Method not found: \(method.prefix(128))", status: .notFound)
    }
    static func invalidParams(_ reason: String) -> MCPError {
        MCPError(code: -32602, message: "Invalid params: " + reason)
    }
    static func headerMismatch(_ reason: String) -> MCPError {
        MCPError(code: -32020, message: "Header mismatch: " + reason)
    }
    static func unsupportedVersion(_ requested: String) -> MCPError {
        MCPError(
            code: -32022,
            message: "Unsupported protocol version",
            data: ["supported": [.string(MCPMessage.version)], "requested": .string(String(requested.prefix(64)))]
        )
    }
}

/// One JSON-RPC request, checked in the order that MCP's transport gives: form, `_meta`, headers, version.
struct MCPMessage {
    static let version = "2026-07-28"
    private static let versionKey = "io.modelcontextprotocol/protocolVersion"
    private static let capabilitiesKey = "io.modelcontextprotocol/clientCapabilities"

    /// The methods whose name stands in a header too, and the member that holds it.
    private static let namedBy = ["tools/call": "name", "prompts/get": "name", "resources/read": "uri"]

    let id: JSON
    let method: String
    let params: JSON

    /// Whether the client asks people in forms.
    var canElicit: Bool {
        guard let elicitation = params["_meta"]?[Self.capabilitiesKey]?["elicitation"] else { return false }
        return elicitation.objectValue?.isEmpty ?? false || elicitation["form"] != nil
    }

    /// By what the client knows this request's progress; nil when it does not want to hear of it.
    var progressToken: JSON? {
        params["_meta"]?["progressToken"].flatMap { $0.stringValue != nil || $0.integerValue != nil ? $0 : nil }
    }

    /// The answer to a question that was asked before.
    func questionReply() throws(MCPError) -> QuestionReply? {
        let (state, answers) = (params["requestState"] ?? .null, params["inputResponses"] ?? .null)
        if state.isNull, answers.isNull { return nil }
        guard let state = state.stringValue, let answer = answers[MCPMessage.questionKey],
            let action = answer["action"]?.stringValue
        else { throw .invalidParams("requestState and inputResponses.\(MCPMessage.questionKey) belong together") }
        let content = answer["content"] ?? .object(JSONObject())
        guard ["accept", "decline", "cancel"].contains(action), content.objectValue != nil else {
            throw .invalidParams(
                "inputResponses.\(MCPMessage.questionKey): action must be accept, decline or cancel, and content an object"
            )
        }
        return QuestionReply(action: action, content: content, state: state)
    }

    /// What the one question of a call goes by.
    static let questionKey = "question"

    /// What a body holds.
    enum Read {
        /// A request to answer.
        case request(MCPMessage)
        /// A notification, which has no answer.
        case notification
    }

    /// Reads the envelope.
    /// - Throws: The error, and the id to answer it with where one could be read.
    static func read(_ bytes: [UInt8]) -> Result<Read, Refusal> {
        let json: JSON
        do { json = try JSON(parsing: bytes) } catch { return .failure(Refusal(nil, .parse(error.description))) }
        let id = json["id"].flatMap { $0.stringValue != nil || $0.integerValue != nil ? $0 : nil }
        guard json.objectValue != nil else {
            return .failure(Refusal(nil, .invalidRequest("one message, not a batch")))
        }
        guard json["jsonrpc"]?.stringValue == "2.0", let method = json["method"]?.stringValue else {
            return .failure(Refusal(id, .invalidRequest("jsonrpc must be 2.0, and method must be text")))
        }
        let params = json["params"] ?? .object(JSONObject())
        guard params.objectValue != nil else {
            return .failure(Refusal(id, .invalidParams("params must be an object")))
        }
        guard json["id"] != nil else { return .success(.notification) }
        guard let id else { return .failure(Refusal(nil, .invalidRequest("id must be text or a whole number"))) }
        return .success(.request(MCPMessage(id: id, method: method, params: params)))
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

    /// The checks that follow the envelope, in their order.
    func check(_ headers: HTTPHeaders) throws(MCPError) {
        let meta = params["_meta"]
        guard let version = meta?[Self.versionKey]?.stringValue else {
            throw .invalidParams("_meta must have \(Self.versionKey), such as \(Self.version)")
        }
        guard meta?[Self.capabilitiesKey]?.objectValue != nil else {
            throw .invalidParams("_meta must have \(Self.capabilitiesKey), an object")
        }
        try check(headers.values(of: .mcpVersion), is: version, name: "MCP-Protocol-Version")
        try check(headers.values(of: .mcpMethod), is: method, name: "Mcp-Method")
        if let member = Self.namedBy[method] {
            guard let name = params[member]?.stringValue else { throw .invalidParams("\(member) must be text") }
            try check(headers.values(of: .mcpName), is: name, name: "Mcp-Name")
        }
        guard version == Self.version else { throw .unsupportedVersion(version) }
    }

    private func check(_ values: [String], is expected: String, name: String) throws(MCPError) {
        guard values.count == 1, let value = values.first else { throw .headerMismatch("\(name) must be sent, once") }
        guard try MCPHeaderValue.decoded(value).utf8.elementsEqual(expected.utf8) else {
            throw .headerMismatch("\(name) is not what the body says")
        }
    }
}

/// A header value: visible ASCII and spaces, or `=?base64?…?=` where it holds more.
enum MCPHeaderValue {
    static func decoded(_ value: String) throws(MCPError) -> String {
        guard value.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
            throw .headerMismatch("a header holds characters that must be sent as =?base64?…?=")
        }
        guard value.hasPrefix("=?base64?"), value.hasSuffix("?="), value.utf8.count >= 11 else { return value }
        let text = value.dropFirst(9).dropLast(2)
        // One text has one form: no other bits where none belong.
        guard let bytes = Base64.decode(text), Base64.encode(bytes) == text,
            let decoded = String(validating: bytes, as: UTF8.self)
        else { throw .headerMismatch("a header's base64 is malformed") }
        return decoded
    }
}
