import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON

/// Tells clients that have no credential where to get one: the metadata of a protected resource (RFC 9728), and what in a
/// refusal leads there.
///
/// It says nothing that is not known from the address: of a path that is an organization's, who issues tokens for it.
struct ResourceDoor: Sendable {
    private let resources: ResourceIssuers
    private let commonTools: CommonTools

    /// Makes it; nil where no tokens but the gateway's own are taken.
    init?(_ gateway: Assembly) {
        guard let resources = gateway.authenticate.resources else { return nil }
        self.resources = resources
        commonTools = gateway.commonTools
    }

    /// Answers what is asked beneath the metadata's path; nil for every other path.
    func serve(_ request: Request, _ call: CallID) async -> Response? {
        guard request.path.utf8.starts(with: ProtectedResource.metadataPath.utf8) else { return nil }
        let path = String(request.path.dropFirst(ProtectedResource.metadataPath.utf8.count))
        guard path.isEmpty || path.hasPrefix("/") else { return nil }
        // Pages of assistants ask too, and nothing here is anybody's secret.
        let open: [(name: HeaderName, value: String)] = [(.allowOrigin, "*"), (.allowHeaders, "MCP-Protocol-Version")]
        switch request.method {
        case .OPTIONS: return Response(.noContent, headers: open)
        case .GET, .HEAD: break
        default:
            let error = GatewayError(.methodNotAllowed, "This can only be read.")
            return ErrorResponse.make(error, call: call, allow: ["GET"])
        }
        do throws(GatewayError) {
            guard let (name, issuers) = try await resources.at(path: path) else {
                throw GatewayError(.notFound, "Nobody issues tokens for this address.")
            }
            var response = Response.json(await document(name, issuers).bytes, call: call)
            for field in open { response.add(field.name, field.value) }
            return response
        } catch { return ErrorResponse.make(error, call: call) }
    }

    private func document(_ name: String, _ issuers: [String]) async -> JSON {
        [
            "resource": .string(name),
            "authorization_servers": .array(issuers.map { .string($0) }),
            "scopes_supported": .array(await scopes().map { .string($0) }),
            "bearer_methods_supported": ["header"],
            "resource_name": "M-Pesa gateway",
        ]
    }

    /// Adds to a refusal where its reader may learn who issues tokens, and to one that wants a credential what to ask for.
    func challenge(_ response: inout Response, isMCP: Bool, path: Substring) async {
        guard ResourceDoor.isRefusal(response) else { return }
        var place = isMCP ? String(path) : ""
        if resources.resource.at(path: place) == nil, isMCP { place = ProtectedResource.path }
        guard await isTold(of: place) else { return }
        var more = ", resource_metadata=\"\(resources.resource.metadata(at: place))\""
        let scopes = response.status == .unauthorized ? await scopes() : []
        if !scopes.isEmpty { more += ", scope=\"\(scopes.joined(separator: " "))\"" }
        response.extend(.wwwAuthenticate, with: more)
    }

    /// Whether there is a document of who issues tokens for a path; where nobody can say now, whoever goes there is told so.
    private func isTold(of place: String) async -> Bool {
        do throws(GatewayError) { return try await resources.at(path: place) != nil } catch { return true }
    }

    /// Whether it is for its credential that a request was refused.
    static func isRefusal(_ response: Response) -> Bool {
        response.status == .unauthorized || response.status == .forbidden
    }

    /// What the tools of every plan need: enough to use them, and nothing else.
    private func scopes() async -> [String] {
        Set(await commonTools.view().tools.flatMap(\.tool.scopes)).sorted()
    }
}
