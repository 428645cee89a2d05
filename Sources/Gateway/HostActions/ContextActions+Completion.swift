import OrderedJSON

// What arguments may be: a look-up, of whoever may read what they belong to.
extension ContextActions {
    /// `arguments.complete`: the plugin that has a prompt or a template says what an argument of it may be.
    var completeArgument: Action {
        Action(
            ContextActions.rules("arguments.complete"),
            title: "Complete an argument",
            summary: """
                What an argument of a prompt, or of a template of resources, may be: at most 100 values that fit what has \
                been typed of it. Nothing where the plugin says of it nothing.
                """,
            route: Route("POST", "/completions"),
            arguments: [
                "prompt": ["type": "string", "maxLength": 64, "description": "The prompt's name."],
                "template": [
                    "type": "string", "maxLength": .integer(Int64(URITemplate.bytesMax)),
                    "description": "Or the template, as resources.templates has it.",
                ],
                "argument": ["type": "string", "maxLength": 64, "description": "The argument's name."],
                "value": ["type": "string", "maxLength": 1_024, "description": "What has been typed of it."],
                "arguments": ContextActions.texts("What is known of the others."),
            ],
            required: ["argument", "value"],
            output: .data([
                "type": "object", "required": ["values", "has_more"],
                "properties": [
                    "values": ["type": "array", "items": ContextActions.text], "total": ["type": "integer"],
                    "has_more": ["type": "boolean"],
                ],
            ]),
            // What is being typed is shown to nobody.
            sensitive: [JSONPointer(tokens: ["value"]), JSONPointer(tokens: ["arguments", "*"])],
            takesLines: true,
            changes: false
        ) { use throws(GatewayError) in
            let found = try subject(use)
            guard let argument = found.arguments.first(where: { $0.name == use.text("argument") }) else {
                let message = "argument: expected one of \(found.arguments.map(\.name).joined(separator: ", "))."
                throw GatewayError(.invalidArgument, message, errors: [.init(pointer: "/argument", message: message)])
            }
            guard argument.isCompleted else { return .data(["values": [], "total": 0, "has_more": false]) }
            var document = found.document
            document["argument"] = .string(argument.name)
            document["value"] = .string(use.text("value") ?? "")
            // The others that there are, and nothing else that a caller makes up.
            let known = (use.arguments["arguments"]?.objectValue ?? JSONObject())
                .filter { name, _ in name != argument.name && found.arguments.contains { $0.name == name } }
            document["arguments"] = .object(JSONObject(known.map { ($0.key, $0.value) }))
            let call = ContextCalls.Call(
                plugin: found.plugin,
                work: .completion,
                name: found.name,
                arguments: .object(document),
                asks: false
            )
            return .data(try await calls.complete(call, use))
        }
    }

    /// What an argument belongs to.
    private struct Subject {
        let plugin: LoadedPlugin
        let name: String
        let arguments: [PromptDescriptor.Argument]
        /// How the plugin is told of it.
        let document: JSONObject
    }

    private func subject(_ use: Action.Use) throws(GatewayError) -> Subject {
        switch (use.text("prompt"), use.text("template")) {
        case (let name?, nil):
            for plugin in plugins(for: use) {
                guard let prompt = (plugin.askingPrompts + plugin.prompts).first(where: { $0.name == name }) else {
                    continue
                }
                let document: JSONObject = ["prompt": .string(name)]
                return Subject(plugin: plugin, name: name, arguments: prompt.arguments, document: document)
            }
            throw GatewayError(.notFound, "There is no prompt of this name.")
        case (nil, let uri?):
            for plugin in plugins(for: use) {
                guard let template = plugin.templates.first(where: { $0.uri.text == uri }) else { continue }
                return Subject(
                    plugin: plugin,
                    name: template.name,
                    arguments: template.arguments,
                    document: ["template": .string(template.name)]
                )
            }
            throw GatewayError(.notFound, "There is no template of this URI.")
        default:
            let message = "prompt, or template: expected one of the two."
            throw GatewayError(.invalidArgument, message, errors: [.init(pointer: "/prompt", message: message)])
        }
    }
}
