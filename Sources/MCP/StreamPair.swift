import Gateway
import OrderedJSON
import Synchronization

/// A stream and the address whose messages are answered on it: how 2024-11-05 was spoken over HTTP, before there was one
/// endpoint for both.
///
/// It is kept by this host alone, as long as its client reads. Every message shows its credential anew, and must be of whom
/// the stream is. What is under way is given up with the stream; a payment that was committed stays.
package final class StreamPair: Sendable {
    /// What its client names it by.
    package let name: String
    let id: Identifier
    private let organization: OrganizationID
    private let bearer: String
    private let environment: Environment
    let server: MCPServer
    private let listening: Listening
    private let arrivals: AsyncStream<Exchange>
    private let arrived: AsyncStream<Exchange>.Continuation
    private let sent: AsyncStream<Piece>
    private let sending: AsyncStream<Piece>.Continuation
    private let state = Mutex((revision: Revision.november2024, underWay: 0, waitingBytes: 0))

    /// What is told, and whether it ends a request that is under way.
    private struct Piece: Sendable {
        let message: [UInt8]
        let isAnswer: Bool
    }

    init(_ id: Identifier, of principal: Principal, _ server: MCPServer, _ listening: Listening) {
        self.id = id
        name = id.description
        (organization, bearer, environment) = (principal.organization, principal.bearerText, principal.environment)
        (self.server, self.listening) = (server, listening)
        (arrivals, arrived) = AsyncStream.makeStream(of: Exchange.self)
        (sent, sending) = AsyncStream.makeStream(
            of: Piece.self,
            bufferingPolicy: .bufferingOldest(server.settings.pairMessagesMax)
        )
    }

    func isOf(_ principal: Principal) -> Bool {
        principal.organization == organization && principal.bearerText == bearer
            && principal.environment == environment
    }

    /// Tells what is answered until the client goes, the gateway stops, or the credential no longer counts.
    ///
    /// - Parameter tell: Sends a message, or nothing but a sign of life where it is empty.
    /// - Throws: as `tell` does.
    package func run(_ tell: @Sendable ([UInt8]) async throws -> Void) async throws {
        defer {
            arrived.finish()
            server.forget(self)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                try await listening.run { send($0) }
                sending.finish()
            }
            group.addTask { [self] in
                await withDiscardingTaskGroup { calls in
                    for await exchange in arrivals {
                        calls.addTask { [self] in
                            let answer = await server.answer(exchange) { [self] in send($0) }
                            send(answer.body, isAnswer: true)
                        }
                    }
                }
            }
            for await piece in sent {
                try await tell(piece.message)
                // What waits for a slow reader is under way still.
                state.withLock { state in
                    state.waitingBytes -= piece.message.count
                    if piece.isAnswer { state.underWay -= 1 }
                }
            }
            group.cancelAll()
        }
    }

    /// Who reads too slowly for what is answered loses the stream, and never a part of what is told on it.
    func send(_ message: [UInt8], isAnswer: Bool = false) {
        let hasRoom = state.withLock { state in
            let isAlone = state.waitingBytes == 0
            state.waitingBytes += message.count
            return isAlone || state.waitingBytes <= server.settings.pairBytesMax
        }
        guard hasRoom else { return sending.finish() }
        if case .dropped = sending.yield(Piece(message: message, isAnswer: isAnswer)) { sending.finish() }
    }

    /// Takes a request in order, to be answered on the stream.
    ///
    /// - Returns: Whether there is room.
    func take(_ exchange: Exchange) -> Bool {
        var exchange = exchange
        (exchange.hasStream, exchange.pair) = (true, id)
        let isUnstated =
            exchange.message.statedVersion == nil
            && exchange.caller.headers.values(of: Ladder.versionHeader).isEmpty
        let isTaken = state.withLock { state in
            guard state.underWay < server.settings.pairCallsMax else { return false }
            state.underWay += 1
            // What was agreed on at the beginning holds for requests that say nothing.
            if exchange.message.method == "initialize" {
                state.revision = exchange.revision
            } else if isUnstated {
                exchange.revision = state.revision
            }
            return true
        }
        if isTaken { arrived.yield(exchange) }
        return isTaken
    }
}

extension MCPServer {
    /// What asking for a stream with an address leads to.
    package enum PairOpening: Sendable {
        /// It is refused.
        case refused(Answer)
        /// It begins.
        case opened(StreamPair)
    }

    /// Begins a stream whose client sends its messages elsewhere.
    ///
    /// It takes a place among those who listen, and is told what a session is.
    package func openPair(of caller: Caller, call: CallID) async -> PairOpening {
        let message = Message(id: .null, method: "", params: .object(JSONObject()))
        var exchange = Exchange(message: message, revision: .november2024, caller: caller, call: call)
        exchange.hasStream = true
        do throws(MCPError) {
            let listening = try await told(exchange)
            let principal = try await principal(of: caller)
            return .opened(StreamPair(conversations.entropy.identifier(), of: principal, self, listening))
        } catch { return .refused(await refuse(error, id: nil, caller, call)) }
    }

    private func principal(of caller: Caller) async throws(MCPError) -> Principal {
        let (environment, address) = (caller.environment, caller.address)
        do throws(GatewayError) {
            return
                try await pipeline.standing(
                    of: caller.credential,
                    environment: environment,
                    address: address,
                    at: .mcp
                )
                .principal
        } catch { throw .refusal(error) }
    }

    /// Lets messages find a stream: from before its client is told the address, until it is over.
    ///
    /// Only a stream that is being written is known, so that one whose client has gone before it began is kept by nobody.
    package func know(_ pair: StreamPair) { pairs.withLock { $0[pair.id] = pair } }

    /// Lets messages find it no more.
    package func forget(_ pair: StreamPair) { pairs.withLock { $0[pair.id] = nil } }

    /// Takes a message whose answer is told on a stream of its caller's.
    package func hand(_ body: [UInt8], to name: String, from caller: Caller, call: CallID) async -> Answer {
        let pair = Identifier(name).flatMap { id in pairs.withLock { $0[id] } }
        do throws(MCPError) {
            let principal = try await principal(of: caller)
            guard let pair, pair.isOf(principal) else { throw .noSession }
            switch await read(body, from: caller, call: call, beside: pair.id) {
            case .answered(let answer):
                // What has no answer, and what is refused for what it is, needs no stream.
                guard answer.status == 200, !answer.body.isEmpty else { return answer }
                pair.send(answer.body)
            case .request(let exchange):
                guard pair.take(exchange) else {
                    let reason = "Too much of this stream is under way."
                    throw .refusal(GatewayError(.rateLimited, reason, retryAfter: .seconds(1)))
                }
            }
            return .taken
        } catch { return await refuse(error, id: nil, caller, call) }
    }
}
