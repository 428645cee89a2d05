import Gateway
import OrderedJSON

/// Requests of a session: of its revision, and of nobody but whose it is.
extension MCPServer {
    /// A request as one of the session that it names, where it names one.
    func joined(_ exchange: Exchange) async throws(MCPError) -> Exchange {
        guard namesSession(exchange) else { return exchange }
        var joined = exchange
        let conversation = try await conversation(of: exchange.caller, exchange.recognized)
        joined.conversation = conversation
        let isUnstated = exchange.caller.headers.values(of: Ladder.versionHeader).isEmpty
        if isUnstated, exchange.message.statedVersion == nil { joined.revision = conversation.revision }
        guard joined.revision == conversation.revision else { throw .otherRevision(than: conversation.revision) }
        return joined
    }

    /// Whether a request is one of a session.
    func namesSession(_ exchange: Exchange) -> Bool {
        exchange.revision.hasHandshake && exchange.message.method != "initialize"
            && !exchange.caller.headers.values(of: Exchange.sessionHeader).isEmpty
    }

    /// The session that a caller names, who is looked at now unless they were for the same message.
    ///
    /// - Throws: What tells a client to begin anew, where there is none of theirs.
    func conversation(of caller: Caller, _ known: Recognized? = nil) async throws(MCPError) -> Conversation {
        let sent = caller.headers.values(of: Exchange.sessionHeader)
        guard sent.count == 1, let conversation = conversations.read(sent[0]) else { throw .noSession }
        let sender: Recognized
        if let known { sender = known } else { sender = await recognize(caller) }
        do throws(GatewayError) {
            let principal = try await pipeline.standing(of: sender).principal
            let isTheirs =
                principal.organization == conversation.organization && principal.bearerText == conversation.bearer
                && principal.environment == conversation.environment
            guard isTheirs, try await !conversations.hasEnded(conversation) else { throw MCPServer.isOver }
        } catch {
            throw error.code == .notFound ? .noSession : .refusal(error)
        }
        let stated = caller.headers.values(of: Ladder.versionHeader)
        guard stated.allSatisfy({ $0 == conversation.revision.rawValue }) else {
            throw .otherRevision(than: conversation.revision)
        }
        return conversation
    }

    /// Whether a caller's session has ended, or its credential no longer stands; not where nobody can say.
    func hasNoSession(_ caller: Caller) async -> Bool {
        do throws(MCPError) {
            _ = try await conversation(of: caller)
            return false
        } catch { return [401, 403, 404].contains(error.status) }
    }

    private static let isOver = GatewayError(.notFound, "There is no such session.")

    /// Begins a session where the client says that it asks people, and its revision lets it be asked.
    func session(_ exchange: Exchange, for principal: Principal) throws(MCPError) -> String? {
        // Beside a stream of its own a client is told in no other.
        guard !exchange.hasStream else { return nil }
        let asks = exchange.message.params["capabilities"]?["elicitation"]
        guard exchange.revision >= .june2025, let asks = asks?.objectValue else { return nil }
        let hasForms = asks.isEmpty || asks["form"] != nil
        let hasPages = exchange.revision >= .november2025 && asks["url"]?.objectValue != nil
        guard hasForms || hasPages else { return nil }
        do throws(GatewayError) {
            return try conversations.begin(principal, in: exchange.revision, hasForms: hasForms, hasPages: hasPages)
        } catch { throw .refusal(error) }
    }

    /// Ends the session that a caller names; nil where it names none.
    package func endSession(of caller: Caller, call: CallID) async -> Answer? {
        guard MCPServer.namesSession(caller) else { return nil }
        do throws(MCPError) {
            let conversation = try await conversation(of: caller)
            do throws(GatewayError) { try await conversations.end(conversation) } catch { throw .refusal(error) }
            return .ended
        } catch {
            return await refuse(error, id: nil, caller, call)
        }
    }

    /// Whether a request that is no message is about a session: the newest revision has none, whatever else is said.
    static func namesSession(_ caller: Caller) -> Bool {
        !caller.headers.values(of: Exchange.sessionHeader).isEmpty
            && caller.headers.values(of: Ladder.versionHeader).first != Revision.newest.rawValue
    }

    /// Takes a client's answer to a question that was asked in its session.
    func hear(_ reply: Message.Reply, _ caller: Caller, _ call: CallID) async -> Answer {
        do throws(MCPError) {
            guard !caller.headers.values(of: Exchange.sessionHeader).isEmpty else {
                throw .invalidRequest("answers are taken in a session alone")
            }
            let conversation = try await conversation(of: caller)
            let isHeard: Bool
            do throws(GatewayError) { isHeard = try await conversations.hear(reply, in: conversation) } catch {
                throw .refusal(error)
            }
            guard isHeard else { throw .invalidRequest("nothing of this id is asked in this session") }
            return .taken
        } catch {
            return await refuse(error, id: nil, caller, call)
        }
    }

