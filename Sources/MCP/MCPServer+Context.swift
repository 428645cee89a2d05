import Cryptography
import Gateway
import OrderedJSON

/// Prompts and resources: actions of the host's own (`ContextActions`) in the protocol's form.
extension MCPServer {
    func serveContext(
        _ exchange: Exchange,
        _ tell: (@Sendable ([UInt8]) -> Void)?
    ) async throws(MCPError) -> Answer {
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
            return try prompt(try await asking("prompts.get", arguments, exchange, tell), exchange)
        default: return try await resource(exchange, tell)
        }
    }

    /// Whether what a message reads may ask a person before.
    func asksFirst(_ message: Message) -> Bool {
        let plugins = registry.snapshot.arrangements.values.flatMap { [$0.live, $0.canary?.plugin] }.compactMap { $0 }
        switch message.method {
        case "prompts/get":
            guard let name = message.params["name"]?.stringValue else { return false }
            return plugins.contains { $0.askingPrompts.contains { $0.asks && $0.name == name } }
        case "resources/read":
            guard let uri = message.params["uri"]?.stringValue else { return false }
            return plugins.contains { $0.templates.contains { $0.asks && $0.uri.values(in: uri) != nil } }
        default: return false
        }
    }

    /// Asks an action that may ask its caller's person, and puts to them whatever it wants to know on the way.
    private func asking(
        _ name: String,
        _ arguments: JSONObject,
        _ exchange: Exchange,
        _ tell: (@Sendable ([UInt8]) -> Void)?
    ) async throws(MCPError) -> Action.Answer {
        guard let action = actions.action(name) else { throw .methodNotFound(exchange.message.method) }
        var call = exchange.action
        call.arguments = .success(.object(arguments))
        call.canBeAsked = exchange.canElicit(tell != nil)
        do throws(MCPError) {
            if !exchange.revision.hasHandshake { call.answer = try exchange.message.questionReply() }
        } catch {
            // Nobody has been asked yet who they are.
            try await admitted(exchange)
            var error = error
            error.isAboutAnswer = true
            throw error
        }
        var asked = 0
        while true {
            let reply = await pipeline.serve(action, call)
            guard case .success(.question(let question, let state)) = reply.result,
                let conversation = exchange.conversation, let tell
            else { return try answer(reply, exchange) }
            asked += question.parts.count
            let round = round(of: question, state, asked: asked)
            let heard = try await hear(round, in: conversation, exchange, tell)
            guard let heard else {
                throw .refusal(GatewayError(.deadlineExceeded, "Nobody has answered the question in time."))
            }
            (call.answer, call.recognized) = (heard, nil)
        }
    }

    private func answer(_ reply: ActionReply, _ exchange: Exchange) throws(MCPError) -> Action.Answer {
        switch reply.result {
        case .success(let answer): return answer
        case .failure(let error) where error.needsPerson: throw .needsPerson(error.message, exchange.revision)
        case .failure(let error) where error.isAboutCall: throw .wrongAnswer(error)
        case .failure(let error): throw .refusal(error)
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

    private func prompt(_ answer: Action.Answer, _ exchange: Exchange) throws(MCPError) -> Answer {
        if case .question(let question, let state) = answer {
            return try results.ask(question, state: state, exchange)
        }
        let prompt = try document(answer)
        return results.result(exchange) { writer in
            writer.optional("description", prompt["description"]?.stringValue)
            writer.key("messages")
            writer.value(prompt["messages"] ?? [])
        }
    }

    private func resource(
        _ exchange: Exchange,
        _ tell: (@Sendable ([UInt8]) -> Void)?
    ) async throws(MCPError) -> Answer {
        guard let uri = exchange.message.params["uri"]?.stringValue else {
            try await admitted(exchange)
            throw .invalidParams("uri must be text")
        }
        let answer = try await read(uri, exchange, tell)
        if case .question(let question, let state) = answer {
            return try results.ask(question, state: state, exchange)
        }
        let contents = try MCPServer.contents(answer, of: uri)
        return results.result(exchange) { writer in
            writer.key("contents")
            writer.value([contents])
            Results.writeCacheHints(exchange, &writer)
        }
    }

    /// What there is to read at a URI: one of the host's own, or a plugin's.
    private func read(
        _ uri: String,
        _ exchange: Exchange,
        _ tell: (@Sendable ([UInt8]) -> Void)?
    ) async throws(MCPError) -> Action.Answer {
        let own = actions.resource(uri)
        do throws(MCPError) {
            if let own { return try await ask(own.action.name, [own.argument: .string(own.value)], exchange) }
            return try await asking("resources.read", ["uri": .string(uri)], exchange, tell)
        } catch {
            let isMissing = error.cause == nil && error.code == -32602 && !error.isAboutAnswer
            throw isMissing ? .noResource(uri, exchange.revision) : error
        }
    }

    private static func contents(_ answer: Action.Answer, of uri: String) throws(MCPError) -> JSON {
        var contents: JSONObject = ["uri": .string(uri)]
        switch answer {
        case .data(let data, _, let beside):
            contents["mimeType"] = "application/json"
            let text = ReadableTimes.beside(ActionOutput.bytes(data, beside))
            contents["text"] = .string(String(decoding: text, as: UTF8.self))
        case .file(_, let mediaType, let bytes):
            contents["mimeType"] = .string(mediaType)
            if ResourceDescriptor.isText(mediaType) {
                contents["text"] = .string(String(decoding: bytes, as: UTF8.self))
            } else {
                contents["blob"] = .string(Base64.encode(bytes))
            }
        case .stream, .live, .question:
            throw .refusal(GatewayError(.notSupported, "A file that is made while it is read is read by REST."))
        }
        return .object(contents)
    }
}
