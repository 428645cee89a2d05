import Gateway
import OrderedJSON
import Synchronization

/// MCP over standard input and output, in front of a gateway that is spoken to by HTTP.
///
/// A line in is a message, and becomes one POST with the header that its revision wants; what is answered becomes a line
/// out. Nothing is decided here: the gateway checks, limits and audits each message as if it had come by itself. Both
/// eras may come in turn: a request of 2026-07-28 says so itself, another is of the revision that the handshake ended
/// with.
package final class StdioBridge: Sendable {
    /// What bounds the bridge.
    package struct Settings: Sendable {
        /// The longest line that is read.
        ///
        /// Default 4 MiB, which is a gateway's own bound of a body that lists payments.
        package var lineBytesMax = 4 << 20
        /// So many requests at once; more are refused.
        ///
        /// Default 32.
        package var requestsMax = 32
        /// The longest message that is passed on; how many come in a stream is not bounded.
        ///
        /// Default 16 MiB.
        package var answerBytesMax = 16 << 20
        /// So many pages of tools are read to learn which arguments stand in headers.
        ///
        /// Default 100.
        package var pagesMax = 100

        /// The defaults.
        package init() {}
    }

    /// One request to the gateway.
    package struct Post: Sendable {
        /// The fields of its header, without the credential.
        package let headers: [(name: String, value: String)]
        /// The message.
        package let body: [UInt8]
    }

    /// What is known after a request.
    package enum Outcome: Sendable, Equatable {
        /// A whole answer, with HTTP's status.
        case answered(Int)
        /// Nothing left.
        case notSent(String)
        /// It left, or may have, and no whole answer came.
        case unknown(String)
    }

    /// Sends a request, until its task is cancelled; the second argument hears the answer's body as it comes.
    package typealias Sender = @Sendable (Post, @escaping @Sendable ([UInt8]) -> Void) async -> Outcome

    private struct State {
        /// What the handshake ended with.
        var version: String?
        /// The session that began with it, where one did.
        var session: String?
        /// What that session began with, to begin another once it is over.
        var opening: Post?
        /// While another begins: one for all that wait for it.
        var renewal: Task<Void, Never>?
        /// The handshake, while it is under way and after: what comes behind it is of the revision that it ends with.
        var handshake: Task<Void, Never>?
        /// By the message's id; those that have none are numbered.
        var running: [JSON: Task<Void, Never>] = [:]
        /// The ids of those that last as long as anybody reads.
        var listening: Set<JSON> = []
        /// Whether nothing more is read.
        var hasEnded = false
        var numbered: Int64 = 0
        /// Which arguments of a tool stand in headers, once that had to be learned.
        var parameters: [String: [HeaderParameter]] = [:]
    }

    let settings: Settings
    private let send: Sender
    private let write: @Sendable ([UInt8]) -> Void
    private let state = Mutex(State())

    /// Makes a bridge; `write` takes each message that goes out, without a line's end.
    package init(
        settings: Settings = Settings(),
        send: @escaping Sender,
        write: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.settings = settings
        self.send = send
        self.write = write
    }

    // MARK: Lines

    /// Takes a line; what comes of it is written when it has come.
    package func take(_ line: LineSplitter.Line) {
        guard case .whole(let bytes) = line else {
            return refuse(.invalidRequest("a line is longer than \(settings.lineBytesMax) bytes"), id: nil)
        }
        let json: JSON
        do { json = try JSON(parsing: bytes) } catch { return refuse(.parse(error.description), id: nil) }
        if json.arrayValue != nil { return takeBatch(bytes) }
        let incoming: Message.Incoming
        do throws(Message.Refusal) { incoming = try Message.read(json) } catch {
            return refuse(error.error, id: error.id)
        }
        switch incoming {
        case .request(let message):
            let isHandshake = message.method == "initialize"
            begin(id: message.id, isHandshake: isHandshake, isListening: message.method == Listening.method) {
                if !isHandshake, message.statedVersion == nil { await self.handshake?.value }
                await self.serve(message, bytes)
            }
        // Of all notifications only this one has a meaning here; the gateway has none that it would act on.
        case .reply: takeReply(bytes)
        case .notification(let told):
            if told.method == "notifications/cancelled" { cancel(told.params["requestId"]) }
        }
    }

    private func takeBatch(_ bytes: [UInt8]) {
        begin(id: ["batch": .integer(nextNumber())]) {
            await self.handshake?.value
            let (outcome, reply) = await self.post(bytes, self.fields([], version: self.version))
            self.finish(nil, outcome, reply)
        }
    }

    /// Passes on what a person answered; nothing is answered to that.
    private func takeReply(_ bytes: [UInt8]) {
        begin(id: ["reply": .integer(nextNumber())], isReply: true) {
            await self.handshake?.value
            _ = await self.post(bytes, self.fields([], version: self.version))
        }
    }

    private func nextNumber() -> Int64 {
        state.withLock { state in
            state.numbered += 1
            return state.numbered
        }
    }

    /// Ends what still runs once its time is over; whoever listens, who would do so for ever, at once.
    package func end(within wait: Duration) async {
        let (running, listening) = state.withLock { state in
            state.hasEnded = true
            return (Array(state.running.values), state.listening.compactMap { state.running[$0] })
        }
        guard !running.isEmpty else { return }
        for task in listening { task.cancel() }
        let clock = Task {
            do { try await Task.sleep(for: wait) } catch { return }
            for task in running { task.cancel() }
            self.state.withLock { $0.renewal }?.cancel()
        }
        for task in running { await task.value }
        clock.cancel()
    }

    private func begin(
        id: JSON,
        isHandshake: Bool = false,
        isReply: Bool = false,
        isListening: Bool = false,
        _ work: @escaping @Sendable () async -> Void
    ) {
        let refusal: MCPError? = state.withLock { state in
            guard state.running[id] == nil else { return .invalidRequest("a request of this id is under way") }
            // What others wait for finds room of its own.
            let roomMax = isReply ? 2 * settings.requestsMax : settings.requestsMax
            guard state.running.count < roomMax else {
                let most = settings.requestsMax
                return MCPError(code: -32603, message: "\(most) requests are under way. Wait for one of them to end.")
            }
            let task = Task {
                await work()
                self.state.withLock { state in
                    state.running[id] = nil
                    state.listening.remove(id)
                }
            }
            state.running[id] = task
            if isListening { state.listening.insert(id) }
            if isHandshake { state.handshake = task }
            return nil
        }
        if let refusal, !isReply { refuse(refusal, id: id.objectValue == nil ? id : nil) }
    }

    private func cancel(_ id: JSON?) {
        guard let id else { return }
        state.withLock { $0.running[id] }?.cancel()
    }

    private var version: String? { state.withLock { $0.version } }
    private var handshake: Task<Void, Never>? { state.withLock { $0.handshake } }

    // MARK: Requests

    private func serve(_ message: Message, _ bytes: [UInt8]) async {
        let sent = fields(of: message)
        var (outcome, reply) = await post(bytes, sent)
        // A session lasts for hours, a bridge for days. The refusal came before anything ran.
        if outcome == .answered(404), reply?["error"]?["code"]?.integerValue == Int64(MCPError.noSession.code),
            let session = sent.first(where: { $0.name == Exchange.sessionHeader })?.value, await renew(session)
        {
            (outcome, reply) = await post(bytes, fields(of: message))
        }
        // Which arguments stand in headers only the list of tools tells; the refusal came before anything ran.
        if reply?["error"]?["code"]?.integerValue == -32020, await learn(message) {
            (outcome, reply) = await post(bytes, fields(of: message))
        }
        if message.method == "initialize" { note(reply, of: Post(headers: sent, body: bytes)) }
        finish(message.id, outcome, reply, isListening: message.method == Listening.method)
    }

    /// Notes what a handshake ended with.
    private func note(_ reply: JSON?, of opening: Post) {
        guard let version = reply?["result"]?["protocolVersion"]?.stringValue else { return }
        let session = reply?["result"]?["_meta"]?[Marks.sessionKey]?.stringValue
        state.withLock { ($0.version, $0.session, $0.opening) = (version, session, opening) }
    }

    /// Begins another session in the place of one that is over, by the same handshake.
    ///
    /// - Returns: Whether there is another now.
    private func renew(_ session: String) async -> Bool {
        let renewal: Task<Void, Never>? = state.withLock { state in
            guard state.session == session, let opening = state.opening else { return nil }
            if let renewal = state.renewal { return renewal }
            let renewal = Task {
                let (_, reply) = await self.post(opening.body, opening.headers)
                self.note(reply, of: opening)
                self.state.withLock { $0.renewal = nil }
            }
            state.renewal = renewal
            return renewal
        }
        await renewal?.value
        return state.withLock { $0.session != nil && $0.session != session }
    }

    /// Sends a message; what is told about it before its answer is written as it comes.
    private func post(
        _ body: [UInt8],
        _ headers: [(name: String, value: String)]
    ) async -> (Outcome, JSON?) {
        let reader = EventReader(bytesMax: settings.answerBytesMax, tell: write)
        let outcome = await send(Post(headers: headers, body: body)) { reader.take($0) }
        let reply = reader.reply()
        guard reply == nil, reader.isTooLong else { return (outcome, reply) }
        return (.unknown("the answer is longer than \(settings.answerBytesMax) bytes"), nil)
    }

    private func finish(_ id: JSON?, _ outcome: Outcome, _ reply: JSON?, isListening: Bool = false) {
        if Task.isCancelled {
            // Who has given a request up wants no answer to it; what ends with the input ends well.
            guard isListening, let id, state.withLock({ $0.hasEnded }) else { return }
            let result: JSON = ["resultType": "complete", "_meta": [Listening.key: id]]
            return write(JSON.object(["jsonrpc": "2.0", "id": id, "result": result]).bytes)
        }
        switch outcome {
        case .answered(202) where id == nil: return
        case .answered(let status):
            guard var reply, reply.arrayValue != nil || reply["result"] != nil || reply["error"] != nil else {
                return refuse(StdioBridge.fault("The gateway answered HTTP \(status) and no message."), id: id)
            }
            if reply["id"] == nil, let id, var members = reply.objectValue {
                // It refused the request before it had read it.
                members["id"] = id
                reply = .object(members)
            }
            write(reply.bytes)
        case .notSent(let reason):
            refuse(StdioBridge.fault("The gateway was not reached, and nothing was sent: \(reason)."), id: id)
        case .unknown(let reason):
            let advice =
                isListening
                ? "Read again what you listened to, and listen anew."
                : "It may have been begun: ask for it with the same idempotency_key."
            refuse(StdioBridge.fault("No answer came from the gateway: \(reason). \(advice)"), id: id)
        }
    }

    private func refuse(_ error: MCPError, id: JSON?) { write(Results.message(of: error, id: id)) }

    private static func fault(_ reason: String) -> MCPError { MCPError(code: -32603, message: reason) }
}

