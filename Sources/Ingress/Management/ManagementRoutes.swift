import Gateway

/// Every route of the management listener: what is not here is not answered.
///
/// None is an action (docs/adr/0023): who asks shows the operator's token, and is nobody of an organization.
struct ManagementRoute: Sendable {
    /// Method and path.
    let route: Route
    /// What is the operator's alone, in the words of a refusal; nil where whoever reaches the listener may look.
    let isKept: String?

    /// Every one of them; a path's own text stands before an argument.
    static let all = [
        open("GET", "/livez"), open("GET", "/readyz"), open("GET", "/metrics"), open("GET", "/plugins"),
        kept("POST", "/plugins/install", plugins), kept("POST", "/plugins/{name}/promote", plugins),
        kept("POST", "/plugins/{name}/rollback", plugins), kept("DELETE", "/plugins/{name}", plugins),
        kept("GET", "/master-key", masterKey), kept("POST", "/master-key/rotate", masterKey),
    ]

    private static let plugins = "its plugins cannot be changed here"
    private static let masterKey = "its master key is not changed here"

    /// The route that a request means.
    static func find(_ method: String, _ path: [Substring]) -> ManagementRoute? {
        all.first { $0.route.method == method && $0.route.arguments(in: path[...]) != nil }
    }

    /// The methods that a path answers to.
    static func methods(of path: [Substring]) -> [String] {
        all.filter { $0.route.arguments(in: path[...]) != nil }.map(\.route.method)
    }

    private static func open(_ method: String, _ path: String) -> ManagementRoute {
        ManagementRoute(route: Route(method, path), isKept: nil)
    }

    private static func kept(_ method: String, _ path: String, _ subject: String) -> ManagementRoute {
        ManagementRoute(route: Route(method, path), isKept: subject)
    }
}
