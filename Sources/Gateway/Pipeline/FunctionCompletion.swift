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
            guard let payload else { throw broken(tool.name, "something that is not JSON") }
            return try output(payload, completion.payload, tool)
        case .accepted where payload?["x-task"] != nil:
            guard mayBecomeTask, payload?["x-task"]?.objectValue != nil else {
                throw broken(tool.name, "that it goes on, and nobody had offered it that")
            }
            return .task(payload?["message"]?.stringValue ?? "The work has begun.")
        case .accepted:
            guard let handle = Handle(payload) else { throw broken(tool.name, "a handle that is not of its form") }
            return .handle(handle)
        case .inputRequired: return .question(try question(payload, tool.name, asks: tool.asks))
        default: throw error(status: completion.status, payload: payload, tool.name)
        }
    }

    /// How what is no tool ended.
    package enum ContextEnding {
        /// What it answered.
        case answer(JSON)
        /// What a person is asked.
        case question(Question)
    }

    /// Reads how what is no tool ended, by the name that callers know it by.
    ///
    /// - Throws: as `read(_:tool:)` does; work that goes on is a tool's alone.
    package static func read(
        _ completion: LoadedPlugin.Completion,
        of name: String,
        asks: Bool
    ) throws(GatewayError) -> ContextEnding {
        let payload = try? JSON(parsing: completion.payload)
        switch AnswerStatus(rawValue: completion.status) {
        case .ok:
            guard let payload, payload.objectValue != nil else { throw broken(name, "something that is no object") }
            return .answer(payload)
        case .accepted: throw broken(name, "a handle, which a tool alone may")
        case .inputRequired: return .question(try question(payload, name, asks: asks))
        default: throw error(status: completion.status, payload: payload, name)
        }
    }

    /// Callers whom nobody can ask are refused by what the catalogue says, before anything runs.
    private static func question(_ payload: JSON?, _ name: String, asks: Bool) throws(GatewayError) -> Question {
        guard asks else { throw broken(name, "a question, and its catalogue does not say that it asks") }
        guard let question = Question(payload) else { throw broken(name, "a question that is not of its form") }
        return question
    }

    private static func output(_ payload: JSON, _ bytes: [UInt8], _ tool: ToolDescriptor) throws(GatewayError) -> Ending
    {
        guard payload[ContentBlocks.member] != nil, var members = payload.objectValue else {
            guard tool.outputValidator.accepts(payload) else {
                throw broken(tool.name, "something that is not of its output schema")
            }
            return .output(bytes, content: nil)
        }
        let content = members.removeValue(forKey: ContentBlocks.member)
        let rest = JSON.object(members)
        guard tool.outputValidator.accepts(rest) else {
            throw broken(tool.name, "something that is not of its output schema")
        }
        guard let content, ContentBlocks.areValid(content) else {
            throw broken(tool.name, "content that is not of the form of docs/abi.md, section 8")
        }
        return .output(rest.bytes, content: content.bytes)
    }

    /// What was answered is not of its form.
    static func broken(_ name: String, _ what: String) -> GatewayError {
        GatewayError(.pluginFailed, "\(name) answered \(what).", detail: "rule P2")
    }

    /// A status in the house's words.
    private static func error(status: Int32, payload: JSON?, _ name: String) -> GatewayError {
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
        if let error = unavailable(status, name) { return error }
        let retryAfter = payload?["retry_after_ms"]?.integerValue.map { Duration.milliseconds(max(0, $0)) }
        let message = payload?["message"]?.stringValue ?? AnswerStatus.sentence(status, of: name)
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
    private static func unavailable(_ status: Int32, _ name: String) -> GatewayError? {
        // Function tools move no money, and what they ask of M-Pesa goes through the host: none is under way.
        let what: String
        switch status {
        case LoadedPlugin.Completion.lost: what = "ended while it worked on this call"
        case LoadedPlugin.Completion.notTaken: what = "is being started again, or crashed too often"
        default: return nil
        }
        return GatewayError(
            .unavailable,
            "The plugin of \(name) \(what). Call it again in a moment.",
            retryAfter: .seconds(1)
        )
    }
}
