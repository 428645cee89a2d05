import OrderedJSON
import PluginAPI

/// A prompt that is asynchronous code: it may ask for services, and a person before it goes on.
///
/// A draft (`x-prompt/2`).
public struct AskingPrompt: Sendable {
    /// The document of docs/abi.md, section 1.7.
    public let descriptor: JSONObject
    /// The prompt for arguments: `{description?, messages}`.
    public let get: @Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> JSON

    /// Makes a prompt.
    public init(
        _ descriptor: JSONObject,
        get: @escaping @Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> JSON
    ) {
        self.descriptor = descriptor
        self.get = get
    }
}

/// Resources of one kind, by what their URIs have in common; reading one may ask for services, and a person.
///
/// A draft (`x-resource/2`).
public struct ResourceTemplate: Sendable {
    /// What a resource holds.
    public enum Content: Sendable, Hashable {
        /// Text, in UTF-8.
        case text(String)
        /// Anything.
        case bytes([UInt8])
    }

    /// The document of docs/abi.md, section 1.7.
    public let descriptor: JSONObject
    /// One of them, by what stands at the template's places; throws `notFound` where there is none.
    public let read: @Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> Content

    /// Makes a template.
    public init(
        _ descriptor: JSONObject,
        read: @escaping @Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> Content
    ) {
        self.descriptor = descriptor
        self.read = read
    }
}

/// An argument that somebody is typing.
///
/// A draft (`x-argument-completion/1`).
public struct CompletionRequest: Sendable, Hashable {
    /// Whose argument it is: a prompt's or a template's, by its name.
    public enum Subject: Sendable, Hashable {
        /// A prompt's.
        case prompt(String)
        /// A template's.
        case template(String)
    }

    /// Whose argument it is.
    public let subject: Subject
    /// The argument's name.
    public let argument: String
    /// What has been typed of it.
    public let value: String
    /// What is known of the others.
    public let arguments: JSON

    /// Reads the document of docs/abi.md, section 1.8.
    public init(_ json: JSON) {
        if let template = json["template"]?.stringValue {
            subject = .template(template)
        } else {
            subject = .prompt(json["prompt"]?.stringValue ?? "")
        }
        argument = json["argument"]?.stringValue ?? ""
        value = json["value"]?.stringValue ?? ""
        arguments = json["arguments"] ?? [:]
    }
}

extension FunctionFailure {
    /// One of several questions.
    public struct Question: Sendable, Hashable {
        /// What it goes by: `a-z`, `0-9` and `_`.
        public let name: String
        /// For the person.
        public let message: String
        /// A flat object schema of the answer.
        public let schema: JSON

        /// Makes one.
        public init(_ name: String, _ message: String, schema: JSON) {
            self.name = name
            self.message = message
            self.schema = schema
        }
    }

    /// Asks a person several things in one round; `context.answer` then has, by each name, what was answered to it.
    public static func questions(_ questions: [Question], state: JSON = .null) -> FunctionFailure {
        let parts = questions.map { ($0.name, ["message": .string($0.message), "schema": $0.schema] as JSON) }
        return FunctionFailure(
            status: GATEWAY_INPUT_REQUIRED,
            questions.map(\.message).joined(separator: "\n"),
            payload: ["questions": .object(JSONObject(parts)), "state": state]
        )
    }

    /// There is no such thing.
    public static func notFound(_ message: String) -> FunctionFailure {
        FunctionFailure(status: GATEWAY_NOT_FOUND, message)
    }
}

extension ServedPlugin {
    func get(_ invocation: UInt64, _ index: UInt32, _ arguments: [UInt8], _ meta: [UInt8]) -> Int32 {
        guard plugin.askingPrompts.indices.contains(Int(index)), let arguments = try? JSON(parsing: arguments) else {
            return GATEWAY_NOT_SUPPORTED
        }
        let (prompt, context) = (plugin.askingPrompts[Int(index)], context(invocation, meta))
        start(invocation) { () async throws(FunctionFailure) in try await prompt.get(arguments, context).bytes }
        return GATEWAY_OK
    }

    func read(_ invocation: UInt64, _ index: UInt32, _ arguments: [UInt8], _ meta: [UInt8]) -> Int32 {
        guard plugin.templates.indices.contains(Int(index)), let arguments = try? JSON(parsing: arguments) else {
            return GATEWAY_NOT_SUPPORTED
        }
        let (template, context) = (plugin.templates[Int(index)], context(invocation, meta))
        start(invocation) { () async throws(FunctionFailure) in
            let document: JSON =
                switch try await template.read(arguments, context) {
                case .text(let text): ["text": .string(text)]
                case .bytes(let bytes): ["base64": .string(ServedPlugin.base64(bytes))]
                }
            return document.bytes
        }
        return GATEWAY_OK
    }

    func complete(_ invocation: UInt64, _ request: [UInt8], _ meta: [UInt8]) -> Int32 {
        guard let complete = plugin.complete, let request = try? JSON(parsing: request) else {
            return GATEWAY_NOT_SUPPORTED
        }
        let context = context(invocation, meta)
        start(invocation) { () async throws(FunctionFailure) in
            let values = try await complete(CompletionRequest(request), context)
            let document: JSON = [
                "values": .array(values.prefix(ServedPlugin.valuesMax).map { .string($0) }),
                "total": .integer(Int64(values.count)),
            ]
            return document.bytes
        }
        return GATEWAY_OK
    }

    /// So many values are told: there may be more.
    private static let valuesMax = 100

    private func context(_ invocation: UInt64, _ meta: [UInt8]) -> FunctionContext {
        FunctionContext(invocation: invocation, meta: (try? JSON(parsing: meta)) ?? [:], host: host)
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let three = bytes[start..<min(start + 3, bytes.count)]
            let bits = three.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - three.count))
            for place in 0..<4 {
                text.append(place <= three.count ? digits[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
