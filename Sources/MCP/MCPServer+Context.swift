import Cryptography
import Gateway
import OrderedJSON

/// Prompts and resources: those of the plugins of which the caller may use a tool.
extension MCPServer {
    func serveContext(_ exchange: Exchange, _ tools: [ToolRegistry.Entry]) async throws(MCPError) -> Answer {
        var plugins: [LoadedPlugin] = []
        for entry in tools where !plugins.contains(where: { $0 === entry.plugin }) { plugins.append(entry.plugin) }
        switch exchange.message.method {
        case "prompts/list":
            let prompts = plugins.flatMap(\.prompts).sorted { $0.name < $1.name }
            let page = try page(of: prompts, "prompts", exchange, name: \.name)
            return list("prompts", page.items.map { $0.document(in: exchange.revision) }, page.next, exchange)
        case "resources/list":
            let resources = plugins.flatMap(\.resources).sorted { $0.uri < $1.uri }
            let page = try page(of: resources, "resources", exchange, name: \.uri)
            return list("resources", page.items.map(\.document), page.next, exchange)
        case "resources/templates/list":
            let page = try page(of: [], "resourceTemplates", exchange) { (name: String) in name }
            return list("resourceTemplates", [], page.next, exchange)
        case "prompts/get": return try await prompt(exchange, plugins)
        default: return try await resource(exchange, plugins)
        }
    }

    private func list(_ name: String, _ items: [JSON], _ next: String?, _ exchange: Exchange) -> Answer {
        results.result(exchange) { writer in
            writer.key(name)
            writer.value(.array(items))
            writer.optional("nextCursor", next)
            Results.writeCacheHints(exchange, &writer)
        }
    }

    private func prompt(_ exchange: Exchange, _ plugins: [LoadedPlugin]) async throws(MCPError) -> Answer {
        let params = exchange.message.params
        let name = params["name"]?.stringValue
        for plugin in plugins {
            guard let index = plugin.prompts.firstIndex(where: { $0.name == name }) else { continue }
            let arguments = try MCPServer.arguments(of: plugin.prompts[index], in: params)
            let bytes = try await asking(plugin) { () async throws(LoadedPlugin.Failure) in
                try await plugin.context.prompt(index, JSON.object(arguments).bytes)
            }
            guard let prompt = try? JSON(parsing: bytes), let messages = prompt["messages"], messages.arrayValue != nil
            else { throw broken(plugin, "rule P2: a prompt without messages") }
            return results.result(exchange) { writer in
                writer.optional("description", prompt["description"]?.stringValue)
                writer.key("messages")
                writer.value(messages)
            }
        }
        throw .invalidParams("There is no prompt of this name.")
    }

    private static func arguments(of prompt: PromptDescriptor, in params: JSON) throws(MCPError) -> JSONObject {
        let given = params["arguments"]?.objectValue ?? JSONObject()
        var arguments = JSONObject()
        for argument in prompt.arguments {
            guard let value = given[argument.name]?.stringValue else {
                guard argument.isRequired else { continue }
                throw .invalidParams("arguments.\(argument.name): expected text")
            }
            if let expectation = PlainText.lines.expectation(for: value) {
                throw .invalidParams("arguments.\(argument.name): expected \(expectation)")
            }
            arguments[argument.name] = .string(value)
        }
        return arguments
    }

    private func resource(_ exchange: Exchange, _ plugins: [LoadedPlugin]) async throws(MCPError) -> Answer {
        guard let uri = exchange.message.params["uri"]?.stringValue else { throw .invalidParams("uri must be text") }
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
            return results.result(exchange) { writer in
                writer.key("contents")
                writer.value([.object(contents)])
                Results.writeCacheHints(exchange, &writer)
            }
        }
        throw .noResource(uri, exchange.revision)
    }

    private func asking(
        _ plugin: LoadedPlugin,
        _ ask: () async throws(LoadedPlugin.Failure) -> [UInt8]
    ) async throws(MCPError) -> [UInt8] {
        guard plugin.calls.begin() else {
            throw MCPError(code: -32603, message: "Ask again: it was just replaced.", status: 500)
        }
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
        return MCPError(code: -32603, message: "The plugin that has this failed.", status: 500)
    }
}

extension PromptDescriptor {
    fileprivate func document(in revision: Revision) -> JSON {
        var document: JSONObject = ["name": .string(name)]
        if revision.hasStructure { document["title"] = .string(title) }
        document["description"] = .string(summary)
        document["arguments"] = .array(
            arguments.map { argument in
                var object: JSONObject = ["name": .string(argument.name), "required": .bool(argument.isRequired)]
                object["description"] = argument.summary.map { .string($0) }
                return .object(object)
            }
        )
        return .object(document)
    }
}

extension ResourceDescriptor {
    fileprivate var document: JSON {
        var object: JSONObject = ["uri": .string(uri), "name": .string(name), "mimeType": .string(mediaType)]
        object["description"] = summary.map { .string($0) }
        return .object(object)
    }
}
