import Cryptography
import Gateway
import OrderedJSON

/// Prompts and resources: actions of the host's own (`ContextActions`) in the protocol's form.
extension MCPServer {
    func serveContext(_ exchange: Exchange) async throws(MCPError) -> Answer {
        let params = exchange.message.params
        switch exchange.message.method {
        case "prompts/list":
            return try await list("prompts", "prompts.list", exchange, name: "name") { item in
                exchange.revision.hasStructure ? item : item.removing([JSONPointer(tokens: ["title"])])
            }
        case "resources/list": return try await list("resources", "resources.list", exchange, name: "uri") { $0 }
        case "resources/templates/list": return try await listTemplates(exchange)
        case "prompts/get":
            var arguments: JSONObject = ["name": params["name"] ?? .null]
            // What is no text is no argument of a prompt's.
            let texts = (params["arguments"]?.objectValue ?? JSONObject()).filter { $0.value.stringValue != nil }
            arguments["arguments"] = .object(JSONObject(texts.map { ($0.key, $0.value) }))
            return prompt(try document(await ask("prompts.get", arguments, exchange)), exchange)
        default: return try await resource(exchange)
        }
    }

    /// Asks an action, as every door does.
    func ask(
        _ name: String,
        _ arguments: JSONObject,
        _ exchange: Exchange
    ) async throws(MCPError) -> Action.Answer { try answer(await reply(name, arguments, exchange)) }

    /// The same, with all that is answered.
    func reply(
        _ name: String,
        _ arguments: JSONObject,
        _ exchange: Exchange
    ) async throws(MCPError) -> ActionReply {
        guard let action = actions.action(name) else { throw .methodNotFound(exchange.message.method) }
        var call = exchange.action
        call.arguments = .success(.object(arguments))
        return await pipeline.serve(action, call)
    }

    func answer(_ reply: ActionReply) throws(MCPError) -> Action.Answer {
        switch reply.result {
        case .success(let answer): return answer
        case .failure(let error): throw .refusal(error)
        }
    }

    func document(_ answer: Action.Answer) throws(MCPError) -> JSON {
        guard case .data(let bytes, _, _) = answer, let document = try? JSON(parsing: bytes) else {
            throw .refusal(.fault("an action answered no document"))
        }
        return document
    }

    private func list(
        _ list: String,
        _ action: String,
        _ exchange: Exchange,
        name: String,
        _ shown: (JSON) -> JSON
    ) async throws(MCPError) -> Answer {
        let items = try document(await ask(action, [:], exchange)).arrayValue ?? []
        let page = try page(of: items, list, exchange) { $0[name]?.stringValue ?? "" }
        return self.list(list, page.items.map(shown), page.next, exchange)
    }

    func list(_ name: String, _ items: [JSON], _ next: String?, _ exchange: Exchange) -> Answer {
        results.result(exchange) { writer in
            writer.key(name)
            writer.value(.array(items))
            writer.optional("nextCursor", next)
            Results.writeCacheHints(exchange, &writer)
        }
    }

    private func prompt(_ prompt: JSON, _ exchange: Exchange) -> Answer {
        results.result(exchange) { writer in
            writer.optional("description", prompt["description"]?.stringValue)
            writer.key("messages")
            writer.value(prompt["messages"] ?? [])
        }
    }

    private func resource(_ exchange: Exchange) async throws(MCPError) -> Answer {
        guard let uri = exchange.message.params["uri"]?.stringValue else {
            try await admitted(exchange)
            throw .invalidParams("uri must be text")
        }
        let contents = try await contents(of: uri, exchange)
        return results.result(exchange) { writer in
            writer.key("contents")
            writer.value([contents])
            Results.writeCacheHints(exchange, &writer)
        }
    }

    /// What there is to read at a URI: one of the host's own, or a plugin's.
    private func contents(of uri: String, _ exchange: Exchange) async throws(MCPError) -> JSON {
        let own = actions.resource(uri)
        let answer: Action.Answer
        do throws(MCPError) {
            if let own {
                answer = try await ask(own.action.name, [own.argument: .string(own.value)], exchange)
            } else {
                answer = try await ask("resources.read", ["uri": .string(uri)], exchange)
            }
        } catch {
            throw error.cause == nil && error.code == -32602 ? .noResource(uri, exchange.revision) : error
        }
        var contents: JSONObject = ["uri": .string(uri)]
        switch answer {
        case .data(let data, _, let beside):
            contents["mimeType"] = "application/json"
            contents["text"] = .string(String(decoding: ActionOutput.bytes(data, beside), as: UTF8.self))
        case .file(_, let mediaType, let bytes):
            contents["mimeType"] = .string(mediaType)
            if ResourceDescriptor.isText(mediaType) {
                contents["text"] = .string(String(decoding: bytes, as: UTF8.self))
            } else {
                contents["blob"] = .string(Base64.encode(bytes))
            }
        case .stream, .live:
            throw .refusal(GatewayError(.notSupported, "A file that is made while it is read is read by REST."))
        }
        return .object(contents)
    }
}
