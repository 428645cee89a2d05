import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON

/// Organizations over the management listener, for whoever has the operator's token.
///
///     GET  /organizations/SLUG
///     POST /organizations/SLUG/switches?resends_not_found=on
struct OrganizationRoutes: Sendable {
    let organizations: OrganizationChanges
    let entropy: Entropy

    /// Answers `/organizations…`.
    func respond(to request: Request) async -> Response {
        let call = CallID(entropy.identifier())
        do throws(GatewayError) {
            return .json(try await answer(request, call).bytes, call: call)
        } catch {
            return ErrorResponse.make(error, call: call)
        }
    }

    private func answer(_ request: Request, _ call: CallID) async throws(GatewayError) -> JSON {
        let segments = request.segments
        let slug = segments.count > 1 ? String(segments[1]) : ""
        switch (request.method, segments.count, segments.last) {
        case (.GET, 2, _): return try await organizations.show(slug.removingURLPercentEncoding() ?? slug)
        case (.POST, 3, "switches"):
            return try await organizations.set(
                try switches(request),
                of: slug.removingURLPercentEncoding() ?? slug,
                by: Accounts.Caller(call: call, address: request.address)
            )
        default: throw GatewayError(.notFound, "There is nothing here. docs/operating.md lists what there is.")
        }
    }

    private func switches(_ request: Request) throws(GatewayError) -> [OrganizationChanges.Switch: Bool] {
        var switches: [OrganizationChanges.Switch: Bool] = [:]
        for (name, value) in request.queryParameters {
            guard let known = OrganizationChanges.Switch(rawValue: name), switches[known] == nil else {
                throw GatewayError(.invalidArgument, "\(name): expected one of \(Self.names), each once.")
            }
            switch value {
            case "on", "true": switches[known] = true
            case "off", "false": switches[known] = false
            default: throw GatewayError(.invalidArgument, "\(name): expected on or off.")
            }
        }
        guard !switches.isEmpty else { throw GatewayError(.invalidArgument, "Name a switch: \(Self.names).") }
        return switches
    }

    private static let names = OrganizationChanges.Switch.allCases.map(\.rawValue).joined(separator: ", ")
}
