import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON

/// The management listener: for operators and their machines, on an address of its own.
package final class ManagementResponder: HTTPHandler {
    private let health: Health
    private let isReady: @Sendable () async -> Bool
    private let metrics: @Sendable () -> String
    private let plugins: PluginRoutes
    private let masterKey: MasterKeyRoutes
    private let access: OperatorAccess
    private let names: OwnNames
    private let entropy: Entropy

    /// Makes it of what it shows, and of the names that it answers to.
    ///
    /// `isReady` is asked each time; `health` knows what its parts have said.
    package init(
        health: Health,
        isReady: @escaping @Sendable () async -> Bool,
        metrics: @escaping @Sendable () -> String,
        plugins: any PluginAdministration,
        masterKey: any MasterKeyAdministration,
        operatorToken: Secret<[UInt8]>?,
        names: OwnNames,
        entropy: Entropy
    ) {
        self.health = health
        self.isReady = isReady
        self.metrics = metrics
        self.names = names
        self.entropy = entropy
        access = OperatorAccess(token: operatorToken)
        self.plugins = PluginRoutes(plugins: plugins, entropy: entropy)
        self.masterKey = MasterKeyRoutes(keys: masterKey, entropy: entropy)
    }

    package func bodyBytesMax(path: Substring, head: HTTPRequestHead) -> Int {
        // Nothing is read for somebody who may not change plugins.
        guard stranger(head.headers) == nil else { return 0 }
        let mayInstall = path == "/plugins/install" && access.isOperator(Request(head, body: .whole([]), address: nil))
        return mayInstall ? PluginRoutes.libraryBytesMax : 0
    }

    package func response(refusing refusal: HTTPRefusal, path: Substring) -> Response { ErrorResponse.make(refusal) }

    package func respond(to request: Request) async -> Response {
        if let refusal = stranger(request.headers) { return refusal }
        guard let route = ManagementRoute.find(request.method.rawValue, request.segments) else {
            let methods = ManagementRoute.methods(of: request.segments)
            guard methods.isEmpty else { return Response(.methodNotAllowed, headers: [(.allow, allowed(methods))]) }
            return text("nothing here: docs/operating.md lists what there is\n", .notFound)
        }
        do throws(GatewayError) {
            if let subject = route.isKept { try access.check(request, else: subject) }
        } catch { return ErrorResponse.make(error, call: CallID(entropy.identifier())) }
        switch request.segments.first {
        case "livez": return text("ok\n")
        case "readyz": return await readiness()
        case "metrics": return text(metrics(), type: "text/plain; version=0.0.4")
        case "master-key": return await masterKey.respond(to: request)
        default: return await plugins.respond(to: request)
        }
    }

    private func allowed(_ methods: [String]) -> String {
        methods.flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }.joined(separator: ", ")
    }

    /// The verdict in the first line, then what is wrong, a line each.
    private func readiness() async -> Response {
        let isReady = await isReady() && health.isReady
        let reasons = health.reasons
        let verdict = isReady ? (reasons.isEmpty ? "ready" : "ready, degraded") : "not ready"
        let lines = [verdict] + reasons.map { "\($0.severity.rawValue): \($0.name): \($0.sentence)" }
        return text(lines.joined(separator: "\n") + "\n", isReady ? .ok : .serviceUnavailable)
    }

    /// Refuses what a page on the web could make a browser send here.
    ///
    /// A client of HTTP/1.0 need not say a name, and is no browser.
    private func stranger(_ headers: HTTPHeaders) -> Response? {
        if let host = headers.value(of: .host), !names.contains(host) {
            return text("this listener has another name: see GATEWAY_MANAGEMENT_NAMES\n", .misdirectedRequest)
        }
        if let origin = headers.value(of: .origin), !names.contains(origin: origin) {
            return text("pages of this origin may not ask here\n", .forbidden)
        }
        return nil
    }

    private func text(_ text: String, _ status: HTTPResponseStatus = .ok, type: String = "text/plain") -> Response {
        Response(status, headers: [(.contentType, type)], body: Array(text.utf8))
    }
}
