import Cryptography
import Gateway
import OrderedJSON
import Synchronization

/// Calls that a client's notification gives up while they are under way: those of a session, and those of a stream with an
/// address beside it.
///
/// A call is found at its own host by what its client names it by. One of a session that lasts is found at every host: it
/// takes a claim of that name, on which whoever hears the notification writes, as on a question's. For a name that nobody
/// has taken nothing is kept.
final class CallsUnderWay: Sendable {
    /// What a client names a call by.
    struct Name: Sendable, Hashable {
        /// The session, or the stream.
        let scope: Identifier
        /// The request's id, in the one form that it has as JSON.
        let request: [UInt8]

        init(_ scope: Identifier, request: JSON) { (self.scope, self.request) = (scope, request.canonicalBytes) }

        /// Names the claim: nobody makes it who does not know the session.
        var claim: Identifier? {
            let digest = SHA256.digest(Array("call in \(scope)|".utf8) + request).bytes
            return Identifier(bytes: Array(digest.prefix(16)))
        }
    }

    private enum End: Sendable {
        case answered(Answer)
        case givenUp
    }

    private let calls = Mutex<[Name: AsyncStream<Void>.Continuation]>([:])

    /// Does a call's work, until its client gives it up: then it is cancelled, and ends as it does when its connection closes.
    ///
    /// Of two calls of one name, which a client must not make, the first is the one that is meant.
    ///
    /// - Returns: The answer; nil where it was given up, and nobody waits for one.
    func run(
        _ name: Name,
        standing: StandingCall?,
        _ work: @escaping @Sendable () async -> Answer
    ) async -> Answer? {
        let (givenUp, giveUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let isFirst = calls.withLock { calls in
            guard calls[name] == nil else { return false }
            calls[name] = giveUp
            return true
        }
        guard isFirst else {
            let answer = await work()
            await standing?.leave()
            return answer
        }
        defer { _ = calls.withLock { $0.removeValue(forKey: name) } }
        let answer = await withTaskGroup(of: End.self) { group in
            group.addTask { .answered(await work()) }
            group.addTask {
                for await _ in givenUp { break }
                return .givenUp
            }
            if let standing {
                group.addTask {
                    await standing.watch()
                    return .givenUp
                }
            }
            var isGivenUp = false
            for await end in group {
                if case .answered(let answer) = end {
                    group.cancelAll()
                    return isGivenUp ? nil : answer
                }
                // Whoever watches ends, too, where the whole call is cancelled.
                guard !Task.isCancelled else { continue }
                isGivenUp = true
                group.cancelAll()
            }
            return nil
        }
        await standing?.leave()
        return answer
    }

    /// Gives a call up; whether it is under way here.
    func giveUp(_ name: Name) -> Bool {
        guard let call = calls.withLock({ $0[name] }) else { return false }
        call.yield()
        return true
    }
}

/// A call of a session as other hosts find it, once it lasts.
final class StandingCall: Sendable {
    private enum State {
        case unknown, taken, anothers
        case taking(Task<Void, Never>)
    }

    /// What is written on a claim by whoever hears that its call is given up.
    static let givenUp = "\"cancelled\""

    private let claim: OnceClaim
    private let once: any OnceRepository
    private let sleep: Sleep
    private let every: Duration
    private let state = Mutex(State.unknown)

    fileprivate init(_ claim: OnceClaim, _ once: any OnceRepository, _ sleep: Sleep, every: Duration) {
        (self.claim, self.once, self.sleep, self.every) = (claim, once, sleep, every)
    }

    /// Lets other hosts find it: at once where a person is asked, else when it has lasted for a while.
    ///
    /// Not where the name is taken: what is written there is another call's.
    func stand() async {
        // Once at a time, or the second would find the claim of the first and think it another's; and to its end, whoever is
        // cancelled meanwhile, because a claim that is taken unseen would be left behind.
        let taking = state.withLock { state -> Task<Void, Never>? in
            switch state {
            case .unknown:
                let task = Task { await take() }
                state = .taking(task)
                return task
            case .taking(let task): return task
            case .taken, .anothers: return nil
            }
        }
        await taking?.value
    }

