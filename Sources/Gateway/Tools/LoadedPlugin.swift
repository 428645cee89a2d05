import OrderedJSON

/// One loaded generation of a plugin, as the rest of the house sees it: descriptors and a handful of functions.
///
/// Made by `PluginHost`. The functions are closures over C calls or a worker's socket; whoever calls them cannot tell.
package final class LoadedPlugin: Sendable {
    /// What comes back when the plugin could not or would not answer.
    package struct Failure: Error, Sendable, Equatable {
        /// A status of `gateway/base.h`.
        package let status: Int32
        /// For the log and the plugin's status, with the number of the rule that was broken where one was.
        package let reason: String
        /// Whether the function was called; without a worker, or a place in its queue, it is not.
        package let hasRun: Bool

        /// Makes a failure.
        package init(status: Int32, reason: String, hasRun: Bool = true) {
            self.status = status
            self.reason = reason
            self.hasRun = hasRun
        }
    }

    /// A function tool's end: a status of `gateway/base.h` and its payload.
    package struct Completion: Sendable, Equatable {
        /// The host's own status for a call that its worker took with it when it ended.
        package static let lost: Int32 = -1
        /// The host's own status for a call that no worker was there to take.
        package static let notTaken: Int32 = -2

        /// GATEWAY_OK, or why not.
        package let status: Int32
        /// The output, or `{code, message, details, retry_after_ms}`.
        package let payload: [UInt8]
        /// Whether the function was called; without a worker, or a place in its queue, it is not.
        package let hasRun: Bool

        /// Makes a completion; a call that no worker was there to take has not run.
        package init(status: Int32, payload: [UInt8], hasRun: Bool = true) {
            self.status = status
            self.payload = payload
            self.hasRun = hasRun && status != Completion.notTaken
        }
    }

    /// The operation functions of docs/abi.md, section 4: bytes in, bytes out.
    ///
    /// `Int` is the tool's or kind's index.
    package struct OperationFunctions: Sendable {
        /// Arguments to plan or refusal.
        package let prepare: @Sendable (Int, [UInt8]) async throws(Failure) -> [UInt8]
        /// Raw bytes (second array) and their context to evidence.
        package let interpret: @Sendable (Int, [UInt8], [UInt8]) async throws(Failure) -> [UInt8]
        /// An open record to the request that asks about it.
        package let query: @Sendable (Int, [UInt8]) async throws(Failure) -> [UInt8]
        /// A record to the tool's output.
        package let render: @Sendable (Int, [UInt8]) async throws(Failure) -> [UInt8]

        /// Gathers the four.
        package init(
            prepare: @escaping @Sendable (Int, [UInt8]) async throws(Failure) -> [UInt8],
            interpret: @escaping @Sendable (Int, [UInt8], [UInt8]) async throws(Failure) -> [UInt8],
            query: @escaping @Sendable (Int, [UInt8]) async throws(Failure) -> [UInt8],
            render: @escaping @Sendable (Int, [UInt8]) async throws(Failure) -> [UInt8]
        ) {
            self.prepare = prepare
            self.interpret = interpret
            self.query = query
            self.render = render
        }
    }

    /// How far a function tool says it is.
    package struct Progress: Sendable, Equatable {
        /// In parts per million.
        package let fraction: Int
        /// For people; may be empty.
        package let message: String

        /// States progress.
        package init(fraction: Int, message: String) {
            self.fraction = fraction
            self.message = message
        }
    }

    /// What a function tool that may go on after its reply is told of that.
    package enum TaskStage: Sendable, Hashable {
        /// It may ask to go on.
        case offered
        /// It goes on, as this task.
        case goesOn(Identifier)
    }

    /// What a function tool is told of its call, besides its arguments.
    package struct Invocation: Sendable {
        /// Who calls; stays in the host.
        package let principal: Principal
        /// The call.
        package let call: CallID
        /// `rest`, `mcp`, `timer` or `task`.
        package let door: String
        /// When the host answers the caller itself.
        package let timeout: Duration
        /// The caller's key, if any.
        package let idempotencyKey: String?
        /// Counts up from 1 where the same is tried again.
        package let attempt: Int
        /// What a person answered to this tool's question.
        package let answer: QuestionAnswer?
        /// Whether it may become a task, or is one; nil for neither.
        package let task: TaskStage?
        /// Is told how far the call is.
        package let progress: (@Sendable (Progress) -> Void)?
        /// Whether its caller may go on no longer; asked while it runs.
        package let isOver: (@Sendable () async -> Bool)?

        /// Whether it goes on after its reply.
        package var isOfTask: Bool { if case .goesOn = task { true } else { false } }

        /// Makes an invocation.
        package init(
            principal: Principal,
            call: CallID,
            door: String,
            timeout: Duration,
            idempotencyKey: String? = nil,
            attempt: Int = 1,
            answer: QuestionAnswer? = nil,
            task: TaskStage? = nil,
            progress: (@Sendable (Progress) -> Void)? = nil,
            isOver: (@Sendable () async -> Bool)? = nil
        ) {
            self.principal = principal
            self.call = call
            self.door = door
            self.timeout = timeout
            self.idempotencyKey = idempotencyKey
            self.attempt = attempt
            self.answer = answer
            self.task = task
            self.progress = progress
            self.isOver = isOver
        }
    }

    /// How often it is asked whether the caller of what goes on may let it go on (`Authority`).
    ///
    /// Half a second: with the quarter in which another process's change is seen, less than the second that is promised.
    package static let askedEvery: Duration = .milliseconds(500)

    /// The functions that are asynchronous code; each nil when the plugin does not have it.
    package struct AsynchronousFunctions: Sendable {
        /// Runs a function tool: index, arguments, and what is told of the call.
        package let invoke: (@Sendable (Int, [UInt8], Invocation) async -> Completion)?
        /// Tells of a timer that has come due: its document, and what is told of the call.
        package let fire: (@Sendable ([UInt8], Invocation) async -> Completion)?
        /// Runs what is read and may ask: what it is, its document, and what is told of the call.
        package let context: (@Sendable (ContextWork, [UInt8], Invocation) async -> Completion)?

        /// Gathers them.
        package init(
            invoke: (@Sendable (Int, [UInt8], Invocation) async -> Completion)?,
            fire: (@Sendable ([UInt8], Invocation) async -> Completion)? = nil,
            context: (@Sendable (ContextWork, [UInt8], Invocation) async -> Completion)? = nil
        ) {
            self.invoke = invoke
            self.fire = fire
            self.context = context
        }
    }

    /// What is asked of a plugin beside its tools, and is asynchronous code: a draft.
    package enum ContextWork: Sendable, Equatable {
        /// A prompt, by its index among those that may ask.
        case prompt(Int)
        /// Something to read, by its template's index.
        case resource(Int)
        /// What an argument may be.
        case completion
    }

    /// What is read before a tool is called; `Int` is the index in the catalogue.
    package struct ContextFunctions: Sendable {
        /// A prompt for arguments.
        package let prompt: @Sendable (Int, [UInt8]) async throws(Failure) -> [UInt8]
        /// A resource's bytes.
        package let resource: @Sendable (Int) async throws(Failure) -> [UInt8]

        /// Gathers the two.
        package init(
            prompt: @escaping @Sendable (Int, [UInt8]) async throws(Failure) -> [UInt8],
            resource: @escaping @Sendable (Int) async throws(Failure) -> [UInt8]
        ) {
            self.prompt = prompt
            self.resource = resource
        }
    }

    /// The calls of it that are under way.
    package let calls: CallsInFlight
    /// The catalogue's plugin id.
    package let id: String
    /// The catalogue's version.
    package let version: String
    /// Counts up with each load in this process.
    package let generation: Int
    /// SHA-256 of the library's bytes, in hexadecimal.
    package let digest: String
    /// Its settings from plugins.json; an organization's own overlay them.
    package let settings: JSONObject
    /// Its tools, in the catalogue's order.
    package let tools: [ToolDescriptor]
    /// What a call of each tool looks like, in the tools' order.
    package let callSchemas: [CallSchemas]
    /// The kinds of request it understands.
    package let operations: [OperationKind]
    /// Whether it was granted the organization's transactions, whoever made them.
    package let readsTransactions: Bool
    /// Whether its requests carry the organization's operator, whose name it is then told.
    private let actsAsOperator: Bool
    /// The operation functions; nil when it has function tools only.
    package let operationFunctions: OperationFunctions?
    /// Function tools and timers.
    package let asynchronous: AsynchronousFunctions
    /// Prompts and resources.
    package let context: ContextFunctions
    /// In the catalogue's order.
    package let prompts: [PromptDescriptor]
    /// In the catalogue's order.
    package let resources: [ResourceDescriptor]
    /// Prompts that may ask, in the catalogue's order.
    package let askingPrompts: [PromptDescriptor]
    /// Kinds of resources, in the catalogue's order.
    package let templates: [TemplateDescriptor]
    /// How its own URIs begin, which are no other plugin's.
    package let uris: [String]

    /// Makes a loaded generation of a catalogue.
    package init(
        _ catalogue: Catalogue,
        generation: Int,
        digest: String,
        settings: JSONObject = JSONObject(),
        operationFunctions: OperationFunctions?,
        asynchronous: AsynchronousFunctions,
        context: ContextFunctions
    ) {
        id = catalogue.id
        version = catalogue.version
        self.generation = generation
        self.digest = digest
        self.settings = settings
        tools = catalogue.tools
        callSchemas = catalogue.tools.map { CallSchemas($0, operations: catalogue.operations) }
        calls = CallsInFlight(tools: catalogue.tools.count)
        operations = catalogue.operations
        // A plugin loads only where all that it needs was granted.
        readsTransactions = catalogue.needs.services.contains("transactions")
        actsAsOperator = catalogue.operations.contains { kind in
            kind.secrets.contains { $0.transform == "security_credential" }
        }
        prompts = catalogue.prompts
        resources = catalogue.resources
        askingPrompts = catalogue.askingPrompts
        templates = catalogue.templates
        // A plugin loads only where all that it needs was granted.
        uris = catalogue.needs.uris
        self.operationFunctions = operationFunctions
        self.asynchronous = asynchronous
        self.context = context
    }

    /// The index of an operation kind by name.
    package func operationIndex(_ name: String) -> Int? {
        operations.firstIndex { $0.name == name }
    }

    /// The settings an organization's calls are prepared with.
    package func settings(for profile: Profile) -> JSONObject {
        var settings = settings
        for (name, value) in profile.settings[id]?.objectValue ?? JSONObject() { settings[name] = value }
        if actsAsOperator, settings["initiator_name"] == nil { settings["initiator_name"] = profile.initiatorName }
        return settings
    }
}
