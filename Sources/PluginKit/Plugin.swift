import OrderedJSON

/// A tool that starts or looks up an operation: its descriptor, and two pure functions.
public struct OperationTool: Sendable {
    /// The document of docs/abi.md, section 1.1, without `kind`.
    public let descriptor: JSONObject
    /// Plans a call, or throws why not.
    ///
    /// A look-up tool plans nothing.
    public let prepare: @Sendable (PrepareInput) throws(Refusal) -> OperationPlan
    /// Shows a record.
    public let render: @Sendable (Record) -> JSON
    /// The Swift types of arguments and output; nil for the direct way over values.
    public let types: ToolTypes?

    /// Makes a tool that takes the direct way over values.
    public init(
        _ descriptor: JSONObject,
        prepare: @escaping @Sendable (PrepareInput) throws(Refusal) -> OperationPlan,
        render: @escaping @Sendable (Record) -> JSON
    ) {
        self.init(descriptor, types: nil, prepare: prepare, render: render)
    }

    init(
        _ descriptor: JSONObject,
        types: ToolTypes?,
        prepare: @escaping @Sendable (PrepareInput) throws(Refusal) -> OperationPlan,
        render: @escaping @Sendable (Record) -> JSON
    ) {
        self.descriptor = descriptor
        self.types = types
        self.prepare = prepare
        self.render = render
    }
}

/// A tool that is asynchronous code.
public struct FunctionTool: Sendable {
    /// The document of docs/abi.md, section 1.1, without `kind`.
    public let descriptor: JSONObject
    /// Does the work; what it throws is told to the caller by status and message.
    public let call: @Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> JSON
    /// The Swift types of arguments and output; nil for the direct way over values.
    public let types: ToolTypes?

    /// Makes a tool that takes the direct way over values.
    public init(
        _ descriptor: JSONObject,
        call: @escaping @Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> JSON
    ) {
        self.init(descriptor, types: nil, call: call)
    }

    init(
        _ descriptor: JSONObject,
        types: ToolTypes?,
        call: @escaping @Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> JSON
    ) {
        self.descriptor = descriptor
        self.types = types
        self.call = call
    }
}

/// A prompt: its descriptor, and a pure function.
public struct Prompt: Sendable {
    /// The document of docs/abi.md, section 1.3.
    public let descriptor: JSONObject
    /// The prompt for arguments: `{description?, messages}`.
    public let get: @Sendable (JSON) -> JSON

    /// Makes a prompt.
    public init(_ descriptor: JSONObject, get: @escaping @Sendable (JSON) -> JSON) {
        self.descriptor = descriptor
        self.get = get
    }
}

/// A resource: its descriptor, and its bytes.
public struct Resource: Sendable {
    /// The document of docs/abi.md, section 1.4.
    public let descriptor: JSONObject
    /// Its bytes.
    public let read: @Sendable () -> [UInt8]

    /// Makes a resource.
    public init(_ descriptor: JSONObject, read: @escaping @Sendable () -> [UInt8]) {
        self.descriptor = descriptor
        self.read = read
    }
}

/// What a plugin asks to be granted, besides what its operations need.
public struct Needs: Sendable, Hashable {
    /// Collections by name.
    public var collections: [String]
    /// Families of host services: `transactions`, `timers`, `exports`, and the draft `x-reports`.
    public var services: [String]
    /// How its own URIs begin, such as `notes://`: a draft.
    public var uris: [String]

    /// States needs.
    public init(collections: [String] = [], services: [String] = [], uris: [String] = []) {
        self.collections = collections
        self.services = services
        self.uris = uris
    }
}

/// A kind of request to M-Pesa: its descriptor, and two pure functions.
public struct Operation: Sendable {
    /// The document of docs/abi.md, section 1.2.
    public let descriptor: JSONObject
    /// Says what bytes prove of a record; nil for "not mine".
    public let interpret: @Sendable ([UInt8], Source, Record) -> Evidence?
    /// The body of the request that asks about a record; nil when there is nothing to ask.
    public let query: @Sendable (Record, Profile, Int64) -> JSON?

    /// Makes a kind.
    ///
    /// - Parameter original: Where its arguments name what a reversal gives back.
    public init(
        _ descriptor: JSONObject,
        original: OriginalPlace? = nil,
        interpret: @escaping @Sendable ([UInt8], Source, Record) -> Evidence?,
        query: @escaping @Sendable (Record, Profile, Int64) -> JSON? = { _, _, _ in nil }
    ) {
        var descriptor = descriptor
        if let original { descriptor["x-original"] = original.document }
        self.descriptor = descriptor
        self.interpret = interpret
        self.query = query
    }
}