// MARK: - Headers

extension StdioBridge {
    /// The header that a request's revision wants.
    private func fields(of message: Message) -> [(name: String, value: String)] {
        let stated = message.statedVersion?.stringValue
        guard let stated, Revision(rawValue: stated)?.hasHandshake != true else {
            guard message.method != "initialize" else { return fields([], version: stated, isFirst: true) }
            return fields([], version: stated ?? version)
        }
        var more = [(name: "Mcp-Method", value: HeaderValue.encoded(message.method))]
        if let member = Message.namedBy[message.method], let name = message.params[member]?.stringValue {
            more.append((name: "Mcp-Name", value: HeaderValue.encoded(name)))
        }
        return fields(more + parameters(of: message), version: stated)
    }

    private func fields(
        _ more: [(name: String, value: String)],
        version: String?,
        isFirst: Bool = false
    ) -> [(name: String, value: String)] {
        var fields = [
            (name: "Content-Type", value: "application/json"),
            (name: "Accept", value: "application/json, text/event-stream"),
            // What is cancelled is cancelled in the gateway too, in every revision.
            (name: Exchange.endsWithConnectionHeader, value: "1"),
        ]
        if let version { fields.append((name: "MCP-Protocol-Version", value: HeaderValue.encoded(version))) }
        let isOlder = version.flatMap(Revision.init(rawValue:))?.hasHandshake ?? true
        if isOlder, !isFirst, let session = state.withLock({ $0.session }) {
            fields.append((name: Exchange.sessionHeader, value: session))
        }
        return fields + more
    }

