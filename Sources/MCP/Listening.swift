import Gateway
import OrderedJSON

/// What a client of 2026-07-28 listens to: lists that change, and resources of the host's own; and what a session of an
/// older revision is told beside its calls: lists that change, and pages that are decided.
///
/// It is told of while its credential lets it see them, which is asked anew each period.
package struct Listening: Sendable {
    /// Lists that may change.
    enum List: String, CaseIterable {
        case tools, prompts, resources

        /// The filter's member that asks for it.
        var member: String { rawValue + "ListChanged" }
    }

    /// What was asked for and is told of.
    struct Filter: Sendable {
        var lists: Set<List> = []
        /// Resources, and of each what is told of it.
        var subjects: [String: Subject] = [:]
        /// Tasks, and of each the same.
        var tasks: [String: Subject] = [:]

        /// As the acknowledgement repeats it.
        var document: JSON {
            var document = JSONObject()
            for list in List.allCases where lists.contains(list) { document[list.member] = true }
            let uris = subjects.keys.sorted().map { JSON.string($0) }
            if !uris.isEmpty { document["resourceSubscriptions"] = .array(uris) }
            let ids = tasks.keys.sorted().map { JSON.string($0) }
            if !ids.isEmpty { document["taskIds"] = .array(ids) }
            return .object(document)
        }
    }

    /// What the feed tells of something under, and by what it is read: who may read it no longer is told nothing of it.
    struct Subject: Sendable {
        let name: String
        let action: String
    }

    fileprivate static func isAsked(_ asked: JSON, _ list: List) throws(MCPError) -> Bool {
        guard let wish = asked[list.member], !wish.isNull else { return false }
        guard let isWanted = wish.boolValue else {
            throw .invalidParams("notifications.\(list.member): expected true or false")
        }
        return isWanted
    }

    fileprivate static func texts(_ asked: JSON, _ member: String, most: Int) throws(MCPError) -> [String] {
        guard let wish = asked[member], !wish.isNull else { return [] }
        let texts = wish.arrayValue?.compactMap(\.stringValue)
        guard let texts, texts.count == wish.arrayValue?.count, texts.count <= most else {
            throw .invalidParams("notifications.\(member): expected a list of at most \(most) texts")
        }
        return texts
    }

    /// What a caller sees of the lists, as far as it can be told apart.
    struct Sight: Sendable {
        let tools: [String]
        let plugins: [String]
        let actions: Int
        /// Who it is.
        let reader: Principal
        /// The actions by which they may read resources of the host's own.
        let reading: Set<String>
        /// Whether phones are shown to them.
        let showsPhones: Bool

        func differs(from other: Sight, in list: List) -> Bool {
            switch list {
            case .tools: tools != other.tools || actions != other.actions
            case .prompts, .resources: plugins != other.plugins
            }
        }

        /// Whether what is told may be told to them now.
        func isShown(_ event: FeedEvent) -> Bool {
            let account = event.payload["account"]?.stringValue.flatMap { AccountName($0) } ?? .main
            return reader.sees(madeBy: event.payload["made_by"]?.stringValue ?? "", account: account)
        }

        /// Whether something is among what happened, and they may read it.
        func isTold(of subject: Subject, among happened: Set<String>) -> Bool {
            happened.contains(subject.name) && reading.contains(subject.action)
        }
    }

    let server: MCPServer
    let exchange: Exchange
    let filter: Filter
    let events: AsyncStream<[FeedEvent]>
    let sight: Sight

    /// Tells what changes until the client goes, the gateway stops, or the credential no longer counts.
    ///
    /// - Parameter tell: Sends a message, or nothing but a sign of life where it is empty; it ends once that has left.
    /// - Throws: as `tell` does.
    package func run(_ tell: @Sendable ([UInt8]) async throws -> Void) async throws {
        // A session asked for nothing: all that it is told at once is that its stream is open.
        try await tell(
            isOfSession ? [] : notification("subscriptions/acknowledged", ["notifications": filter.document])
        )
        var (sight, silent, isRefused) = (sight, 0, false)
        for await news in events {
            guard let now = await server.sight(of: exchange, before: sight) else {
                isRefused = true
                break
            }
            var messages = List.allCases
                .filter { filter.lists.contains($0) && now.differs(from: sight, in: $0) }
                .map { notification($0.rawValue + "/list_changed", [:]) }
            sight = now
            let subjects = Set(news.filter { now.isShown($0) }.map(\.subject))
            for (uri, subject) in filter.subjects where now.isTold(of: subject, among: subjects) {
                messages.append(notification("resources/updated", ["uri": .string(uri)]))
            }
            for (id, subject) in filter.tasks where now.isTold(of: subject, among: subjects) {
                guard let task = await server.told(id, exchange) else { continue }
                let told = notification("tasks", task)
                messages.append(now.showsPhones ? told : shown(told, of: id))
            }
            messages += await endsOfErrands(news, now)
            silent = messages.isEmpty ? silent + 1 : 0
            if silent >= server.settings.silentMax {
                silent = 0
                messages.append([])
            }
            // Whether a session has ended stands in the store, which is not asked for nothing.
            if exchange.conversation != nil, !messages.isEmpty, await server.hasNoSession(exchange.caller) { break }
            for message in messages { try await tell(message) }
        }
        // Whoever reads too slowly has missed something: they are left without a result, which is only for a good end.
        guard !Task.isCancelled, !isOfSession, isRefused || server.news.hasEnded else { return }
        try await tell(server.results.ended(exchange))
    }

    /// What is told of a task without phones but for what is part of its id, as an answer to who asks about it is.
    private func shown(_ told: [UInt8], of id: String) -> [UInt8] {
        let asked = Message(id: exchange.message.id, method: "tasks/get", params: ["taskId": .string(id)])
        return PhoneSight(message: asked, fields: server.phoneSight(of: exchange).fields).masked(told) ?? told
    }

    private var isOfSession: Bool { exchange.revision.hasHandshake }

    private func notification(_ name: String, _ members: JSONObject) -> [UInt8] {
        if isOfSession {
            return JSON.object(["jsonrpc": "2.0", "method": .string("notifications/" + name)]).bytes
        }
        var params = members
        var meta = members["_meta"]?.objectValue ?? JSONObject()
        meta[Listening.key] = exchange.message.id
        params["_meta"] = .object(meta)
        return
            JSON.object([
                "jsonrpc": "2.0", "method": .string("notifications/" + name), "params": .object(params),
            ])
            .bytes
    }

    static let key = "io.modelcontextprotocol/subscriptionId"
    static let method = "subscriptions/listen"
}