/// A tool of either kind.
public enum Tool: Sendable {
    /// Pure functions; the host acts.
    case operation(OperationTool)
    /// Asynchronous code with host services.
    case function(FunctionTool)
}

/// A plugin as a value.
///
/// `PluginExport` puts it behind the C functions.
public struct Plugin: Sendable {
    /// Equal to the manifest's.
    public let id: String
    /// Equal to the manifest's.
    public let version: String
    /// For people.
    public let title: String
    /// In the order of their indices.
    public let tools: [Tool]
    /// In the order of their indices.
    public let operations: [Operation]
    /// Secret transforms it needs; upstreams and paths are read off its operations.
    public let secrets: [String]
    /// What its function tools ask of the host.
    public let needs: Needs
    /// In the order of their indices.
    public let prompts: [Prompt]
    /// In the order of their indices.
    public let resources: [Resource]
    /// Prompts that may ask, in the order of their indices: a draft.
    public let askingPrompts: [AskingPrompt]
    /// In the order of their indices: a draft.
    public let templates: [ResourceTemplate]
    /// What an argument may be that its descriptor says so of (`x-completes`): a draft.
    public let complete: (@Sendable (CompletionRequest, FunctionContext) async throws(FunctionFailure) -> [String])?
    /// Does what a timer was set for; the document of docs/abi.md, section 9.
    public let onTimer: (@Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> Void)?
    /// Takes the settings of plugins.json; a sentence refuses them.
    public let configure: @Sendable (JSON) -> String?
    /// Proves what can be proved without a network; a sentence says what failed.
    public let selfTest: @Sendable () -> String?

    /// Makes a plugin.
    public init(
        id: String,
        version: String,
        title: String,
        tools: [Tool],
        operations: [Operation] = [],
        secrets: [String] = [],
        needs: Needs = Needs(),
        prompts: [Prompt] = [],
        resources: [Resource] = [],
        askingPrompts: [AskingPrompt] = [],
        templates: [ResourceTemplate] = [],
        complete: (@Sendable (CompletionRequest, FunctionContext) async throws(FunctionFailure) -> [String])? = nil,
        onTimer: (@Sendable (JSON, FunctionContext) async throws(FunctionFailure) -> Void)? = nil,
        configure: @escaping @Sendable (JSON) -> String? = { _ in nil },
        selfTest: @escaping @Sendable () -> String? = { nil }
    ) {
        self.id = id
        self.version = version
        self.title = title
        self.tools = tools
        self.operations = operations
        self.secrets = secrets
        self.needs = needs
        self.prompts = prompts
        self.resources = resources
        self.askingPrompts = askingPrompts
        self.templates = templates
        self.complete = complete
        self.onTimer = onTimer
        self.configure = configure
        self.selfTest = selfTest
    }

    /// The catalogue: docs/abi.md, section 1.
    public var catalogue: JSON {
        var upstreams: JSONObject = [:]
        for operation in operations {
            guard let upstream = operation.descriptor["upstream"]?.stringValue, let path = operation.descriptor["path"]
            else { continue }
            upstreams[upstream] = .array((upstreams[upstream]?.arrayValue ?? []) + [path])
        }
        var asked: JSONObject = [
            "upstreams": .array(upstreams.map { ["name": .string($0.key), "paths": $0.value] }),
            "secrets": .array(secrets.map { .string($0) }),
            "collections": .array(needs.collections.map { .string($0) }),
            "services": .array(needs.services.map { .string($0) }),
        ]
        if !needs.uris.isEmpty { asked["x-uris"] = .array(needs.uris.map { .string($0) }) }
        var catalogue: JSONObject = [
            "plugin": ["id": .string(id), "version": .string(version), "title": .string(title)],
            "tools": .array(tools.map(\.document)),
            "operations": .array(operations.map { .object($0.descriptor) }),
            "prompts": .array(prompts.map { .object($0.descriptor) }),
            "resources": .array(resources.map { .object($0.descriptor) }),
            "needs": .object(asked),
        ]
        if !askingPrompts.isEmpty { catalogue["x-prompts"] = .array(askingPrompts.map { .object($0.descriptor) }) }
        if !templates.isEmpty { catalogue["x-templates"] = .array(templates.map { .object($0.descriptor) }) }
        return .object(catalogue)
    }
}

extension Tool {
    fileprivate var document: JSON {
        var document: JSONObject
        switch self {
        case .operation(let tool):
            document = tool.descriptor
            document["kind"] = "operation"
        case .function(let tool):
            document = tool.descriptor
            document["kind"] = "function"
        }
        return .object(document)
    }
}
