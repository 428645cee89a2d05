import OrderedJSON

/// What a function tool, or the host, wants to know from a person before it goes on.
package struct Question: Sendable, Equatable {
    /// One of what is asked together.
    package struct Part: Sendable, Equatable {
        /// What it goes by; nil where nothing else is asked.
        package let name: String?
        /// For the person.
        package let message: String
        /// A flat object schema: what the answer holds.
        package let schema: JSON
        /// The page that the person is led to, in a form's place; nil for a form.
        package let page: String?

        fileprivate init?(_ name: String?, _ asked: JSON) {
            guard let message = asked["message"]?.stringValue, !message.isEmpty,
                let schema = asked["schema"], schema["type"]?.stringValue == "object",
                schema["properties"]?.objectValue != nil
            else { return nil }
            (self.name, self.message, self.schema, page) = (name, message, schema, nil)
        }

        fileprivate init(alone message: String, _ schema: JSON, _ page: String?) {
            (name, self.message, self.schema, self.page) = (nil, message, schema, page)
        }
    }

    /// So many may be asked together.
    package static let partsMax = 8
    /// What a question goes by that is asked alone.
    package static let aloneName = "question"

    /// What is asked, in the tool's order.
    package let parts: [Part]
    /// The tool's own, given back with the answer.
    package let state: JSON

    /// For the person: all of it.
    package var message: String { parts.map(\.message).joined(separator: "\n") }

    /// What the answer to all of it holds: by its name what is answered to each, or of one alone its own.
    package var schema: JSON {
        guard let first = parts.first, first.name != nil else { return parts.first?.schema ?? true }
        return [
            "type": "object", "required": .array(parts.compactMap { $0.name.map { .string($0) } }),
            "properties": .object(JSONObject(parts.compactMap { part in part.name.map { ($0, part.schema) } })),
        ]
    }

    /// Reads a completion's payload; nil when it is not of the form of docs/abi.md, section 8.
    package init?(_ payload: JSON?) {
        guard let payload else { return nil }
        if let several = payload["questions"] {
            guard let members = several.objectValue, (1...Question.partsMax).contains(members.count) else { return nil }
            var parts: [Part] = []
            for (name, asked) in members {
                guard Question.isName(name), name != Question.aloneName, let part = Part(name, asked) else {
                    return nil
                }
                parts.append(part)
            }
            self.parts = parts
        } else {
            guard let part = Part(nil, payload) else { return nil }
            parts = [part]
        }
        state = payload["state"] ?? .null
    }

    /// What the host itself asks.
    init(_ message: String, schema: JSON, state: JSON) {
        parts = [Part(alone: message, schema, nil)]
        self.state = state
    }

    /// To what page of its own the host leads: what is done there is no part of the answer.
    init(_ message: String, page: String, state: JSON) {
        parts = [Part(alone: message, ["type": "object", "properties": [:]], page)]
        self.state = state
    }

    private init(_ parts: [Part], state: JSON) { (self.parts, self.state) = (parts, state) }

    /// What is asked still, where some of it has been answered.
    func asking(_ isAsked: (Part) -> Bool) -> Question { Question(parts.filter(isAsked), state: state) }

    /// The form of a completion's payload, by which it is read again; a page is no part of it.
    var document: JSON {
        guard let first = parts.first, first.name != nil else {
            return ["message": .string(message), "schema": schema, "state": state]
        }
        let asked = parts.compactMap { part in
            part.name.map { ($0, ["message": .string(part.message), "schema": part.schema] as JSON) }
        }
        return ["questions": .object(JSONObject(asked)), "state": state]
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "_")
            }
    }

    /// What a caller is shown: the question without the tool's state.
    package var shown: JSON { ["message": .string(message), "schema": schema] }
}

/// What somebody says to one thing that is asked.
package struct QuestionWord: Sendable, Equatable {
    /// `accept`, `decline` or `cancel`.
    package let action: String
    /// The fields.
    package let content: JSON

    /// Reads what a client sends; nil for what is not of its form.
    package init?(_ answer: JSON) {
        let content = answer["content"].flatMap { $0.isNull ? nil : $0 } ?? .object(JSONObject())
        guard let action = answer["action"]?.stringValue, ["accept", "decline", "cancel"].contains(action),
            content.objectValue != nil
        else { return nil }
        (self.action, self.content) = (action, content)
    }

    /// States one.
    package init(action: String, content: JSON) { (self.action, self.content) = (action, content) }

    /// What to all of it is said, where somebody refuses any of it: who declines one thing declines all.
    package static func refusal(among words: [QuestionWord]) -> QuestionWord? {
        let action = ["decline", "cancel"].first { action in words.contains { $0.action == action } }
        return action.map { QuestionWord(action: $0, content: [:]) }
    }
}

/// A caller's answer to a tool's question, as it came back: the state is a stranger's text until the seal is opened.
package struct QuestionReply: Sendable, Equatable {
    /// What is said to all that was asked.
    package enum Said: Sendable, Equatable {
        /// At once.
        case once(QuestionWord)
        /// To each by its name, as it came: what was not asked may stand there too, and an answer may be missing.
        case each(JSONObject)
    }

    /// The answers.
    package let said: Said
    /// What the caller was given with the question.
    package let state: String

    /// States a reply to all that was asked.
    package init(action: String, content: JSON, state: String) {
        said = .once(QuestionWord(action: action, content: content))
        self.state = state
    }

    /// States one that answers by names.
    package init(each answers: JSONObject, state: String) {
        said = .each(answers)
        self.state = state
    }
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

    /// The host's own: a task, which `tool` tells of.
    init(task: Identifier, tool: String, message: String, pollAfterMilliseconds: Int64) {
        handle = task.description
        self.tool = tool
        self.message = message
        self.pollAfterMilliseconds = pollAfterMilliseconds
    }

    /// As callers see it.
    package var json: JSON {
        var object: JSONObject = ["handle": .string(handle), "message": .string(message)]
        object["tool"] = tool.map { .string($0) }
        object["poll_after_ms"] = pollAfterMilliseconds.map { .integer($0) }
        return .object(object)
    }
}
