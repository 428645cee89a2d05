import Gateway
import HTTPServer
import Logging
import MCP
import NIOHTTP1
import OrderedJSON

/// Which doors are open.
package enum Mode: String, Sendable, CaseIterable {
    /// REST and MCP.
    case hybrid
    /// REST alone.
    case rest
    /// MCP alone. Callbacks come in either way.
    case mcp
}

/// The main listener: leads a path to its door.
///
/// Nothing is checked here but the path.
package final class GatewayResponder: HTTPHandler {
    /// What the doors need.
    package struct Parts: Sendable {
        package let mode: Mode
        package let version: String
        package let publicURL: String
        package let bodyBytesMax: Int
        /// What a body may carry that lists many payments: as many as a tool takes at once, with all that each may have.
        package let itemsBytesMax: Int
        package let strangerBytesMax: Int
        /// What a callback may carry whose address is one of ours: kept in memory whole, as a body with a credential is.
        package let callbackBytesMax: Int
        package let mcp: MCPServer.Settings
        package let gateway: Assembly
        package let actions: ActionRegistry
        package let desk: (any FrontDesk)?
        /// From where callbacks are taken.
        package let sources: CallbackSources

        /// Gathers them.
        package init(
            mode: Mode,
            version: String,
            publicURL: String,
            bodyBytesMax: Int = 1 << 20,
            itemsBytesMax: Int = 4 << 20,
            strangerBytesMax: Int = 64 << 10,
            callbackBytesMax: Int = 1 << 20,
            mcp: MCPServer.Settings = MCPServer.Settings(),
            gateway: Assembly,
            actions: ActionRegistry,
            desk: (any FrontDesk)? = nil,
            sources: CallbackSources? = nil
        ) {
            self.mode = mode
            self.version = version
            self.publicURL = publicURL
            self.bodyBytesMax = bodyBytesMax
            self.itemsBytesMax = max(itemsBytesMax, bodyBytesMax)
            self.strangerBytesMax = strangerBytesMax
            self.callbackBytesMax = callbackBytesMax
            self.mcp = mcp
            self.gateway = gateway
            self.actions = actions
            self.desk = desk
            let ports = gateway.ports
            self.sources = sources ?? CallbackSources(entropy: ports.entropy, logger: ports.logger)
        }
    }

    private let parts: Parts
    private let actions: ActionRegistry
    private let rest: RESTDoor
    private let mcp: MCPDoor
    private let auth: AuthRoutes
    private let callbacks: CallbackRoutes
    private let resources: ResourceDoor?
    private let pages: ConfirmationDoor
    /// OpenAPI documents, by what a caller sees.
    private let documents = ShownTexts()

    /// Opens the doors of the mode.
    package init(_ parts: Parts) {
        self.parts = parts
        let actions = ActionRegistry(parts.actions.sorted + [ToolListAction.make(parts.gateway.pipeline)])
        self.actions = actions
        rest = RESTDoor(pipeline: parts.gateway.pipeline, registry: parts.gateway.ports.registry, actions: actions)
        let entropy = parts.gateway.ports.entropy
        var settings = parts.mcp
        settings.leadsToPages = ConfirmationPage(base: parts.publicURL).isSafe
        settings.messageBytesMax = parts.bodyBytesMax
        mcp = MCPDoor(
            server: MCPServer(
                pipeline: parts.gateway.pipeline,
                registry: parts.gateway.ports.registry,
                actions: actions,
                news: parts.gateway.news,
                conversations: Conversations(
                    key: parts.gateway.conversationKey,
                    once: parts.gateway.ports.store.once,
                    entropy: entropy
                ),
                version: parts.version,
                settings: settings,
                newCall: { CallID(entropy.identifier()) },
                logger: parts.gateway.ports.logger
            ),
            publicURL: parts.publicURL
        )
        resources = ResourceDoor(parts.gateway)
        pages = ConfirmationDoor(parts.gateway, actions: actions, publicURL: parts.publicURL)
        auth = AuthRoutes(logIns: parts.gateway.logIns, desk: parts.desk)
        callbacks = CallbackRoutes(
            inbox: parts.gateway.inbox,
            addresses: parts.gateway.addresses,
            records: parts.gateway.ports.store.records,
            asker: parts.gateway.asker,
            registry: parts.gateway.ports.registry,
            probes: parts.gateway.probes,
            sources: parts.sources
        )
    }

    package func bodyBytesMax(path: Substring, head: HTTPRequestHead) -> Int {
        // Where no credential is shown, nobody is let in to send more than a stranger may; M-Pesa's is its address.
        if let segments = CallbackPath.segments(of: path) {
            return callbacks.areOurs(segments) ? parts.callbackBytesMax : parts.strangerBytesMax
        }
        if ConfirmationDoor.isPage(path) { return ConfirmationDoor.bytesMax }
        if path.utf8.starts(with: "/auth/".utf8) { return parts.strangerBytesMax }
        if let file = fileAction(head)?.file { return max(file.bytesMax, parts.bodyBytesMax) }
        return mayList(head, path) ? parts.itemsBytesMax : parts.bodyBytesMax
    }

    /// Whether a request's body may list many payments.
    ///
    /// What a message of MCP asks for is known once it is read; until then it is held like one that does
    /// (`MCPServer.Settings.messageBytesMax`).
    private func mayList(_ head: HTTPRequestHead, _ path: Substring) -> Bool {
        guard head.method == .POST, isLong(head) else { return false }
        if isMCP(path) { return true }
        return parts.mode != .mcp && rest.takesItems(Request(head, body: .whole([]), address: nil))
    }

    /// Whether a body is longer than any may be, or may be: of nearly every request nothing more is asked.
    private func isLong(_ head: HTTPRequestHead) -> Bool {
        guard let length = head.headers.first(name: "Content-Length") else {
            return head.headers.contains(name: "Transfer-Encoding")
        }
        return Int(length).map { $0 > parts.bodyBytesMax } ?? true
    }

    /// The action that a request's body is a file for; nil where it is none.
    private func fileAction(_ head: HTTPRequestHead) -> Action? {
        guard head.method == .POST, parts.mode != .mcp else { return nil }
        return rest.fileAction(Request(head, body: .whole([]), address: nil))
    }

    package func admission(of head: HTTPRequestHead, address: String?) async -> BodyAdmission {
        let call = CallID(parts.gateway.ports.entropy.identifier())
        let reader = RequestReader(request: Request(head, body: .whole([]), address: address))
        let isMCP = isMCP(reader.request.path)
        let callback = CallbackPath.segments(of: reader.request.path)
        do throws(GatewayError) {
            if let callback {
                guard callbacks.areTaken(callback, from: address) else { throw CallbackRoutes.nothingHere }
                return .admitted(owner: nil)
            }
            if let action = fileAction(head) {
                let use = try rest.use(action, by: reader, call)
                return .admitted(owner: try await parts.gateway.pipeline.admit(use, toSend: action).description)
            }
            let asked = try reader.action(call, by: isMCP ? .mcp : .rest)
            return .admitted(owner: try await parts.gateway.pipeline.admit(asked).description)
        } catch {
            var response =
                isMCP ? mcp.response(refusing: error, reader, call) : ErrorResponse.make(error, call: call)
            await resources?.challenge(&response, isMCP: isMCP, path: reader.request.path)
            return .refused(response)
        }
    }

    package func response(refusing refusal: HTTPRefusal, path: Substring) -> Response {
        let call = CallID(parts.gateway.ports.entropy.identifier())
        if ConfirmationDoor.isPage(path) { return pages.response(refusing: refusal.error, refusal.status, call) }
        guard isMCP(path) else { return ErrorResponse.make(refusal) }
        var response = mcp.response(refusing: refusal.error, nil, call)
        response.status = refusal.status
        return response
    }

    /// A request of MCP's newest revision is given up with its connection, an older one where it says so; what REST
    /// began is done.
    package func endsWithPeer(_ request: Request) -> Bool {
        guard isMCP(request.path) else { return false }
        return request.header(.mcpVersion) == Revision.newest.rawValue || request.header(.endsWithConnection) != nil
    }

    private func isMCP(_ path: Substring) -> Bool { isEndpoint(path) || isOfPair(path) }

    /// The endpoint, which is called so by everybody, and by its organization's id as well (docs/oauth.md).
    private func isEndpoint(_ path: Substring) -> Bool {
        guard parts.mode != .rest, path.utf8.starts(with: ProtectedResource.path.utf8) else { return false }
        let rest = path.dropFirst(ProtectedResource.path.utf8.count)
        return rest.isEmpty || rest.first == "/" && OrganizationID(String(rest.dropFirst())) != nil
    }

    private func isOfPair(_ path: Substring) -> Bool {
        parts.mcp.servesPairs && parts.mode != .rest
            && (path == MCPDoor.streamPath || path == MCPDoor.messagesPath)
    }

    package func respond(to request: Request) async -> Response {
        if ConfirmationDoor.isPage(request.path) {
            return await pages.serve(request, CallID(parts.gateway.ports.entropy.identifier()))
        }
        var response = await answer(request)
        if isMCP(request.path) { mcp.share(&response, with: request) }
        guard let resources, ResourceDoor.isRefusal(response) else { return response }
        await resources.challenge(&response, isMCP: isMCP(request.path), path: request.path)
        return response
    }

    private func answer(_ request: Request) async -> Response {
        let call = CallID(parts.gateway.ports.entropy.identifier())
        let segments = CallbackPath.segments(of: request.path) ?? request.segments
        let reader = RequestReader(request: request)
        let isPlainEndpoint = parts.mode != .rest && segments.first == "mcp" && segments.count == 1
        if isPlainEndpoint || isEndpoint(request.path) { return await mcp.serve(reader, call: call) }
        if let told = await resources?.serve(request, call) { return told }
        if isOfPair(request.path) {
            return request.path == MCPDoor.streamPath
                ? await mcp.serveStream(reader, call: call) : await mcp.serveMessage(reader, call: call)
        }
        do throws(GatewayError) {
            if let (bytes, status) = try await serveApart(reader, segments, call) {
                return Response.json(bytes, status: HTTPResponseStatus(statusCode: status), call: call)
            }
        } catch {
            if let detail = error.detail {
                parts.gateway.ports.logger.error(
                    "request failed",
                    metadata: ["call": "\(call)", "detail": "\(detail)"]
                )
            }
            return ErrorResponse.make(error, call: call)
        }
        if parts.mode != .mcp, let response = await rest.serve(reader, segments: segments[...], call: call) {
            return response
        }
        return ErrorResponse.make(
            GatewayError(.notFound, "There is nothing at this path. GET /openapi.json says what there is."),
            call: call
        )
    }

    /// What no action is, because whoever asks need show no credential: M-Pesa's callbacks and `StandApart`.
    private func serveApart(
        _ reader: RequestReader,
        _ segments: [Substring],
        _ call: CallID
    ) async throws(GatewayError) -> (body: [UInt8], status: Int)? {
        let method = reader.request.method
        switch (segments.first, segments.count) {
        case ("cb", 3) where method == .POST:
            return (try await callbacks.receive(reader, organization: segments[1], token: segments[2]), 200)
        case ("mpesa", 3) where method == .POST, ("mpesa", 4) where method == .POST:
            return (try await callbacks.hint(reader, organization: segments[segments.count - 1]), 200)
        case ("mpesa", 2) where segments[1] == "status" && method == .GET:
            return (RESTReply.envelope(JSON.object(["status": "healthy"]).bytes, message: nil), 200)
        case _ where parts.mode == .mcp: return nil
        default:
            guard let route = StandApart.find(method.rawValue, segments) else { return nil }
            let body =
                if let answer = route.answer {
                    try await answer(auth, reader, call)
                } else { try await openAPI(reader, call) }
            return (body, route.route.successStatus)
        }
    }

    /// With a credential, the tools and actions that it may use.
    ///
    /// Without one, every action, which are the product's, and the tools that every plan has.
    private func openAPI(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        guard case .token = reader.credential else {
            let common = await parts.gateway.commonTools.view()
            return
                documents.text(ShownTexts.Key(tools: common, actions: nil)) {
                    document(common.tools, actions.sorted, FeedEvent.Kind.common, amongAccounts: false)
                }
                .bytes
        }
        let pipeline = parts.gateway.pipeline
        let action = try reader.action(call)
        let (tools, may, isPlural, principal, organization) = try await pipeline.perform(.listTools, action) {
            [actions] principal, membership throws(GatewayError) in
            (
                pipeline.view(for: principal, membership), pipeline.view(of: actions, for: principal, membership),
                try await pipeline.accounts(of: principal).isPlural, principal, membership.organization
            )
        }
        // Whoever sees its own alone, or some accounts', is shown no type of which it never gets an event.
        let seen = FeedEvent.Kind.seen(by: principal, of: organization)
        let form =
            (isPlural ? 1 : 0) + (principal.maker != nil ? 2 : 0) + (principal.accounts != nil ? 4 : 0)
            + (organization.isHost ? 8 : 0)
        return
            documents.text(ShownTexts.Key(tools: tools, actions: may, form: form)) {
                document(tools.tools, may.actions, seen, amongAccounts: isPlural)
            }
            .bytes
    }

    private func document(
        _ tools: [ToolRegistry.Entry],
        _ actions: [Action],
        _ kinds: [FeedEvent.Kind],
        amongAccounts isPlural: Bool
    ) -> ShownTexts.Text {
        let known = OpenAPIDocument.Known(
            tools: tools,
            actions: actions,
            kinds: kinds,
            hasSeveralAccounts: isPlural
        )
        return ShownTexts.Text(
            OpenAPIDocument.make(known, version: parts.version, publicURL: parts.publicURL).bytes
        )
    }
}

/// `tools.list`: what a credential may use, as plain HTTP shows it.
enum ToolListAction {
    static func make(_ pipeline: Pipeline) -> Action {
        let list = ToolList()
        return Action(
            .listTools,
            title: "List tools",
            summary: "The tools that this credential may use, with their schemas.",
            route: Route("GET", "/tools"),
            output: .data(["type": "array", "items": ["type": "object", "required": ["name", "inputSchema"]]])
        ) { use throws(GatewayError) in
            let view = pipeline.view(for: use.principal, use.membership)
            let isPlural = try await pipeline.accounts(of: use.principal).isPlural
            let tools = list.restList(of: view, amongAccounts: isPlural)
            return .data(tools, message: "The tools that this credential may use.")
        }
    }
}