    private func take() async {
        do throws(GatewayError) {
            let taking = try await once.take(claim)
            state.withLock { $0 = taking == .first ? .taken : .anothers }
        } catch {
            // Tried again at the next look.
            state.withLock { $0 = .unknown }
        }
    }

    /// Whether the claim is this call's, once that is known.
    private func isTaken() async -> Bool {
        if case .taking(let task) = state.withLock({ $0 }) { await task.value }
        if case .taken = state.withLock({ $0 }) { return true }
        return false
    }

    /// Looks every so often whether it was given up at another host, and returns then, or when it is cancelled.
    fileprivate func watch() async {
        while !Task.isCancelled {
            do { try await sleep(for: every) } catch { return }
            await stand()
            guard await isTaken() else { continue }
            do throws(GatewayError) {
                let found = try await once.claim(claim.id, organization: claim.organization, at: claim.takenAt)
                if found?.outcome != nil { return }
            } catch {
                // Nobody can say now.
            }
        }
    }

    /// Leaves nothing behind.
    fileprivate func leave() async {
        guard await isTaken() else { return }
        // What cannot be taken away ends by itself.
        do throws(GatewayError) { try await once.giveBack(claim.id, organization: claim.organization) } catch {}
    }
}

extension Conversations {
    /// A call of a session, to be found at other hosts.
    func standing(_ name: CallsUnderWay.Name, in conversation: Conversation) -> StandingCall? {
        guard let id = name.claim else { return nil }
        let now = entropy.now()
        let claim = OnceClaim(
            id: id,
            organization: conversation.organization,
            digest: Conversations.callDigest,
            takenAt: now,
            // No call asks for longer.
            expiresAt: end(ofRound: settings.questionsMax)
        )
        return StandingCall(claim, once, entropy.sleep, every: settings.lookEvery)
    }

    /// Tells whichever host has a call of a session that it is given up; nobody where none has.
    func giveUp(_ name: CallsUnderWay.Name, in conversation: Conversation) async throws(GatewayError) {
        guard let id = name.claim else { return }
        let found = try await once.claim(id, organization: conversation.organization, at: entropy.now())
        guard let found, found.digest == Conversations.callDigest, found.outcome == nil else { return }
        try await once.keep(StandingCall.givenUp, of: id, organization: conversation.organization)
    }

    private static let callDigest = Array("mcp-call".utf8)
}

extension MCPServer {
    /// What a call is given up by; nil for what no notification gives up.
    func name(of exchange: Exchange) -> CallsUnderWay.Name? {
        guard MCPServer.tells(exchange.message), let scope = exchange.conversation?.id ?? exchange.pair else {
            return nil
        }
        return CallsUnderWay.Name(scope, request: exchange.message.id)
    }

    /// Takes a notification: that a request is given up is the only one that anything follows from.
    ///
    /// - Parameter pair: The stream that it came beside.
    func take(_ notification: Message, _ caller: Caller, _ call: CallID, beside pair: Identifier? = nil) async -> Answer
    {
        let request = notification.params["requestId"] ?? .null
        let isOfSession = !caller.headers.values(of: Exchange.sessionHeader).isEmpty
        guard notification.method == "notifications/cancelled", !request.isNull, pair != nil || isOfSession else {
            return await admitting(caller, call)
        }
        if let pair {
            _ = calls.giveUp(CallsUnderWay.Name(pair, request: request))
            return .taken
        }
        do throws(MCPError) {
            let conversation = try await conversation(of: caller)
            let name = CallsUnderWay.Name(conversation.id, request: request)
            guard !calls.giveUp(name) else { return .taken }
            do throws(GatewayError) { try await conversations.giveUp(name, in: conversation) } catch {
                throw .refusal(error)
            }
            return .taken
        } catch { return await refuse(error, id: nil, caller, call) }
    }
}
