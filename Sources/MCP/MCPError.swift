import Gateway
import OrderedJSON

/// A JSON-RPC error, with the HTTP status that revision 2026-07-28 gives it.
struct MCPError: Error, Sendable {
    let code: Int
    let message: String
    var data: JSON?
    var status = 400
    /// What a transport must say besides: when to come again, what a credential lacks.
    var cause: GatewayError?
    /// Whether what is wrong is the answer to a question, or that nobody can be asked.
    var isAboutAnswer = false

    /// A refusal that the stages before a tool make, where it is no result of the tool's.
    static func refusal(_ error: GatewayError) -> MCPError {
        switch error.code {
        case .unauthenticated: return MCPError(code: -32600, message: error.message, status: 401, cause: error)
        case .permissionDenied, .organizationSuspended:
            var refusal = MCPError(code: -32600, message: error.message, status: 403, cause: error)
            if !error.scopes.isEmpty { refusal.data = ["scopes": .array(error.scopes.map { .string($0) })] }
            return refusal
        case .tooLarge: return MCPError(code: -32600, message: error.message, status: 413, cause: error)
        case .rateLimited: return MCPError(code: -32600, message: error.message, status: 429, cause: error)
        case .malformedRequest: return .invalidRequest(error.message)
        // What is asked for in a form that is not served.
        case .notSupported: return MCPError(code: -32600, message: error.message, status: 406)
        case .invalidArgument, .notFound: return .invalidParams(error.message)
        case .unavailable, .upstreamUnavailable:
            return MCPError(code: -32603, message: error.message, status: 503, cause: error)
        default: return MCPError(code: -32603, message: error.message, status: 500, cause: error)
        }
    }

    static func needsElicitation(_ reason: String) -> MCPError {
        MCPError(code: -32021, message: reason, data: ["requiredCapabilities": ["elicitation": [:]]])
    }
    /// That a person must have been on the host's page first: for an older client whose call has no stream on which to be asked.
    ///
    /// Nil where the question leads to none, or the client does not open them. The record names the errand: it is the same
    /// one however often the call is repeated.
    static func needsPage(_ question: Question, _ record: RecordID?, _ exchange: Exchange) -> MCPError? {
        guard exchange.revision.hasHandshake, exchange.opensPages, let record, let part = question.parts.first,
            let page = part.page
        else { return nil }
        let elicitation: JSON = [
            "mode": "url", "elicitationId": .string(record.description), "url": .string(page),
            "message": .string(part.message),
        ]
        let message = "A person must open the gateway's page. Then make the same call again, with its idempotency_key."
        return MCPError(code: -32042, message: message, data: ["elicitations": [elicitation]])
    }
    /// What asks a person and is no tool: older revisions have no number for it.
    static func needsPerson(_ reason: String, _ revision: Revision) -> MCPError {
        guard revision.hasHandshake else { return needsElicitation(reason) }
        var error = invalidParams("\(reason)\n\(Results.clientsThatAsk)")
        error.isAboutAnswer = true
        return error
    }
    /// What is wrong with an answer, or with what came beside it.
    static func wrongAnswer(_ error: GatewayError) -> MCPError {
        let lines = [error.message] + error.errors.prefix(8).map(\.line)
        var refusal = invalidParams(lines.joined(separator: "\n"))
        refusal.isAboutAnswer = true
        return refusal
    }
    static let needsTasks = MCPError(
        code: -32021,
        message: "This client does not declare the extension \(TaskView.extensionName).",
        data: ["requiredCapabilities": ["extensions": [TaskView.extensionName: [:]]]]
    )
    /// Somebody else's is answered in the same words.
    static let noTask = invalidParams("taskId: there is no task of this id")
    static let noSession = MCPError(
        code: -32600,
        message: "There is no such session: it has ended, or is another's. Begin with initialize.",
        status: 404
    )
    static func otherRevision(than revision: Revision) -> MCPError {
        invalidRequest("this session is of \(revision.rawValue), and the request says another revision")
    }
    static func parse(_ reason: String) -> MCPError { MCPError(code: -32700, message: "Parse error: " + reason) }
    static func invalidRequest(_ reason: String) -> MCPError {
        MCPError(code: -32600, message: "Invalid request: " + reason)
    }
    static func methodNotFound(_ method: String) -> MCPError {
        MCPError(code: -32601, message: "Method not found: \(echo(method, 128))", status: 404)
    }
    static func invalidParams(_ reason: String) -> MCPError {
        MCPError(code: -32602, message: "Invalid params: " + reason)
    }
    static func headerMismatch(_ reason: String) -> MCPError {
        MCPError(code: -32020, message: "Header mismatch: " + reason)
    }
    static func unsupportedVersion(_ version: String) -> MCPError {
        let served = Revision.served
        return MCPError(
            code: -32022,
            message: "Unsupported protocol version; this server speaks \(served.joined(separator: ", ")).",
            data: [
                "supported": .array(served.map { .string($0) }), "requested": .string(echo(version, 64)),
            ]
        )
    }

    /// There is nothing to read at a URI.
    ///
    /// It had a number of its own before 2026-07-28.
    static func noResource(_ uri: String, _ revision: Revision) -> MCPError {
        MCPError(
            code: revision.hasHandshake ? -32002 : -32602,
            message: "There is no resource with this URI.",
            data: ["uri": .string(echo(uri, 512))]
        )
    }

    /// A caller's own text, as far as it is said again: what cannot be seen, or is not ASCII, is a question mark.
    ///
    /// One character may be a whole page of marks, so scalars are counted.
    private static func echo(_ text: String, _ most: Int) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(most) {
            shown.unicodeScalars.append((0x20...0x7E).contains(scalar.value) ? scalar : "?")
        }
        return shown
    }

    /// The HTTP status in a revision.
    ///
    /// Clients of the older ones take every other status than 200 for a broken connection: what is wrong with one
    /// request alone is told in the answer.
    func status(in revision: Revision?) -> Int {
        guard let revision, revision.hasHandshake, cause == nil, code != -32700, code != -32600 else { return status }
        return 200
    }
}
