import OrderedJSON

/// Reads how a function tool ended: its output, checked against the tool's schema, a question, a handle, or an error
/// of the house.
package enum FunctionCompletion {
    /// How it ended.
    package enum Ending {
        /// The output, and content blocks beside it.
        case output([UInt8], content: [UInt8]?)
        /// What a person is asked.
        case question(Question)
        /// Work that goes on.
        case handle(Handle)
        /// Work that is to go on as a task of the host's; with words for people.
        case task(String)
    }

    /// Reads a completion.
    ///
    /// - Parameter mayBecomeTask: Whether the tool was told that it may go on after its reply.
    /// - Throws: `pluginFailed` (rule P2) for what is not of its form, else what the status says.
    package static func read(
        _ completion: LoadedPlugin.Completion,
        tool: ToolDescriptor,
        mayBecomeTask: Bool = false
    ) throws(GatewayError) -> Ending {
        let payload = try? JSON(parsing: completion.payload)
        switch AnswerStatus(rawValue: completion.status) {
        case .ok:
            guard let payload else { throw broken(tool, "something that is not JSON") }
            return try output(payload, completion.payload, tool)
        case .accepted where payload?["x-task"] != nil:
            guard mayBecomeTask, payload?["x-task"]?.objectValue != nil else {
                throw broken(tool, "that it goes on, and nobody had offered it that")
            }
            return .task(payload?["message"]?.stringValue ?? "The work has begun.")
        case .accepted:
            guard let handle = Handle(payload) else { throw broken(tool, "a handle that is not of its form") }
            return .handle(handle)
        case .inputRequired:
            // Callers whom nobody can ask are refused by what the catalogue says, before anything runs.
            guard tool.asks else { throw broken(tool, "a question, and its catalogue does not say that it asks") }
            guard let question = Question(payload) else { throw broken(tool, "a question that is not of its form") }
            return .question(question)
        default: throw error(status: completion.status, payload: payload, tool: tool)
        }
    }

    private static func output(_ payload: JSON, _ bytes: [UInt8], _ tool: ToolDescriptor) throws(GatewayError) -> Ending
    {
        guard payload[ContentBlocks.member] != nil, var members = payload.objectValue else {
            guard tool.outputValidator.accepts(payload) else {
                throw broken(tool, "something that is not of its output schema")
            }
            return .output(bytes, content: nil)
        }
        let content = members.removeValue(forKey: ContentBlocks.member)
        let rest = JSON.object(members)
        guard tool.outputValidator.accepts(rest) else {
            throw broken(tool, "something that is not of its output schema")
        }
        guard let content, ContentBlocks.areValid(content) else {
            throw broken(tool, "content that is not of the form of docs/abi.md, section 8")
        }
        return .output(rest.bytes, content: content.bytes)
    }

    private static func broken(_ tool: ToolDescriptor, _ what: String) -> GatewayError {
        GatewayError(.pluginFailed, "\(tool.name) answered \(what).", detail: "rule P2")
    }

    /// A status in the house's words.
    private static func error(status: Int32, payload: JSON?, tool: ToolDescriptor) -> GatewayError {
        let code: GatewayError.Code =
            switch AnswerStatus(rawValue: status) {
            case .invalidArgument: .invalidArgument
            case .unauthenticatedUpstream, .upstreamRejected: .upstreamRejected
            case .permissionDenied: .permissionDenied
            case .notFound: .notFound
            case .conflict, .outcomeUnknown: .conflict
            case .rateLimited: .rateLimited
            case .upstreamUnavailable: .upstreamUnavailable
            case .cancelled, .deadline: .deadlineExceeded
            case .notSupported: .notSupported
            case .tooLarge: .tooLarge
            default: .pluginFailed
            }
        if let error = unavailable(status, tool) { return error }
        let retryAfter = payload?["retry_after_ms"]?.integerValue.map { Duration.milliseconds(max(0, $0)) }
        let message = payload?["message"]?.stringValue ?? AnswerStatus.sentence(status, of: tool.name)
        let errors = code == .invalidArgument ? fieldErrors(payload?["details"]) : []
        return GatewayError(code, message, errors: errors, retryAfter: retryAfter)
    }

    /// The wrong fields that `details` names.
    ///
    /// What is not of that form is left out: the refusal itself stands without it.
    private static func fieldErrors(_ details: JSON?) -> [GatewayError.FieldError] {
        (details?.arrayValue ?? [])
            .compactMap { detail in
                guard let pointer = detail["pointer"]?.stringValue, (try? JSONPointer(parsing: pointer)) != nil,
                    let message = detail["message"]?.stringValue
                else { return nil }
                return GatewayError.FieldError(pointer: pointer, message: message)
            }
    }

    /// What befell the worker, not the call.
    private static func unavailable(_ status: Int32, _ tool: ToolDescriptor) -> GatewayError? {
        // Function tools move no money, and what they ask of M-Pesa goes through the host: none is under way.
        let what: String
        switch status {
        case LoadedPlugin.Completion.lost: what = "ended while it worked on this call"
        case LoadedPlugin.Completion.notTaken: what = "is being started again, or crashed too often"
        default: return nil
        }
        return GatewayError(
            .unavailable,
            "The plugin of \(tool.name) \(what). Call it again in a moment.",
            retryAfter: .seconds(1)
        )
    }
}
