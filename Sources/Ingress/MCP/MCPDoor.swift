import Gateway
import HTTPServer
import MCP
import NIOHTTP1

/// MCP over HTTP: one endpoint, to POST to in every revision that is served; sessions have a stream to GET, and DELETE.
///
/// What a message means is the room `MCP`'s; here is what belongs to HTTP: origins, media types, streams of events,
/// and the fields of a header that say what a refusal wants.
final class MCPDoor: Sendable {
    private let server: MCPServer
    private let ownOrigin: Origin?

    init(server: MCPServer, publicURL: String) {
        self.server = server
        ownOrigin = Origin(of: publicURL)
    }

    /// Serves `/mcp`.
    func serve(_ reader: RequestReader, call: CallID) async -> Response {
        let request = reader.request
        if let answered = answer(toPage: request, methods: "POST, GET, DELETE", call) { return answered }
        guard request.method == .POST else {
            if request.method == .DELETE, let ended = await end(reader, call) { return ended }
            if request.method == .GET, let opened = await open(reader, call) { return opened }
            // There is no session to end, and none whose client would be told anything.
            return Response(.methodNotAllowed, headers: [(.allow, "POST"), (.requestID, call.description)])
        }
        do throws(GatewayError) {
            return await serve(request, try caller(reader), reader, call)
        } catch {
            return response(refusing: error, reader, call)
        }
    }

    /// Serves what 2024-11-05 had: a stream, which begins with the address for its messages.
    func serveStream(_ reader: RequestReader, call: CallID) async -> Response {
        if let answered = answer(toPage: reader.request, methods: "GET", call) { return answered }
        guard reader.request.method == .GET else {
            return Response(.methodNotAllowed, headers: [(.allow, "GET"), (.requestID, call.description)])
        }
        do throws(GatewayError) {
            switch await server.openPair(of: try caller(reader), call: call) {
            case .refused(let answer): return response(answer, reader, call)
            case .opened(let pair):
                var response = EventText.response(call)
                response.stream = { [server] write in
                    server.know(pair)
                    defer { server.forget(pair) }
                    let address = MCPDoor.messagesPath + "?session=" + pair.name
                    try await write(EventText.event("endpoint", Array(address.utf8)))
                    try await pair.run { message in
                        try await write(message.isEmpty ? EventText.signOfLife : EventText.event("message", message))
                    }
                }
                return response
            }
        } catch { return response(refusing: error, reader, call) }
    }

    /// Takes a message whose answer goes out on a stream.
    func serveMessage(_ reader: RequestReader, call: CallID) async -> Response {
        if let answered = answer(toPage: reader.request, methods: "POST", call) { return answered }
        guard reader.request.method == .POST else {
            return Response(.methodNotAllowed, headers: [(.allow, "POST"), (.requestID, call.description)])
        }
        do throws(GatewayError) {
            if let type = reader.request.header(.contentType), !MediaTypes.isJSON(type) {
                throw MCPDoor.otherMedia
            }
            let name = reader.request.queryParameters.first { $0.name == "session" }?.value ?? ""
            let answer = await server.hand(try reader.body(), to: name, from: try caller(reader), call: call)
            return response(answer, reader, call)
        } catch { return response(refusing: error, reader, call) }
    }

    // MARK: Pages

    /// What a page's request is answered with before anything of it is read: a refusal, or that it may ask what its browser
    /// asks about first; nil for every other request.
    private func answer(toPage request: Request, methods: String, _ call: CallID) -> Response? {
        guard let origin = request.header(.origin) else { return nil }
        guard isAllowed(origin) else { return response(refusing: MCPDoor.otherOrigin, nil, call) }
        guard request.method == .OPTIONS else { return nil }
        return Response(
            .noContent,
            headers: [
                // Arguments stand in headers whose names are the tools'. The credential's is in no asterisk.
                (.allowMethods, methods), (.allowHeaders, "Authorization, *"), (.maxAge, "600"),
                (.requestID, call.description),
            ]
        )
    }

    /// Lets the page read what is answered, where it is one that may call.
    ///
    /// It shows its credential itself: no cookie is taken here, so none is allowed.
    func share(_ response: inout Response, with request: Request) {
        guard let origin = request.header(.origin), isAllowed(origin) else { return }
        response.add(.allowOrigin, origin)
        response.add(.exposeHeaders, "*")
        response.add(.vary, "Origin")
    }

    /// Read whole: what only begins like one of ours is another's.
    private func isAllowed(_ origin: String) -> Bool {
        guard let origin = Origin(origin) else { return false }
        return origin == ownOrigin || origin.isLocal
    }

    private static let otherOrigin = GatewayError(
        .permissionDenied,
        """
        This origin is not allowed: only pages of the gateway's public address and of its own machine may call. A client that \
        is no page sends no Origin.
        """
    )

    static let streamPath = "/mcp/sse"
    static let messagesPath = "/mcp/messages"

    /// Ends the session that a request names; nil where it names none.
    private func end(_ reader: RequestReader, _ call: CallID) async -> Response? {
        do throws(GatewayError) {
            return await server.endSession(of: try caller(reader), call: call).map { response($0, reader, call) }
        } catch { return response(refusing: error, reader, call) }
    }