    /// Serves a call, and asks the client's person whatever its tool wants to know on the way.
    func serve(
        _ call: ToolCall,
        _ exchange: Exchange,
        _ tell: (@Sendable ([UInt8]) -> Void)?
    ) async throws(MCPError) -> ToolReply {
        var (call, asked, led) = (call, 0, nil as (id: Identifier, until: Timestamp)?)
        defer { if let led { conversations.leavePlace(of: led.id) } }
        while true {
            let reply = await settled(call)
            guard reply.isSuccess, case .question(let question, let state) = reply.ending,
                let conversation = exchange.conversation, let tell
            else {
                if let led, reply.isDecided { tell?(Conversations.completed(led.id)) }
                return reply
            }
            // Whoever was led to a page is not asked again, and waited for as long as for any answer.
            if let led {
                guard conversations.entropy.now() < led.until, await !hasNoSession(exchange.caller) else {
                    return reply.unanswered
                }
                call = call.answering(QuestionReply(action: "accept", content: [:], state: state))
                continue
            }
            asked += question.parts.count
            let round = round(of: question, state, asked: asked)
            guard let heard = try await hear(round, in: conversation, exchange, tell) else {
                guard reply.record != nil else {
                    let words = "Nobody has answered the tool's question in time."
                    throw .refusal(GatewayError(.deadlineExceeded, words))
                }
                return await serveUnanswered(call, state)
            }
            if question.parts[0].page != nil, heard.isAccepted {
                guard conversations.keepPlace(of: round.id, in: conversation) else {
                    return await serveUnanswered(call, state)
                }
                led = (round.id, round.until)
            }
            call = call.answering(heard)
        }
    }

    /// Serves a call whose question nobody has answered: what waits to be confirmed waits still, or has been decided elsewhere
    /// meanwhile, and is shown as it is now.
    private func serveUnanswered(_ call: ToolCall, _ state: String) async -> ToolReply {
        let nothing = QuestionReply(action: "cancel", content: [:], state: state)
        return await settled(call.answering(nothing)).unanswered
    }

    /// Serves a call; one whose question is answered, while another of its key is, shows what became of the payment once that
    /// is known.
    private func settled(_ call: ToolCall) async -> ToolReply {
        var (waited, pause) = (Duration.zero, min(.seconds(1), conversations.settings.lookEvery))
        while true {
            let reply = await pipeline.serve(call)
            guard call.answer != nil, case .failure(let error) = reply.result, error.code == .idempotencyInProgress,
                waited < conversations.settings.settleWithin
            else { return reply }
            do { try await conversations.entropy.sleep(for: pause) } catch { return reply }
            // Each look leaves its line in the audit.
            (waited, pause) = (waited + pause, pause * 2)
        }
    }

    /// A round of questions as it is put to somebody.
    struct Round {
        let question: Question
        let state: String
        /// How many the call has asked, these among them.
        let asked: Int
        /// Names the first of them.
        let id: Identifier
        let until: Timestamp
    }

    /// A round that begins now.
    func round(of question: Question, _ state: String, asked: Int) -> Round {
        let end = conversations.end(ofRound: question.parts.count)
        return Round(question: question, state: state, asked: asked, id: conversations.entropy.identifier(), until: end)
    }

    /// Puts a round of questions to the client's person; nil where nobody has answered in time.
    ///
    /// One after another: an older client is asked one thing at a time, and nothing more after a refusal. Whoever takes
    /// long over one has what is left for the others.
    func hear(
        _ round: Round,
        in conversation: Conversation,
        _ exchange: Exchange,
        _ tell: @Sendable ([UInt8]) -> Void
    ) async throws(MCPError) -> QuestionReply? {
        guard round.asked <= conversations.settings.questionsMax else {
            throw .refusal(GatewayError(.conflict, "Too much is asked: \(round.asked) questions in one call."))
        }
        var words: [(name: String?, word: QuestionWord)] = []
        for (index, part) in round.question.parts.enumerated() {
            let id = index == 0 ? round.id : conversations.entropy.identifier()
            let word = try await word(
                on: part,
                as: id,
                in: conversation,
                until: round.until,
                exchange,
                tell
            )
            guard let word else { return nil }
            words.append((part.name, word))
            guard word.action == "accept" else { break }
        }
        return QuestionReply(words, to: round.state)
    }

    /// What a person says; nil where nobody has in time.
    private func word(
        on part: Question.Part,
        as id: Identifier,
        in conversation: Conversation,
        until end: Timestamp,
        _ exchange: Exchange,
        _ tell: @Sendable ([UInt8]) -> Void
    ) async throws(MCPError) -> QuestionWord? {
        let answer: JSON?
        await exchange.standing?.stand()
        let isOver: @Sendable () async -> Bool = { [self] in await hasNoSession(exchange.caller) }
        do throws(GatewayError) {
            answer = try await conversations.ask(part, in: conversation, as: id, until: end, unless: isOver, tell)
        } catch { throw .refusal(error) }
        guard let answer else { return nil }
        guard let word = QuestionWord(answer) else {
            throw .invalidParams("the answer's action must be accept, decline or cancel, and its content an object")
        }
        return word
    }
}

extension ToolReply {
    /// Whether what waited to be confirmed waits no longer; nobody can say so of a call that was refused.
    fileprivate var isDecided: Bool {
        switch result {
        case .success: state.map { $0 != .draft } ?? false
        case .failure(let error): error.record != nil
        }
    }

    /// The same where nobody has answered what it asks: what was held is shown.
    fileprivate var unanswered: ToolReply {
        var held = self
        held.ending = .output
        return held
    }
}
