import OrderedJSON

/// `prompts.…` and `resources.…`: what plugins offer beside tools, to whoever may use a tool of theirs.
package struct ContextActions: Sendable {
    private let registry: ToolRegistry
    let calls: ContextCalls

    /// Makes them over what is loaded.
    init(registry: ToolRegistry, calls: ContextCalls) {
        self.registry = registry
        self.calls = calls
    }

    /// The actions.
    package var all: [Action] {
        [listPrompts, getPrompt, listResources, readResource, answerResource, listTemplates, completeArgument]
    }

    static func rules(_ name: String) -> ActionRules {
        ActionRules(name, auditAction: "CONTEXT_READ", scopes: ["context:read"])
    }

    static let text: JSON = ["type": "string"]

    /// Texts by name, as a prompt takes them.
    static func texts(_ description: String) -> JSON {
        [
            "type": "object", "maxProperties": 64,
            "additionalProperties": ["type": "string", "maxLength": 65_536], "description": .string(description),
        ]
    }

    /// How callers are told of what a prompt or a template takes.
    static let argumentSchema: JSON = [
        "type": "object", "required": ["name", "required"],
        "properties": ["name": text, "description": text, "required": ["type": "boolean"]],
    ]

    // MARK: Prompts

    private var listPrompts: Action {
        Action(
            ContextActions.rules("prompts.list"),
            title: "List prompts",
            summary: "The prompts of the plugins of which the credential may use a tool.",
            route: Route("GET", "/prompts"),
            output: .data([
                "type": "array",
                "items": [
                    "type": "object", "required": ["name", "title", "description", "arguments"],
                    "properties": [
                        "name": ContextActions.text, "title": ContextActions.text, "description": ContextActions.text,
                        "arguments": ["type": "array", "items": ContextActions.argumentSchema],
                    ],
                ],
            ])
        ) { use throws(GatewayError) in
            let prompts = plugins(for: use).flatMap { $0.prompts + $0.askingPrompts }.sorted { $0.name < $1.name }
            return .data(.array(prompts.map(\.document)))
        }
    }

    private var getPrompt: Action {
        Action(
            ContextActions.rules("prompts.get"),
            title: "Get a prompt",
            summary: """
                A prompt's messages, made of the texts that it takes. One that asks a person answers 202 with \
                `input_required` and `request_state`; the answer is the same call with `$input` and `$state`.
                """,
            route: Route("POST", "/prompts/{name}"),
            arguments: [
                "name": ["type": "string", "maxLength": 64],
                "arguments": ContextActions.texts("What the prompt takes, by name."),
                CallSchemas.state: state, CallSchemas.input: CallSchemas.inputSchema,
            ],
            output: .data([
                "type": "object", "required": ["messages"],
                "properties": ["description": ContextActions.text, "messages": ["type": "array"]],
            ]),
            sensitive: ContextActions.answers,
            takesLines: true,
            changes: false,
            asks: true
        ) { use throws(GatewayError) in
            let name = use.text("name") ?? ""
            let use = try ContextActions.answering(use)
            for plugin in plugins(for: use) {
                if let index = plugin.askingPrompts.firstIndex(where: { $0.name == name }) {
                    return try await ask(plugin, prompt: index, use)
                }
                guard let index = plugin.prompts.firstIndex(where: { $0.name == name }) else { continue }
                try ContextCalls.check(name, asks: false, use)
                let arguments = try ContextActions.arguments(of: plugin.prompts[index], use)
                let bytes = try await asking(plugin) { () async throws(LoadedPlugin.Failure) in
                    try await plugin.context.prompt(index, JSON.object(arguments).bytes)
                }
                guard let prompt = try? JSON(parsing: bytes), let messages = prompt["messages"],
                    messages.arrayValue != nil
                else { throw ContextActions.broken(plugin, "rule P2: a prompt without messages") }
                var document: JSONObject = ["messages": messages]
                document["description"] = prompt["description"]?.stringValue.map { .string($0) }
                return .data(.object(document))
            }
            throw GatewayError(.notFound, "There is no prompt of this name.")
        }
    }

    private func ask(
        _ plugin: LoadedPlugin,
        prompt index: Int,
        _ use: Action.Use
    ) async throws(GatewayError) -> Action.Answer {
        let prompt = plugin.askingPrompts[index]
        let call = ContextCalls.Call(
            plugin: plugin,
            work: .prompt(index),
            name: prompt.name,
            arguments: .object(try ContextActions.arguments(of: prompt, use)),
            asks: prompt.asks
        )
        switch try await calls.run(
            call,
            use,
            { said throws(GatewayError) in
                JSON.object(try ContextAnswers.prompt(said, of: prompt.name))
            }
        ) {
        case .answer(let prompt): return .data(prompt)
        case .question(let question, let state): return .question(question, state: state)
        }
    }

    /// Those that the prompt knows; others are left out.
    private static func arguments(
        of prompt: PromptDescriptor,
        _ use: Action.Use
    ) throws(GatewayError) -> JSONObject {
        var arguments = JSONObject()
        for argument in prompt.arguments {
            guard let value = use.arguments["arguments"]?[argument.name] else {
                guard argument.isRequired else { continue }
                let message = "arguments.\(argument.name): expected text."
                let pointer = JSONPointer(tokens: ["arguments", argument.name]).description
                throw GatewayError(.invalidArgument, message, errors: [.init(pointer: pointer, message: message)])
            }
            arguments[argument.name] = value
        }
        return arguments
    }

    // MARK: Resources

    private var listResources: Action {
        Action(
            ContextActions.rules("resources.list"),
            title: "List resources",
            summary: "What the plugins of which the credential may use a tool have to read.",
            route: Route("GET", "/resources"),
            output: .data([
                "type": "array",
                "items": [
                    "type": "object", "required": ["uri", "name", "mimeType"],
                    "properties": [
                        "uri": ContextActions.text, "name": ContextActions.text, "mimeType": ContextActions.text,
                        "description": ContextActions.text,
                    ],
                ],
            ])
        ) { use throws(GatewayError) in
            let resources = plugins(for: use).flatMap(\.resources).sorted { $0.uri < $1.uri }
            return .data(.array(resources.map(\.document)))
        }
    }

    private var readResource: Action {
        Action(
            ContextActions.rules("resources.read"),
            title: "Read a resource",
            summary: """
                The bytes of one of them, or of one of a template. One that asks a person answers 202 with \
                `input_required` and `request_state`; `resources.answer` takes the answer.
                """,
            route: Route("GET", "/resources/content"),
            arguments: ["uri": ContextActions.uri],
            required: ["uri"],
            output: .file,
            asks: true
        ) { use throws(GatewayError) in try await read(use) }
    }

    /// The answer stands in a body: what a person has said is in no address.
    private var answerResource: Action {
        Action(
            ContextActions.rules("resources.answer"),
            title: "Answer what a resource asks",
            summary: "The bytes of a resource that asked a person first: `$input` is what they have answered.",
            route: Route("POST", "/resources/content"),
            arguments: [
                "uri": ContextActions.uri, CallSchemas.state: state,
                CallSchemas.input: CallSchemas.inputSchema,
            ],
            required: ["uri", CallSchemas.state, CallSchemas.input],
            output: .file,
            sensitive: ContextActions.answers,
            takesLines: true,
            changes: false,
            asks: true
        ) { use throws(GatewayError) in try await read(try ContextActions.answering(use)) }
    }

    private static let uri: JSON = ["type": "string", "maxLength": .integer(Int64(URITemplate.bytesMax))]

    private func read(_ use: Action.Use) async throws(GatewayError) -> Action.Answer {
        let uri = use.text("uri") ?? ""
        for plugin in plugins(for: use) {
            if let index = plugin.resources.firstIndex(where: { $0.uri == uri }) {
                try ContextCalls.check("This resource", asks: false, use)
                let bytes = try await asking(plugin) { () async throws(LoadedPlugin.Failure) in
                    try await plugin.context.resource(index)
                }
                let mediaType = plugin.resources[index].mediaType
                return .file(name: ContextActions.fileName(of: uri), mediaType: mediaType, bytes: bytes)
            }
            for (index, template) in plugin.templates.enumerated() {
                guard let values = template.uri.values(in: uri) else { continue }
                let call = ContextCalls.Call(
                    plugin: plugin,
                    work: .resource(index),
                    name: template.name,
                    arguments: .object(values),
                    asks: template.asks
                )
                let read = { (said: JSON) throws(GatewayError) in try ContextAnswers.bytes(said, of: template) }
                switch try await calls.run(call, use, read) {
                case .answer(let bytes):
                    return .file(name: ContextActions.fileName(of: uri), mediaType: template.mediaType, bytes: bytes)
                case .question(let question, let state): return .question(question, state: state)
                }
            }
        }
        throw GatewayError(.notFound, "There is no resource with this URI.")
    }

    private var listTemplates: Action {
        Action(
            ContextActions.rules("resources.templates"),
            title: "List templates of resources",
            summary:
                "The kinds of resources that the plugins of which the credential may use a tool have, by their URIs.",
            route: Route("GET", "/resources/templates"),
            output: .data([
                "type": "array",
                "items": [
                    "type": "object", "required": ["uriTemplate", "name", "title", "mimeType", "arguments"],
                    "properties": [
                        "uriTemplate": ContextActions.text, "name": ContextActions.text, "title": ContextActions.text,
                        "mimeType": ContextActions.text, "description": ContextActions.text,
                        "arguments": ["type": "array", "items": ContextActions.argumentSchema],
                    ],
                ],
            ])
        ) { use throws(GatewayError) in
            let templates = plugins(for: use).flatMap(\.templates).sorted { $0.uri.text < $1.uri.text }
            return .data(.array(templates.map(\.document)))
        }
    }

    // MARK: Answers

    /// What a question went out with.
    private var state: JSON {
        var schema = CallSchemas.stateSchema.objectValue ?? JSONObject()
        schema["maxLength"] = .integer(Int64(calls.settings.stateBytesMax))
        return .object(schema)
    }

    /// What a person has answered is masked wherever calls are shown.
    private static let answers = [CallSchemas.state, CallSchemas.input].map { JSONPointer(tokens: [$0]) }

    /// The use with the answer that came among its arguments: both halves of it, or neither.
    private static func answering(_ use: Action.Use) throws(GatewayError) -> Action.Use {
        let (state, input) = (use.arguments[CallSchemas.state], use.arguments[CallSchemas.input])
        guard state != nil || input != nil else { return use }
        guard let state = state?.stringValue, let input, let action = input["action"]?.stringValue else {
            let message = "\(CallSchemas.state) and \(CallSchemas.input) belong together."
            let missing = state == nil ? CallSchemas.state : CallSchemas.input
            throw GatewayError(.invalidArgument, message, errors: [.init(pointer: "/" + missing, message: message)])
        }
        var answering = use
        answering.answer = QuestionReply(action: action, content: input["content"] ?? [:], state: state)
        return answering
    }

    // MARK: Plugins

    func plugins(for use: Action.Use) -> [LoadedPlugin] {
        var plugins: [LoadedPlugin] = []
        for entry in registry.snapshot.entries(for: use.principal.organization)
        where Authorize.allows(entry.tool, principal: use.principal, membership: use.membership)
            && !plugins.contains(where: { $0 === entry.plugin })
        {
            plugins.append(entry.plugin)
        }
        return plugins
    }

    private func asking(
        _ plugin: LoadedPlugin,
        _ ask: () async throws(LoadedPlugin.Failure) -> [UInt8]
    ) async throws(GatewayError) -> [UInt8] {
        guard plugin.calls.begin() else {
            throw GatewayError(.unavailable, "Ask again: it was just replaced.", retryAfter: .seconds(1))
        }
        do throws(LoadedPlugin.Failure) {
            let bytes = try await ask()
            plugin.calls.end(hasFailed: false)
            return bytes
        } catch {
            plugin.calls.end(hasFailed: true)
            throw ContextActions.broken(plugin, error.reason)
        }
    }

    private static func broken(_ plugin: LoadedPlugin, _ reason: String) -> GatewayError {
        GatewayError(.pluginFailed, "The plugin that has this failed.", detail: "\(plugin.id): \(reason)")
    }
}

