import OrderedJSON

/// `prompts.…` and `resources.…`: what plugins offer beside tools, to whoever may use a tool of theirs.
package struct ContextActions: Sendable {
    private let registry: ToolRegistry

    /// Makes them over what is loaded.
    package init(registry: ToolRegistry) { self.registry = registry }

    /// The actions.
    package var all: [Action] { [listPrompts, getPrompt, listResources, readResource] }

    private static func rules(_ name: String) -> ActionRules {
        ActionRules(name, auditAction: "CONTEXT_READ", scopes: ["context:read"])
    }

    private static let text: JSON = ["type": "string"]

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
                        "arguments": [
                            "type": "array", "items": ["type": "object", "required": ["name", "required"]],
                        ],
                    ],
                ],
            ])
        ) { use throws(GatewayError) in
            let prompts = plugins(for: use).flatMap(\.prompts).sorted { $0.name < $1.name }
            return .data(.array(prompts.map(\.document)))
        }
    }

    private var getPrompt: Action {
        Action(
            ContextActions.rules("prompts.get"),
            title: "Get a prompt",
            summary: "A prompt's messages, made of the texts that it takes.",
            route: Route("POST", "/prompts/{name}"),
            arguments: [
                "name": ["type": "string", "maxLength": 64],
                "arguments": [
                    "type": "object", "maxProperties": 64,
                    "additionalProperties": ["type": "string", "maxLength": 65_536],
                    "description": "What the prompt takes, by name.",
                ],
            ],
            output: .data([
                "type": "object", "required": ["messages"],
                "properties": ["description": ContextActions.text, "messages": ["type": "array"]],
            ]),
            takesLines: true,
            changes: false
        ) { use throws(GatewayError) in
            let name = use.text("name")
            for plugin in plugins(for: use) {
                guard let index = plugin.prompts.firstIndex(where: { $0.name == name }) else { continue }
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
            summary: "The bytes of one of them.",
            route: Route("GET", "/resources/content"),
            arguments: ["uri": ["type": "string", "maxLength": 512]],
            required: ["uri"],
            output: .file
        ) { use throws(GatewayError) in
            let uri = use.text("uri")
            for plugin in plugins(for: use) {
                guard let index = plugin.resources.firstIndex(where: { $0.uri == uri }) else { continue }
                let resource = plugin.resources[index]
                let bytes = try await asking(plugin) { () async throws(LoadedPlugin.Failure) in
                    try await plugin.context.resource(index)
                }
                return .file(name: resource.fileName, mediaType: resource.mediaType, bytes: bytes)
            }
            throw GatewayError(.notFound, "There is no resource with this URI.")
        }
    }

    // MARK: Plugins

    private func plugins(for use: Action.Use) -> [LoadedPlugin] {
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

extension PromptDescriptor {
    fileprivate var document: JSON {
        [
            "name": .string(name), "title": .string(title), "description": .string(summary),
            "arguments": .array(
                arguments.map { argument in
                    var object: JSONObject = ["name": .string(argument.name), "required": .bool(argument.isRequired)]
                    object["description"] = argument.summary.map { .string($0) }
                    return .object(object)
                }
            ),
        ]
    }
}

extension ResourceDescriptor {
    fileprivate var document: JSON {
        var object: JSONObject = ["uri": .string(uri), "name": .string(name), "mimeType": .string(mediaType)]
        object["description"] = summary.map { .string($0) }
        return .object(object)
    }

    /// The end of its URI, as a file may be called anywhere.
    fileprivate var fileName: String {
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
