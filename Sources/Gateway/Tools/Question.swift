import OrderedJSON

/// What a function tool wants to know from a person before it goes on.
package struct Question: Sendable, Equatable {
    /// For the person.
    package let message: String
    /// A flat object schema: what the answer holds.
    package let schema: JSON
    /// The tool's own, given back with the answer.
    package let state: JSON

    /// Reads a completion's payload; nil when it is not of the form of docs/abi.md, section 8.
    package init?(_ payload: JSON?) {
        guard let payload, let message = payload["message"]?.stringValue, !message.isEmpty,
            let schema = payload["schema"], schema["type"]?.stringValue == "object",
            schema["properties"]?.objectValue != nil
        else { return nil }
        self.message = message
        self.schema = schema
        state = payload["state"] ?? .null
    }

    /// What a caller is shown: the question without the tool's state.
    package var shown: JSON { ["message": .string(message), "schema": schema] }
}

/// What a person answered.
package struct QuestionAnswer: Sendable, Equatable {
    /// `accept`, `decline` or `cancel`.
    package let action: String
    /// The fields, where the answer is `accept`.
    package let content: JSON
    /// The tool's own, as it was when it asked.
    package let state: JSON

    /// States an answer.
    package init(action: String, content: JSON, state: JSON) {
        self.action = action
        self.content = content
        self.state = state
    }
}

/// What a function tool has begun and answers for later, by a tool of its own.
package struct Handle: Sendable, Equatable {
    /// The plugin's own name for it.
    package let handle: String
    /// The tool to ask; nil when nothing needs to be asked.
    package let tool: String?
    /// For people.
    package let message: String
    /// When asking makes sense.
    package let pollAfterMilliseconds: Int64?

    /// Reads a completion's payload; nil when it is not of the form of docs/abi.md, section 8.
    package init?(_ payload: JSON?) {
        guard let payload, let handle = payload["handle"]?.stringValue, (1...512).contains(handle.utf8.count) else {
            return nil
        }
        self.handle = handle
        tool = payload["tool"]?.stringValue
        message = payload["message"]?.stringValue ?? "The work has begun."
        pollAfterMilliseconds = payload["poll_after_ms"]?.integerValue
    }

    /// As callers see it.
    package var json: JSON {
        var object: JSONObject = ["handle": .string(handle), "message": .string(message)]
        object["tool"] = tool.map { .string($0) }
        object["poll_after_ms"] = pollAfterMilliseconds.map { .integer($0) }
        return .object(object)
    }
}
