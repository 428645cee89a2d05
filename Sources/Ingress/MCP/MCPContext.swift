import Cryptography
import Gateway
import OrderedJSON

/// Prompts and resources: those of the plugins of which the caller may use a tool.
extension MCPDoor {
    func serveContext(
        _ message: MCPMessage,
        _ tools: [ToolRegistry.Entry],
        _ call: CallID
    ) async throws(MCPError) -> Response {
        var plugins: [LoadedPlugin] = []
        for entry in tools where !plugins.contains(where: { $0 === entry.plugin }) { plugins.append(entry.plugin) }
        switch message.method {
        case "prompts/list":
            let prompts = plugins.flatMap(\.prompts).sorted { $0.name < $1.name }
            return list("prompts", prompts.map(\.document), message, call)
        case "resources/list":
            let resources = plugins.flatMap(\.resources).sorted { $0.uri < $1.uri }
            return list("resources", resources.map(\.document), message, call)
        case "resources/templates/list": return list("resourceTemplates", [], message, call)
        case "prompts/get": return try await prompt(message, plugins, call)
        default: return try await resource(message, plugins, call)
        }
    }

    private func list(_ name: String, _ items: [JSON], _ message: MCPMessage, _ call: CallID) -> Response {
        results.result(message.id, call) { writer in
            writer.key(name)
            writer.value(.array(items))
            MCPResults.writeCacheHints(&writer)
        }
    }

    private func prompt(
        _ message: MCPMessage,
        _ plugins: [LoadedPlugin],
        _ call: CallID
    ) async throws(MCPError) -> Response {
        let name = message.params["name"]?.stringValue
        for plugin in plugins {
            guard let index = plugin.prompts.firstIndex(where: { $0.name == name }) else { continue }
            let given = message.params["arguments"]?.objectValue ?? JSONObject()
            var arguments = JSONObject()
            for argument in plugin.prompts[index].arguments {
                guard let value = given[argument.name]?.stringValue else {
                    guard argument.isRequired else { continue }
                    throw .invalidParams("arguments.\(argument.name): expected text")
                }
                if let expectation = PlainText.lines.expectation(for: value) {
                    throw .invalidParams("arguments.\(argument.name): expected \(expectation)")
                }
                arguments[argument.name] = .string(value)
            }
            let bytes = try await asking(plugin) { [arguments] () async throws(LoadedPlugin.Failure) in
                try await plugin.context.prompt(index, JSON.object(arguments).bytes)
            }
            guard let prompt = try? JSON(parsing: bytes), let messages = prompt["messages"], messages.arrayValue != nil
            else { throw broken(plugin, "rule P2: a prompt without messages") }
            return results.result(message.id, call) { writer in
                writer.optional("description", prompt["description"]?.stringValue)
                writer.key("messages")
                writer.value(messages)
            }
        }
        throw .invalidParams("There is no prompt of this name.")
    }

    private func resource(
        _ message: MCPMessage,
        _ plugins: [LoadedPlugin],
        _ call: CallID
    ) async throws(MCPError) -> Response {
        let uri = message.params["uri"]?.stringValue ?? ""
        for plugin in plugins {
            guard let index = plugin.resources.firstIndex(where: { $0.uri == uri }) else { continue }
            let resource = plugin.resources[index]
            let bytes = try await asking(plugin) { () async throws(LoadedPlugin.Failure) in
                try await plugin.context.resource(index)
            }
            var contents: JSONObject = ["uri": .string(uri), "mimeType": .string(resource.mediaType)]
            if resource.isText {
                contents["text"] = .string(String(decoding: bytes, as: UTF8.self))
            } else {
                contents["blob"] = .string(Base64.encode(bytes))
            }
            return results.result(message.id, call) { writer in
                writer.key("contents")
                writer.value([.object(contents)])
                MCPResults.writeCacheHints(&writer)
            }
        }
        throw MCPError(
            code: -32602,
            message: "There is no resource with this URI.",
            data: ["uri": .string(String(uri.prefix(512)))]
        )
    }

    private func asking(
        _ plugin: LoadedPlugin,
        _ ask: () async throws(LoadedPlugin.Failure) -> [UInt8]
    ) async throws(MCPError) -> [UInt8] {
        guard plugin.calls.begin() else { throw MCPError(code: -32603, message: "Ask again: it was just replaced.") }
        do throws(LoadedPlugin.Failure) {
            let bytes = try await ask()
            plugin.calls.end(hasFailed: false)
            return bytes
        } catch {
            plugin.calls.end(hasFailed: true)
            throw broken(plugin, error.reason)
        }
    }

    private func broken(_ plugin: LoadedPlugin, _ reason: String) -> MCPError {
        logger.error("a plugin could not be read", metadata: ["plugin": "\(plugin.id)", "reason": "\(reason)"])
        return MCPError(code: -32603, message: "The plugin that has this failed.")
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
}