extension ContextActions {
    /// The end of a URI, as a file may be called anywhere.
    private static func fileName(of uri: String) -> String {
        let last = uri.split(separator: "/").last ?? "resource"
        return String(
            decoding: last.utf8.map { byte -> UInt8 in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    byte
                default: UInt8(ascii: "_")
                }
            },
            as: UTF8.self
        )
    }
}

extension PromptDescriptor {
    fileprivate var document: JSON {
        [
            "name": .string(name), "title": .string(title), "description": .string(summary),
            "arguments": .array(arguments.map(\.document)),
        ]
    }
}

extension PromptDescriptor.Argument {
    fileprivate var document: JSON {
        var object: JSONObject = ["name": .string(name), "required": .bool(isRequired)]
        object["description"] = summary.map { .string($0) }
        return .object(object)
    }
}

extension TemplateDescriptor {
    fileprivate var document: JSON {
        [
            "uriTemplate": .string(uri.text), "name": .string(name), "title": .string(title),
            "description": .string(summary), "mimeType": .string(mediaType),
            "arguments": .array(arguments.map(\.document)),
        ]
    }
}

extension ResourceDescriptor {
    fileprivate var document: JSON {
        var object: JSONObject = ["uri": .string(uri), "name": .string(name), "mimeType": .string(mediaType)]
        object["description"] = summary.map { .string($0) }
        return .object(object)
    }
}
