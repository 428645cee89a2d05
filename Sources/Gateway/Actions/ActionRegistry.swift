/// Every action of the host's own, found by name, and by method and path.
package struct ActionRegistry: Sendable {
    /// What a method and a path lead to.
    package enum RouteMatch: Sendable {
        /// An action, with the arguments that its path holds.
        case action(Action, arguments: [(name: String, value: String)])
        /// The path is some action's, with these methods.
        case otherMethods([String])
        /// Nothing.
        case none
    }

    /// By name.
    package let sorted: [Action]
    private let byPlace: [String: [Action]]

    /// Puts actions together; of two with one name, or one route, the first stands.
    package init(_ actions: [Action]) {
        var kept: [Action] = []
        for action in actions where !kept.contains(where: { ActionRegistry.clash($0, action) }) { kept.append(action) }
        sorted = kept.sorted { $0.name < $1.name }
        byPlace = Dictionary(grouping: sorted) { action in
            guard case .literal(let text)? = action.route.segments.first else { return "" }
            return text
        }
    }

    /// Whether two actions cannot stand side by side.
    package static func clash(_ one: Action, _ other: Action) -> Bool {
        one.name == other.name
            || (one.route.method == other.route.method && one.route.meets(other.route)
                && one.route.pathArguments.count == other.route.pathArguments.count)
    }

    /// The action of this name.
    package func action(_ name: String) -> Action? { sorted.first { $0.name == name } }

    /// The action that goes by this name among the tools of MCP.
    package func tool(_ name: String) -> Action? { sorted.first { $0.tool == name } }

    /// The action that reads a URI of the host's own, and the argument that the URI holds.
    package func resource(_ uri: String) -> (action: Action, argument: String, value: String)? {
        guard uri.hasPrefix(ActionResource.scheme) else { return nil }
        for action in sorted {
            guard let resource = action.resource, let value = resource.named(in: uri) else { continue }
            return (action, resource.argument, value)
        }
        return nil
    }

    /// The action that a request means, and the arguments in its path.
    ///
    /// A path's own text goes before an argument that takes any.
    package func route(method: String, segments: ArraySlice<Substring>) -> RouteMatch {
        guard let place = segments.first, let actions = byPlace[String(place)] else { return .none }
        var allowed: [String] = []
        var best: (action: Action, arguments: [(name: String, value: String)])?
        for action in actions {
            guard let arguments = action.route.arguments(in: segments) else { continue }
            guard action.route.method == method else {
                if !allowed.contains(action.route.method) { allowed.append(action.route.method) }
                continue
            }
            if best.map({ arguments.count < $0.arguments.count }) ?? true { best = (action, arguments) }
        }
        if let best { return .action(best.action, arguments: best.arguments) }
        return allowed.isEmpty ? .none : .otherMethods(allowed.sorted())
    }
}
