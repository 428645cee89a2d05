import Synchronization

/// Which tools there are now: the one place that every door and every stage looks them up.
///
/// A snapshot is immutable. Publishing a generation builds the next snapshot beside the current one and swaps it in
/// under a lock held for one assignment; a call keeps the snapshot, and so the generation, that it began with.
package final class ToolRegistry: Sendable {
    /// A tool and the generation that serves it.
    package struct Entry: Sendable {
        /// The tool.
        package let tool: ToolDescriptor
        /// Its plugin.
        package let plugin: LoadedPlugin
    }

    /// All tools at one moment.
    package final class Snapshot: Sendable {
        /// Counts up with each change; doors key what they cache by it.
        package let revision: Int
        /// Live generations by plugin id.
        package let plugins: [String: LoadedPlugin]
        /// By name.
        package let tools: [String: Entry]
        /// By name, sorted, for lists.
        package let sorted: [Entry]

        fileprivate init(revision: Int, plugins: [String: LoadedPlugin]) {
            self.revision = revision
            self.plugins = plugins
            var tools: [String: Entry] = [:]
            for plugin in plugins.values {
                for tool in plugin.tools { tools[tool.name] = Entry(tool: tool, plugin: plugin) }
            }
            self.tools = tools
            self.sorted = tools.values.sorted { $0.tool.name < $1.tool.name }
        }

        /// The tool that a REST request means, and the arguments in its path.
        package func route(method: String, segments: ArraySlice<Substring>) -> RouteMatch {
            var allowed: [String] = []
            for entry in sorted {
                guard let arguments = entry.tool.route.arguments(in: segments) else { continue }
                if entry.tool.route.method == method { return .tool(entry, arguments: arguments) }
                allowed.append(entry.tool.route.method)
            }
            return allowed.isEmpty ? .none : .otherMethods(allowed)
        }
    }

    /// What a method and a path lead to.
    package enum RouteMatch: Sendable {
        /// A tool, with the arguments that its path holds.
        case tool(Entry, arguments: [(name: String, value: String)])
        /// The path is some tool's, with these methods.
        case otherMethods([String])
        /// Nothing.
        case none
    }

    /// Why a generation cannot be published beside those that are live (rule C2).
    package enum Clash: Error, Sendable, Equatable {
        /// Another plugin has a tool of this name.
        case toolName(String, plugin: String)
        /// Another tool answers to this method and path.
        case route(String, tool: String)
    }

    private let current = Mutex(Snapshot(revision: 0, plugins: [:]))

    /// Makes an empty registry.
    package init() {}

    /// The tools as they are now.
    package var snapshot: Snapshot { current.withLock { $0 } }

    /// Puts a generation in the place of the plugin's live one, or beside the others when it is new.
    ///
    /// - Throws: `Clash` when a tool's name or route is another plugin's; then nothing has changed.
    /// - Returns: The generation that was live before.
    @discardableResult
    package func publish(_ plugin: LoadedPlugin) throws(Clash) -> LoadedPlugin? {
        try current.withLock { snapshot throws(Clash) in
            var plugins = snapshot.plugins
            let before = plugins.updateValue(plugin, forKey: plugin.id)
            for entry in snapshot.sorted where entry.plugin.id != plugin.id {
                for tool in plugin.tools {
                    if tool.name == entry.tool.name { throw Clash.toolName(tool.name, plugin: entry.plugin.id) }
                    if tool.route.method == entry.tool.route.method, tool.route.meets(entry.tool.route) {
                        throw Clash.route("\(tool.route.method) \(tool.route.template)", tool: entry.tool.name)
                    }
                }
            }
            snapshot = Snapshot(revision: snapshot.revision + 1, plugins: plugins)
            return before
        }
    }

    /// Takes a plugin's tools away.
    package func withdraw(_ plugin: String) {
        current.withLock { snapshot in
            var plugins = snapshot.plugins
            guard plugins.removeValue(forKey: plugin) != nil else { return }
            snapshot = Snapshot(revision: snapshot.revision + 1, plugins: plugins)
        }
    }
}

extension ToolDescriptor.Route {
    /// The arguments that a path's segments hold, when the path is this route's; nil otherwise.
    package func arguments(in path: ArraySlice<Substring>) -> [(name: String, value: String)]? {
        guard path.count == segments.count else { return nil }
        var arguments: [(name: String, value: String)] = []
        for (segment, text) in zip(segments, path) {
            switch segment {
            case .literal(let literal):
                guard literal == text else { return nil }
            case .argument(let name):
                guard !text.isEmpty else { return nil }
                arguments.append((name, String(text)))
            }
        }
        return arguments
    }

    /// Whether some path belongs to both routes, so that which tool it means would depend on their order.
    package func meets(_ other: ToolDescriptor.Route) -> Bool {
        segments.count == other.segments.count
            && zip(segments, other.segments)
                .allSatisfy { pair in
                    switch pair {
                    case (.literal(let left), .literal(let right)): left == right
                    default: true
                    }
                }
    }
}
