import Gateway
import HTTPTypes
import Hummingbird
import OrderedJSON

/// The management listener: for operators and their machines, on an address of its own.
package struct ManagementResponder: HTTPResponder {
    private let isReady: @Sendable () async -> Bool
    private let metrics: @Sendable () -> String
    private let plugins: @Sendable () -> JSON

    /// Makes it of what it shows.
    package init(
        isReady: @escaping @Sendable () async -> Bool,
        metrics: @escaping @Sendable () -> String,
        plugins: @escaping @Sendable () -> JSON
    ) {
        self.isReady = isReady
        self.metrics = metrics
        self.plugins = plugins
    }

    package func respond(to request: Request, context: GatewayContext) async throws -> Response {
        guard request.method == .get else { return Response(status: .methodNotAllowed, headers: [.allow: "GET"]) }
        switch request.uri.path {
        case "/livez": return text("ok\n")
        case "/readyz": return await isReady() ? text("ready\n") : text("not ready\n", .serviceUnavailable)
        case "/metrics": return text(metrics(), type: "text/plain; version=0.0.4")
        case "/plugins":
            return Response(
                status: .ok,
                headers: [.contentType: "application/json"],
                body: ResponseBody(bytes: plugins().bytes)
            )
        default: return text("nothing here\n", .notFound)
        }
    }

    private func text(_ text: String, _ status: HTTPResponse.Status = .ok, type: String = "text/plain") -> Response {
        Response(status: status, headers: [.contentType: type], body: ResponseBody(bytes: Array(text.utf8)))
    }
}
