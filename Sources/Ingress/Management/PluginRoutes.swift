import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON

/// Plugins over the management listener; who may ask what says `ManagementRoute`.
struct PluginRoutes: Sendable {
    /// The longest library.
    static let libraryBytesMax = 64 << 20

    let plugins: any PluginAdministration
    let entropy: Entropy

    /// Answers `/plugins…`.
    func respond(to request: Request) async -> Response {
        let call = CallID(entropy.identifier())
        do throws(GatewayError) {
            return .json(try await answer(request).bytes, call: call)
        } catch {
            return ErrorResponse.make(error, call: call, allow: error.code == .methodNotAllowed ? ["GET", "POST"] : [])
        }
    }

    private func answer(_ request: Request) async throws(GatewayError) -> JSON {
        let segments = request.segments
        switch (request.method, segments.count, segments.last) {
        case (.GET, 1, _): return plugins.report()
        case (.POST, 2, "install"):
            return try await plugins.install(try RequestReader(request: request).body(), installation(request))
        case (.POST, 3, "promote"):
            let query = PluginQuery(request)
            return try await plugins.promote(
                String(segments[1]),
                share: query.share(),
                organizations: query.organizations()
            )
        case (.POST, 3, "rollback"):
            return try await plugins.rollBack(String(segments[1]))
        case (.DELETE, 2, _):
            try await plugins.remove(String(segments[1]))
            return ["removed": .string(String(segments[1]))]
        default: throw GatewayError(.notFound, "There is nothing here. docs/operating.md lists the routes of plugins.")
        }
    }

    private func installation(_ request: Request) throws(GatewayError) -> InstallRequest {
        let query = PluginQuery(request)
        var installation = InstallRequest()
        installation.entry = try query.object("entry", "a JSON object, as in plugins.json")
        installation.signature = try query.object("signature", "the document that plugin sign wrote")
        installation.sha256 = query["sha256"]
        installation.share = try query.share() ?? 0
        installation.organizations = try query.organizations()
        installation.promotes = try query.flag("promote")
        installation.allowsBreaking = try query.flag("allow_breaking")
        installation.grantsNeeds = try query.flag("grant_needs")
        installation.isUnchecked = try query.flag("unchecked")
        return installation
    }
}

/// The parameters of plugin routes.
private struct PluginQuery {
    private let parameters: [(name: String, value: String)]

    init(_ request: Request) { parameters = request.queryParameters }

    subscript(name: String) -> String? { parameters.first { $0.name == name }?.value }

    func flag(_ name: String) throws(GatewayError) -> Bool {
        switch self[name] {
        case nil, "false": return false
        case "true", "": return true
        default: throw PluginQuery.wrong(name, "true or false")
        }
    }

    /// In parts of a million.
    func share() throws(GatewayError) -> Int? {
        guard let text = self["canary_share"] else { return nil }
        guard let share = Double(text), (0...1).contains(share) else {
            throw PluginQuery.wrong("canary_share", "a fraction from 0 to 1, such as 0.05")
        }
        return Int(share * 1_000_000)
    }

    func organizations() throws(GatewayError) -> [OrganizationID] {
        var organizations: [OrganizationID] = []
        for parameter in parameters where parameter.name == "organization" {
            guard let id = OrganizationID(parameter.value) else {
                throw PluginQuery.wrong("organization", "an organization's id")
            }
            organizations.append(id)
        }
        return organizations
    }

    func object(_ name: String, _ expected: String) throws(GatewayError) -> JSON? {
        guard let text = self[name] else { return nil }
        guard let object = try? JSON(parsing: text), object.objectValue != nil else {
            throw PluginQuery.wrong(name, expected)
        }
        return object
    }

    private static func wrong(_ name: String, _ expected: String) -> GatewayError {
        GatewayError(.invalidArgument, "\(name): expected \(expected).")
    }
}
