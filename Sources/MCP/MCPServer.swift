import Gateway
import Logging
import OrderedJSON
import Synchronization

/// The Model Context Protocol: a message in, a message out.
///
/// Stateless in every revision: a request is whole in itself, or says nothing that would have to be remembered.
/// Transports stand around it; they bring the credential and the header, and pass on what is answered.
///
/// A request is looked at in the ladder's order: credential, JSON, envelope, `_meta`, headers, version, headers that
/// repeat arguments, method. The credential of a request that is in order is looked at once, by the stage that serves
/// it; whoever is refused on the way is first asked who they are. What goes wrong in a tool is a result that says so.
package final class MCPServer: Sendable {
    /// What bounds the server.
    package struct Settings: Sendable {
        /// So many tools, prompts or resources are one page of their list.
        ///
        /// Default 100.
        package var pageItemsMax = 100
        /// So many messages may come as one, where the revision has batches.
        ///
        /// Default 50.
        package var batchMax = 50
        /// So many resources one subscription may name.
        ///
        /// Default 50.
        package var urisMax = 50
        /// How soon a client is told to ask again about a task that goes on.
        ///
        /// Default 5 s.
        package var taskPollEvery: Duration = .seconds(5)
        /// So many tasks one subscription may name.
        ///
        /// Default 50.
        package var tasksMax = 50
        /// After so many periods without a message a subscription shows a sign of life.
        ///
        /// Default 15, of a second each.
        package var silentMax = 15
        /// Whether whoever calls in person may be led to the host's page, there to confirm what they ask for.
        ///
        /// Default off: it must be reached by https, or on this machine.
        package var leadsToPages = false
        /// Whether a stream and an address for its messages are served, as 2024-11-05 had them.
        ///
        /// Default off: such a client's messages must all come to one host.
        package var servesPairs = false
        /// So many requests of one such stream may be under way.
        ///
        /// Default 32.
        package var pairCallsMax = 32
        /// So many messages may wait for the client of one; past that it loses the stream.
        ///
        /// Default 256.
        package var pairMessagesMax = 256
        /// So many bytes of them may wait, but for one message that is longer and waits alone.
        ///
        /// Default 8 MiB.
        package var pairBytesMax = 8 << 20
        /// How long a message is that lists no payments; one that does is as long as the door lets in.
        ///
        /// Default 1 MiB.
        package var messageBytesMax = 1 << 20

        /// The defaults.
        package init() {}
    }

    /// What a body leads to.
    package enum Step: Sendable {
        /// It is answered.
        case answered(Answer)
        /// A request in order, to be answered.
        case request(Exchange)
    }

    let pipeline: Pipeline
    let registry: ToolRegistry
    let actions: ActionRegistry
    let news: FeedNews
    let conversations: Conversations
    let results: Results
    let settings: Settings
    let logger: Logger
    package let listing = ToolList()
    let calls = CallsUnderWay()
    let pairs = Mutex<[Identifier: StreamPair]>([:])
    let newCall: @Sendable () -> CallID

    /// Makes a server of a version; `newCall` names the messages of a batch.
    package init(
        pipeline: Pipeline,
        registry: ToolRegistry,
        actions: ActionRegistry,
        news: FeedNews,
        conversations: Conversations,
        version: String,
        settings: Settings = Settings(),
        newCall: @escaping @Sendable () -> CallID,
        logger: Logger
    ) {
        self.pipeline = pipeline
        self.registry = registry
        self.actions = actions
        self.news = news
        self.conversations = conversations
        self.settings = settings
        self.newCall = newCall
        self.logger = logger
        results = Results(version: version)
    }

    // MARK: Reading

    /// Reads a body up to the method.
    package func read(_ body: [UInt8], from caller: Caller, call: CallID) async -> Step {
        await read(body, from: caller, call: call, beside: nil)
    }

    /// The same of a message that comes beside a stream.
    func read(_ body: [UInt8], from caller: Caller, call: CallID, beside pair: Identifier?) async -> Step {
        let json: JSON
        do { json = try JSON(parsing: body) } catch {
            return .answered(await refuse(.parse(error.description), id: nil, caller, call))
        }
        guard body.count <= settings.messageBytesMax || listsItems(json) else {
            let error = GatewayError(.tooLarge, "The body is larger than \(settings.messageBytesMax) bytes.")
            return .answered(await refuse(.refusal(error), id: nil, caller, call))
        }
        if let elements = json.arrayValue { return .answered(await batch(elements, caller, call)) }
        return await read(json, caller, call, beside: pair)
    }

    /// Whether a message calls what takes many payments at once.
    private func listsItems(_ json: JSON) -> Bool {
        guard json["method"] == "tools/call", let name = json["params"]?["name"]?.stringValue else { return false }
        return registry.snapshot.tool(name)?.items != nil || actions.tool(name)?.file != nil
    }

    func read(
        _ json: JSON,
        _ caller: Caller,
        _ call: CallID,
        beside pair: Identifier? = nil
    ) async -> Step {
        var revision: Revision?
        var known: Recognized?
        do throws(Message.Refusal) {
            let message: Message
            switch try Message.read(json) {
            case .request(let request): message = request
            case .notification(let told): return .answered(await take(told, caller, call, beside: pair))
            case .reply(let reply): return .answered(await hear(reply, caller, call))
            }
            do throws(MCPError) {
                let found = try Ladder.revision(of: message, caller.headers)
                revision = found
                if found.hasHandshake { try message.checkMeta(found) }
                var alone = Exchange(message: message, revision: found, caller: caller, call: call)
                if namesSession(alone) || repeatsArguments(alone) {
                    known = await recognize(caller)
                    alone.recognized = known
                }
                let exchange = try await joined(alone)
                try await checkParameters(of: exchange)
                return .request(exchange)
            } catch {
                throw Message.Refusal(message.id, error)
            }
        } catch {
            return .answered(await refuse(error.error, id: error.id, caller, call, in: revision, known))
        }
    }

    /// Refuses a message that a transport could not read whole.
    package func refuse(_ error: GatewayError, _ caller: Caller, call: CallID) async -> Answer {
        await refuse(.refusal(error), id: nil, caller, call)
    }

    /// A refusal in the protocol's form, where nobody's credential was or will be looked at.
    package func answer(refusing error: GatewayError) -> Answer { results.error(.refusal(error), id: nil) }

    /// A stranger learns of nothing else that is wrong.
    func refuse(
        _ error: MCPError,
        id: JSON?,
        _ caller: Caller,
        _ call: CallID,
        in revision: Revision? = nil,
        _ known: Recognized? = nil
    ) async -> Answer {
        do throws(GatewayError) { try await admit(caller, call, known) } catch {
            return results.error(.refusal(error), id: id)
        }
        return results.error(error, id: id, in: revision)
    }

    /// Takes what nothing follows from, of somebody who may call.
    func admitting(_ caller: Caller, _ call: CallID) async -> Answer {
        do throws(GatewayError) { try await admit(caller, call) } catch {
            return results.error(.refusal(error), id: nil)
        }
        return .taken
    }

    func admit(
        _ caller: Caller,
        _ call: CallID,
        _ known: Recognized? = nil
    ) async throws(GatewayError) {
        var action = ActionCall(
            id: call,
            door: .mcp,
            credential: caller.credential,
            environment: caller.environment,
            address: caller.address
        )
        action.recognized = known
        try await pipeline.admit(action)
    }

    /// Who sends a message: looked for once, and handed on to all that the message asks for.
    func recognize(_ caller: Caller) async -> Recognized {
        await pipeline.recognize(caller.credential, environment: caller.environment, address: caller.address, at: .mcp)
    }

    // MARK: Answering

    /// Whether a request may be told about before it is answered.
    package func tellsProgress(of exchange: Exchange) -> Bool {
        guard exchange.message.method == "tools/call" else {
            return exchange.conversation != nil && asksFirst(exchange.message)
        }
        let tool = registry.snapshot.tool(exchange.message.params["name"]?.stringValue ?? "")
        guard let tool else { return false }
        // A payment may be one that whoever asks for it must confirm.
        if exchange.conversation != nil, tool.asks || tool.annotations.movesMoney { return true }
        // A function tool says how far it is; of what is begun with M-Pesa is told how long it is waited for.
        return exchange.message.progressToken != nil && (tool.kind == .function || tool.kind.begins)
    }

    /// Answers a request; `tell` hears messages about it before that.
    ///
    /// One that its client gives up is answered nothing.
    package func answer(_ exchange: Exchange, telling tell: (@Sendable ([UInt8]) -> Void)? = nil) async -> Answer {
        guard let name = name(of: exchange) else { return await wholeAnswer(exchange, tell) }
        var exchange = exchange
        exchange.standing = exchange.conversation.flatMap { conversations.standing(name, in: $0) }
        let call = exchange
        return await calls.run(name, standing: call.standing) { [self] in await wholeAnswer(call, tell) } ?? .taken
    }

    private func wholeAnswer(_ exchange: Exchange, _ tell: (@Sendable ([UInt8]) -> Void)?) async -> Answer {
        guard MCPServer.tells(exchange.message) else { return await plainAnswer(exchange, tell) }
        var exchange = exchange
        let known: Recognized
        if let found = exchange.recognized { known = found } else { known = await recognize(exchange.caller) }
        exchange.recognized = known
        let sight = phoneSight(of: exchange)
        guard let tell else {
            var answer = await plainAnswer(exchange, nil)
            // Who it is matters only where there is something to hide.
            guard let masked = sight.masked(answer.body), await !showsPhones(to: known) else { return answer }
            answer.body = masked
            return answer
        }
        guard await !showsPhones(to: known) else { return await plainAnswer(exchange, tell) }
        var answer = await plainAnswer(exchange) { tell(sight.masked($0) ?? $0) }
        answer.body = sight.masked(answer.body) ?? answer.body
        return answer
    }

    private func plainAnswer(_ exchange: Exchange, _ tell: (@Sendable ([UInt8]) -> Void)?) async -> Answer {
        do throws(MCPError) { return try await dispatch(exchange, tell) } catch {
            return results.error(error, id: exchange.message.id, in: exchange.revision)
        }
    }

    private func dispatch(
        _ exchange: Exchange,
        _ tell: (@Sendable ([UInt8]) -> Void)?
    ) async throws(MCPError) -> Answer {
        switch (exchange.message.method, exchange.revision.hasHandshake) {
        case ("tools/call", _):
            if let name = exchange.message.params["name"]?.stringValue, let action = actions.tool(name) {
                return try await call(action, exchange)
            }
            return try await callTool(exchange, tell)
        case ("tools/list", _): return try await listTools(exchange)
        case ("prompts/list", _), ("prompts/get", _), ("resources/list", _), ("resources/read", _),
            ("resources/templates/list", _):
            return try await serveContext(exchange, tell)
        case ("completion/complete", _): return try await complete(exchange)
        case ("tasks/get", false), ("tasks/update", false), ("tasks/cancel", false):
            return try await serveTask(exchange)
        case (Listening.method, false):
            // A door that can keep a stream open has opened one.
            try await admitted(exchange)
            throw .refusal(GatewayError(.notSupported, "Accept must name text/event-stream."))
        case ("server/discover", false):
            return try await perform(.discover, exchange) { _, _ throws(MCPError) in discovered(exchange) }
        case ("initialize", true):
            return try await perform(.discover, exchange) { principal, _ throws(MCPError) in
                let session = try session(exchange, for: principal)
                return results.initialized(exchange, instructions: MCPServer.instructions, session: session)
            }
        case ("ping", true):
            try await admitted(exchange)
            return results.result(exchange) { _ in }
        default:
            try await admitted(exchange)
            throw .methodNotFound(exchange.message.method)
        }
    }

    func admitted(_ exchange: Exchange) async throws(MCPError) {
        do throws(GatewayError) { try await pipeline.admit(exchange.action) } catch { throw .refusal(error) }
    }

    private func listTools(_ exchange: Exchange) async throws(MCPError) -> Answer {
        try await perform(.listTools, exchange) { principal, membership throws(MCPError) in
            let view = pipeline.view(for: principal, membership)
            let may = pipeline.view(of: actions, for: principal, membership)
            let isPlural: Bool
            do throws(GatewayError) { isPlural = try await pipeline.accounts(of: principal).isPlural } catch {
                throw .refusal(error)
            }
            let isFirst = exchange.message.params["cursor"] == nil
            let look = ToolList.Look(exchange.revision, amongAccounts: isPlural, in: principal.environment)
            let text = try listing.page(of: view, may, in: look, isFirst: isFirst) {
                () throws(MCPError) in
                let offered = may.actions.filter { $0.tool != nil }
                let tools = view.tools.filter { entry in !offered.contains { $0.tool == entry.tool.name } }
                let all = (tools.map(ToolList.Item.tool) + offered.map(ToolList.Item.action))
                    .sorted { $0.name < $1.name }
                let page = try page(of: all, "tools", exchange, name: \.name)
                return ShownTexts.Text(listing.json(of: page.items, in: look), next: page.next)
            }
            return results.result(exchange) { writer in
                writer.key("tools")
                writer.raw(text.bytes)
                writer.optional("nextCursor", text.next)
                Results.writeCacheHints(exchange, &writer)
            }
        }
    }

    func page<Item>(
        of items: [Item],
        _ list: String,
        _ exchange: Exchange,
        name: (Item) -> String
    ) throws(MCPError) -> Page<Item> {
        let cursor = exchange.message.params["cursor"]
        return try Page(of: items, list, after: cursor, itemsMax: settings.pageItemsMax, name: name)
    }

    private func discovered(_ exchange: Exchange) -> Answer {
        results.result(exchange) { writer in
            writer.key("supportedVersions")
            writer.value(.array(Revision.served.map { .string($0) }))
            writer.key("capabilities")
            writer.value(Results.capabilities(in: exchange.revision))
            writer.key("instructions")
            writer.string(MCPServer.instructions)
            Results.writeCacheHints(exchange, &writer)
        }
    }

    /// Does what is no tool.
    func perform(
        _ action: ActionRules,
        _ exchange: Exchange,
        _ work: (Principal, DirectoryCache.Membership) async throws(MCPError) -> Answer
    ) async throws(MCPError) -> Answer {
        var refusal: MCPError?
        do throws(GatewayError) {
            return try await pipeline.perform(action, exchange.action) { principal, membership throws(GatewayError) in
                do throws(MCPError) { return try await work(principal, membership) } catch {
                    // Told as it is; the audit hears only that it failed.
                    refusal = error
                    throw GatewayError(error.code == -32603 ? .pluginFailed : .invalidArgument, error.message)
                }
            }
        } catch {
            throw refusal ?? .refusal(error)
        }
    }
}