extension MCPServer {
    /// What asking to listen leads to.
    package enum Opening: Sendable {
        /// It is refused.
        case refused(Answer)
        /// It begins.
        case opened(Listening)
    }

    /// Whether a request asks to listen, which is answered by a stream that lasts.
    package func isListening(_ exchange: Exchange) -> Bool {
        !exchange.revision.hasHandshake && exchange.message.method == Listening.method
    }

    /// Begins to listen.
    package func open(_ exchange: Exchange) async -> Opening {
        do throws(MCPError) { return .opened(try await subscription(exchange)) } catch {
            return .refused(results.error(error, id: exchange.message.id, in: exchange.revision))
        }
    }

    /// Begins to tell a session what it is told beside its calls; nil where the caller names no session.
    ///
    /// The newest revision has no such stream, whatever else is said.
    package func openStream(of caller: Caller, call: CallID) async -> Opening? {
        guard MCPServer.namesSession(caller) else { return nil }
        do throws(MCPError) {
            let conversation = try await conversation(of: caller)
            let message = Message(id: .null, method: "", params: .object(JSONObject()))
            var exchange = Exchange(message: message, revision: conversation.revision, caller: caller, call: call)
            exchange.conversation = conversation
            return .opened(try await told(exchange))
        } catch { return .refused(await refuse(error, id: nil, caller, call)) }
    }

    /// What a client of an older revision is told that has a stream.
    func told(_ exchange: Exchange) async throws(MCPError) -> Listening {
        var filter = Listening.Filter()
        filter.lists = Set(Listening.List.allCases)
        let (events, sight) = try await begin(exchange)
        return Listening(server: self, exchange: exchange, filter: filter, events: events, sight: sight)
    }