    /// The stream of the session that a request names; nil where it names none.
    private func open(_ reader: RequestReader, _ call: CallID) async -> Response? {
        guard ProgressStream.isAccepted(by: reader.request) else { return nil }
        do throws(GatewayError) {
            return await server.openStream(of: try caller(reader), call: call).map { response($0, reader, call) }
        } catch { return response(refusing: error, reader, call) }
    }

    private func caller(_ reader: RequestReader) throws(GatewayError) -> Caller {
        let key: Result<String?, GatewayError>
        do throws(GatewayError) { key = .success(try reader.idempotencyKey()) } catch { key = .failure(error) }
        return Caller(
            credential: reader.credential,
            environment: try reader.environment(),
            address: reader.request.address,
            headers: reader.request.headers,
            idempotencyKey: key
        )
    }

    private func serve(
        _ request: Request,
        _ caller: Caller,
        _ reader: RequestReader,
        _ call: CallID
    ) async -> Response {
        let body: [UInt8]
        do throws(GatewayError) {
            try MCPDoor.checkMedia(of: request)
            body = try reader.body()
        } catch {
            let answer = await server.refuse(error, caller, call: call)
            return response(answer, reader, call)
        }
        switch await server.read(body, from: caller, call: call) {
        case .answered(let answer): return response(answer, reader, call)
        case .request(let exchange) where server.isListening(exchange) && ProgressStream.isAccepted(by: request):
            return response(await server.open(exchange), reader, call)
        case .request(let exchange):
            guard server.tellsProgress(of: exchange), ProgressStream.isAccepted(by: request) else {
                return response(await server.answer(exchange), reader, call)
            }
            return await stream(exchange, reader, call)
        }
    }

    /// Answers by a stream that lasts; a client that reads too slowly loses it, and asks anew.
    private func response(_ opening: MCPServer.Opening, _ reader: RequestReader, _ call: CallID) -> Response {
        switch opening {
        case .refused(let answer): return response(answer, reader, call)
        case .opened(let listening):
            var response = EventText.response(call)
            response.stream = { write in
                try await listening.run { message in
                    try await write(message.isEmpty ? EventText.signOfLife : EventText.event("message", message))
                }
            }
            return response
        }
    }

    /// Answers by events, once there is something to tell before the answer.
    private func stream(_ exchange: Exchange, _ reader: RequestReader, _ call: CallID) async -> Response {
        let server = server
        let givenUp = server.answer(refusing: GatewayError(.unavailable, "The call was given up."))
        let isKept = !exchange.endsWithConnection
        let stream = EventStream<[UInt8], Answer>(givenUp: givenUp, isKept: isKept) { tell in
            await server.answer(exchange, telling: tell)
        }
        switch await stream.first() {
        case .ended(let answer): return response(answer, reader, call)
        case .pieces(let pieces):
            return EventStream.response(pieces, call) { piece in
                switch piece {
                case .news(let message): ("message", message)
                case .reply(let answer): ("message", answer.body)
                }
            }
        }
    }

    // MARK: HTTP

    /// A refusal in the protocol's form; of whom nothing could be read, without a reader.
    func response(refusing error: GatewayError, _ reader: RequestReader?, _ call: CallID) -> Response {
        response(server.answer(refusing: error), reader, call)
    }

    private func response(_ answer: Answer, _ reader: RequestReader?, _ call: CallID) -> Response {
        let status = answer.status == 200 ? HTTPResponseStatus.ok : HTTPResponseStatus(statusCode: answer.status)
        guard !answer.body.isEmpty else { return Response(status, headers: [(.requestID, call.description)]) }
        var response = Response.json(answer.body, status: status, call: call)
        if let session = answer.session { response.add(.mcpSession, session) }
        guard let cause = answer.cause else { return response }
        if let wait = cause.retryAfter { response.add(.retryAfter, String(ErrorResponse.seconds(wait))) }
        if let challenge = ErrorResponse.challenge(cause, shown: reader?.credential) {
            response.add(.wwwAuthenticate, challenge)
        }
        return response
    }

    /// What is sent, and what is taken, must be JSON.
    ///
    /// A page of another site can send a body of a few other types without asking.
    private static func checkMedia(of request: Request) throws(GatewayError) {
        if let type = request.header(.contentType), !MediaTypes.isJSON(type) { throw otherMedia }
        let fields = request.headers.values(of: .accept)
        // As nearly every client writes it.
        if fields.count == 1, fields[0] == usualAccept { return }
        let isUnstated = fields.allSatisfy { $0.split(separator: ",").isEmpty }
        guard isUnstated || MediaTypes.isAccepted(MediaTypes.json, by: fields) else {
            throw GatewayError(.notSupported, "Accept must name application/json, and text/event-stream beside it.")
        }
    }

    private static let usualAccept = "application/json, text/event-stream"
    private static let otherMedia = GatewayError(.malformedRequest, "Content-Type must be application/json, in UTF-8.")
}

extension HTTPHeaders: HeaderSource {
    /// All fields of a name.
    package func values(of name: String) -> [String] { values(of: HeaderName(name)) }
}
