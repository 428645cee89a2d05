import Gateway
import Logging
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
        package let strangerBytesMax: Int
        package let pipeline: Pipeline
        package let registry: ToolRegistry
        package let accounts: Accounts
        package let records: any RecordRepository
        package let inbox: CallbackInbox
        package let addresses: CallbackAddresses
        package let asker: Asker
        package let exports: any PluginDataRepository
        package let entropy: Entropy
        package let logger: Logger

        /// Gathers them.
        package init(
            mode: Mode,
            version: String,
            publicURL: String,
            bodyBytesMax: Int = 1 << 20,
            strangerBytesMax: Int = 64 << 10,
            pipeline: Pipeline,
            registry: ToolRegistry,
            accounts: Accounts,
            records: any RecordRepository,
            inbox: CallbackInbox,
            addresses: CallbackAddresses,
            asker: Asker,
            exports: any PluginDataRepository,
            entropy: Entropy,
            logger: Logger
        ) {
            self.mode = mode
            self.version = version
            self.publicURL = publicURL
            self.bodyBytesMax = bodyBytesMax
            self.strangerBytesMax = strangerBytesMax
            self.pipeline = pipeline
            self.registry = registry
            self.accounts = accounts
            self.records = records
            self.inbox = inbox
            self.addresses = addresses
            self.asker = asker
            self.exports = exports
            self.entropy = entropy
            self.logger = logger
        }
    }

    private let parts: Parts
    private let rest: RESTDoor
    private let mcp: MCPDoor
    private let auth: AuthRoutes
    private let transactions: TransactionRoutes
    private let callbacks: CallbackRoutes
    private let exports: ExportRoutes

    /// Opens the doors of the mode.
    package init(_ parts: Parts) {
        self.parts = parts
        rest = RESTDoor(pipeline: parts.pipeline, registry: parts.registry, entropy: parts.entropy)
        mcp = MCPDoor(
            pipeline: parts.pipeline,
            registry: parts.registry,
            version: parts.version,
            publicURL: parts.publicURL,
            logger: parts.logger
        )
        auth = AuthRoutes(accounts: parts.accounts, pipeline: parts.pipeline)
        transactions = TransactionRoutes(records: parts.records, pipeline: parts.pipeline)
        exports = ExportRoutes(exports: parts.exports, pipeline: parts.pipeline, entropy: parts.entropy)
        callbacks = CallbackRoutes(
            inbox: parts.inbox,
            addresses: parts.addresses,
            records: parts.records,
            asker: parts.asker
        )
    }

    package func bodyBytesMax(path: Substring, head: HTTPRequestHead) -> Int {
        // Where no credential is shown, nobody is let in to send more than a stranger may.
        let isOpen = CallbackPath.segments(of: path) != nil || path.utf8.starts(with: "/auth/".utf8)
        return isOpen ? parts.strangerBytesMax : parts.bodyBytesMax
    }

    package func refusal(of head: HTTPRequestHead, address: String?) async -> Response? {
        let call = CallID(parts.entropy.identifier())
        let reader = RequestReader(request: Request(head, body: .whole([]), address: address))
        do throws(GatewayError) {
            try await parts.pipeline.admit(try reader.action(call))
            return nil
        } catch {
            return ErrorResponse.make(error, call: call)
        }
    }

    package func respond(to request: Request) async -> Response {
        let call = CallID(parts.entropy.identifier())
        let segments = CallbackPath.segments(of: request.path) ?? request.segments
        let reader = RequestReader(request: request)
        if parts.mode != .mcp, segments.first == "tools", segments.count > 1 {
            return await rest.serve(reader, segments: segments.dropFirst(), call: call)
        }
        if parts.mode != .rest, segments.first == "mcp", segments.count == 1 {
            return await mcp.serve(reader, call: call)
        }
        do throws(GatewayError) {
            if segments.first == "exports", segments.count == 2, request.method == .GET {
                return try await exports.serve(reader, id: segments[1], call: call)
            }
            if let bytes = try await route(reader, segments, call) {
                return Response.json(bytes, call: call)
            }
            return ErrorResponse.make(GatewayError(.notFound, "There is nothing at this path."), call: call)
        } catch {
            if let detail = error.detail {
                parts.logger.error("request failed", metadata: ["call": "\(call)", "detail": "\(detail)"])
            }
            return ErrorResponse.make(error, call: call)
        }
    }

    private func route(
        _ reader: RequestReader,
        _ segments: [Substring],
        _ call: CallID
    ) async throws(GatewayError) -> [UInt8]? {
        let method = reader.request.method
        switch (segments.first, segments.count) {
        case ("cb", 3) where method == .POST:
            return try await callbacks.receive(
                reader,
                organization: segments[1],
                token: segments[2]
            )
        case ("mpesa", 3) where method == .POST, ("mpesa", 4) where method == .POST:
            return try await callbacks.hint(reader, organization: segments[segments.count - 1])
        case _ where parts.mode == .mcp: return nil
        case ("auth", 2): return try await auth.serve(reader, action: segments[1], call: call)
        case ("transactions", 1) where method == .GET: return try await transactions.list(reader, call)
        case ("transactions", 2) where method == .GET: return try await transactions.show(reader, id: segments[1], call)
        case ("tools", 1) where method == .GET: return try await toolList(reader, call)
        case ("openapi.json", 1) where method == .GET: return try await openAPI(reader, call)
        default: return nil
        }
    }

    private func toolList(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let tools = try await listedTools(reader, call).map { MCPToolList.document($0, at: .rest) }
        return RESTReply.envelope(JSON.array(tools).bytes, message: "The tools that this credential may use.")
    }

    private func listedTools(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [ToolRegistry.Entry]
    {
        let pipeline = parts.pipeline
        return try await pipeline.perform(.listTools, try reader.action(call)) {
            principal,
            membership throws(GatewayError) in
            pipeline.tools(for: principal, membership)
        }
    }

    /// With a credential, the tools it may use.
    ///
    /// Without one, all: definitions are the product's, not a tenant's.
    private func openAPI(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        var tools = parts.registry.snapshot.sorted
        if case .token = reader.credential { tools = try await listedTools(reader, call) }
        return OpenAPIDocument.make(tools, version: parts.version, publicURL: parts.publicURL).bytes
    }
}