    private func subscription(_ exchange: Exchange) async throws(MCPError) -> Listening {
        guard let asked = exchange.message.params["notifications"], asked.objectValue != nil else {
            try await admitted(exchange)
            throw .invalidParams("notifications must be an object")
        }
        var filter = Listening.Filter()
        let uris: [String]
        let ids: [String]
        do throws(MCPError) {
            for list in Listening.List.allCases where try Listening.isAsked(asked, list) { filter.lists.insert(list) }
            uris = try Listening.texts(asked, "resourceSubscriptions", most: settings.urisMax)
            ids = try Listening.texts(asked, "taskIds", most: settings.tasksMax)
        } catch {
            // Nobody has been asked yet who they are.
            try await admitted(exchange)
            throw error
        }
        let (events, sight) = try await begin(exchange)
        // What cannot be read is not told of: it is left out of what is acknowledged.
        for uri in uris { filter.subjects[uri] = try await subject(of: uri, exchange) }
        for id in ids where exchange.takesTasks && named(id) != nil {
            filter.tasks[id] = try await subject(of: ActionResource.scheme + id, exchange)
        }
        return Listening(server: self, exchange: exchange, filter: filter, events: events, sight: sight)
    }

    /// Listens before anything is looked at, so that nothing is missed in between.
    private func begin(
        _ exchange: Exchange
    ) async throws(MCPError) -> (events: AsyncStream<[FeedEvent]>, sight: Listening.Sight) {
        do throws(GatewayError) {
            return try await pipeline.perform(.listen, exchange.action) { principal, membership throws(GatewayError) in
                (try news.listen(to: principal.organization), sight(of: principal, membership))
            }
        } catch { throw .refusal(error) }
    }

    /// What the feed tells of a resource under; nil where the caller cannot read it.
    private func subject(of uri: String, _ exchange: Exchange) async throws(MCPError) -> Listening.Subject? {
        guard let own = actions.resource(uri), let place = own.action.resource?.subject else { return nil }
        do throws(MCPError) {
            let answer = try await ask(own.action.name, [own.argument: .string(own.value)], exchange)
            let name = try document(answer).value(at: place)?.stringValue
            return name.map { Listening.Subject(name: $0, action: own.action.name) }
        } catch {
            if error.code == -32602 || error.status == 403 { return nil }
            throw error
        }
    }

    /// A task as whoever listens is told it; nil where it cannot be looked at now, and is asked for later.
    func told(_ id: String, _ exchange: Exchange) async -> JSONObject? {
        do throws(MCPError) {
            let task = try await task(id, exchange)
            var document = task.document(pollEvery: settings.taskPollEvery)
            document["_meta"] = .object(task.marks.document)
            return document
        } catch { return nil }
    }

    /// What a caller sees now, or saw before where nobody can say; nil where the credential no longer counts.
    func sight(of exchange: Exchange, before: Listening.Sight) async -> Listening.Sight? {
        let caller = exchange.caller
        do throws(GatewayError) {
            let (principal, membership) = try await pipeline.standing(
                of: caller.credential,
                environment: caller.environment,
                address: caller.address,
                at: .mcp
            )
            return sight(of: principal, membership)
        } catch {
            switch error.code {
            case .unauthenticated, .permissionDenied, .organizationSuspended, .notFound: return nil
            default: return before
            }
        }
    }

    private func sight(of principal: Principal, _ membership: DirectoryCache.Membership) -> Listening.Sight {
        let tools = pipeline.view(for: principal, membership).tools
        let may = pipeline.view(of: actions, for: principal, membership)
        return Listening.Sight(
            tools: tools.map { "\($0.tool.name) \($0.plugin.digest)" },
            plugins: Set(tools.map { "\($0.plugin.id) \($0.plugin.digest)" }).sorted(),
            actions: may.id,
            reader: principal,
            reading: Set(may.actions.filter { $0.resource != nil }.map(\.name)),
            showsPhones: principal.showsPhones
        )
    }
}