    private func parameters(of message: Message) -> [(name: String, value: String)] {
        guard message.method == "tools/call", let tool = message.params["name"]?.stringValue else { return [] }
        let parameters = state.withLock { $0.parameters[tool] } ?? []
        return parameters.compactMap { parameter in
            let argument = message.params["arguments"]?.value(at: parameter.place) ?? .null
            let text = argument.stringValue ?? (argument.isNull ? nil : argument.text)
            return text.map { (name: "Mcp-Param-" + parameter.name, value: HeaderValue.encoded($0)) }
        }
    }

    /// Learns which arguments of a called tool stand in headers; false where that changes nothing.
    private func learn(_ message: Message) async -> Bool {
        guard message.method == "tools/call", let tool = message.params["name"]?.stringValue else { return false }
        var cursor: JSON?
        for _ in 0..<settings.pagesMax {
            var params: JSONObject = ["_meta": message.params["_meta"] ?? .object(JSONObject())]
            params["cursor"] = cursor
            let list = Message(id: 0, method: "tools/list", params: .object(params))
            let (_, reply) = await post(list.bytes, fields(of: list))
            let tools = reply?["result"]?["tools"]?.arrayValue ?? []
            if let found = tools.first(where: { $0["name"]?.stringValue == tool }) {
                return note(found["inputSchema"] ?? .null, of: tool)
            }
            cursor = reply?["result"]?["nextCursor"]
            if cursor == nil { return false }
        }
        return false
    }

    private func note(_ schema: JSON, of tool: String) -> Bool {
        do throws(CatalogueError) {
            let parameters = try HeaderParameter.all(in: schema, at: "", sensitive: [])
            return state.withLock { state in
                let known = state.parameters.updateValue(parameters, forKey: tool)
                return known != parameters && !(known == nil && parameters.isEmpty)
            }
        } catch {
            // No gateway lists such a tool.
            return false
        }
    }

    // MARK: Looking first

    /// Asks the gateway for nothing, to know that it is there and takes the credential.
    ///
    /// - Returns: Why not, in a sentence; nil when all is well.
    package func check() async -> String? {
        let ping = Message(id: 0, method: "ping", params: .object(JSONObject()))
        let (outcome, reply) = await post(ping.bytes, fields([], version: Revision.november2025.rawValue))
        switch outcome {
        case .notSent(let reason), .unknown(let reason): return "No gateway answers there: \(reason)."
        case .answered(let status):
            if reply?["result"] != nil { return nil }
            return reply?["error"]?["message"]?.stringValue ?? "What answers there is no MCP server (HTTP \(status))."
        }
    }
}

extension Message {
    /// The message as JSON.
    var bytes: [UInt8] {
        JSON.object(["jsonrpc": "2.0", "id": id, "method": .string(method), "params": params]).bytes
    }
}
