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

        /// Which way the money goes that it moves; `none` for a tool that starts no operation.
        package var direction: OperationDirection {
            guard case .operation(let index) = tool.kind else { return .none }
            return plugin.operations[index].direction
        }
        /// What a call of it looks like.
        package var schemas: CallSchemas { plugin.callSchemas[tool.index] }
    }

    /// A generation that is tried out: for whom.
    package struct Canary: Sendable {
        /// The generation.
        package let plugin: LoadedPlugin
        /// How many of a million calls go to it.
        package let share: Int
        /// Organizations whose calls all go to it.
        package let organizations: Set<OrganizationID>

        /// States a canary.
        package init(plugin: LoadedPlugin, share: Int, organizations: Set<OrganizationID>) {
            self.plugin = plugin
            self.share = share
            self.organizations = organizations
        }

        func takes(_ call: CallID, of organization: OrganizationID) -> Bool {
            if organizations.contains(organization) { return true }
            guard share > 0 else { return false }
            // FNV-1a over the id: its low half is random.
            let hash = call.description.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
                ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
            }
            return Int((hash >> 11) % 1_000_000) < share
        }
    }

    /// All that is published of one plugin.
    package struct Arrangement: Sendable {
        /// Serves calls; nil while only a canary is there.
        package var live: LoadedPlugin?
        /// Is tried out.
        package var canary: Canary?
        /// Serves no calls, but understands records that it began.
        package var standby: LoadedPlugin?

        /// States an arrangement.
        package init(live: LoadedPlugin? = nil, canary: Canary? = nil, standby: LoadedPlugin? = nil) {
            self.live = live
            self.canary = canary
            self.standby = standby
        }

        /// The live generation where it understands a kind of record, or else another that does.
        func generation(for operation: String) -> (plugin: LoadedPlugin, index: Int)? {
            for candidate in [live, canary?.plugin, standby] {
                if let candidate, let index = candidate.operationIndex(operation) { return (candidate, index) }
            }
            return nil
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
        /// Another plugin's URIs begin so.
        case uris(String, plugin: String)
        /// Another plugin has a prompt of this name.
        case prompt(String, plugin: String)
    }

    private let current = Mutex(Snapshot(revision: 0, plugins: [:]))

    /// Makes an empty registry.
    package init() {}

    /// The tools as they are now.
    package var snapshot: Snapshot { current.withLock { $0 } }

    /// Puts a generation in the place of whatever was published of its plugin.
    ///
    /// - Throws: as `arrange` does.
    package func publish(_ plugin: LoadedPlugin) throws(Clash) {
        try arrange(plugin.id, Arrangement(live: plugin))
    }

    /// Puts an arrangement in the place of the plugin's present one.
    ///
    /// - Throws: `Clash` when a tool's name or route is another plugin's; then nothing has changed.
    package func arrange(_ id: String, _ arrangement: Arrangement) throws(Clash) {
        try current.withLock { snapshot throws(Clash) in
            for plugin in [arrangement.live, arrangement.canary?.plugin].compactMap({ $0 }) {
                try ToolRegistry.check(plugin, against: snapshot)
            }
            var plugins = snapshot.arrangements
            plugins[id] = arrangement
            snapshot = Snapshot(revision: snapshot.revision + 1, plugins: plugins)
        }
    }

    private static func check(_ plugin: LoadedPlugin, against snapshot: Snapshot) throws(Clash) {
        for entry in snapshot.routable where entry.plugin.id != plugin.id {
            for tool in plugin.tools {
                if tool.name == entry.tool.name { throw Clash.toolName(tool.name, plugin: entry.plugin.id) }
                if tool.route.method == entry.tool.route.method, tool.route.meets(entry.tool.route) {
                    throw Clash.route("\(tool.route.method) \(tool.route.template)", tool: entry.tool.name)
                }
            }
        }
        for (id, arrangement) in snapshot.arrangements where id != plugin.id {
            for other in [arrangement.live, arrangement.canary?.plugin].compactMap({ $0 }) {
                for uri in plugin.uris where other.uris.contains(where: { URIPrefix.meet($0, uri) }) {
                    throw Clash.uris(uri, plugin: id)
                }
                try check(prompts: plugin, against: other)
            }
        }
    }

    /// No prompt that may ask passes for another plugin's, or another plugin's for it; those that are pure were never held
    /// to that among themselves.
    private static func check(prompts plugin: LoadedPlugin, against other: LoadedPlugin) throws(Clash) {
        let (pure, asking) = (other.prompts.map(\.name), other.askingPrompts.map(\.name))
        for prompt in plugin.askingPrompts where (pure + asking).contains(prompt.name) {
            throw Clash.prompt(prompt.name, plugin: other.id)
        }
        for prompt in plugin.prompts where asking.contains(prompt.name) {
            throw Clash.prompt(prompt.name, plugin: other.id)
        }
    }

    /// Whether a generation could be published now.
    ///
    /// - Throws: as `arrange` does.
    package func check(_ plugin: LoadedPlugin) throws(Clash) { try ToolRegistry.check(plugin, against: snapshot) }

    /// Takes all of a plugin away.
    package func withdraw(_ plugin: String) {
        current.withLock { snapshot in
            var plugins = snapshot.arrangements
            guard plugins.removeValue(forKey: plugin) != nil else { return }
            snapshot = Snapshot(revision: snapshot.revision + 1, plugins: plugins)
        }
    }
}

extension ToolRegistry {
    /// All tools at one moment.
    package final class Snapshot: Sendable {
        /// Counts up with each change; doors key what they cache by it.
        package let revision: Int
        /// By plugin id.
        package let arrangements: [String: Arrangement]
        /// Tools of live generations, by name.
        package let tools: [String: Entry]
        /// Tools of live generations by name, sorted, for lists.
        package let sorted: [Entry]
        /// `sorted`, and the tools that only a canary has.
        package let routable: [Entry]
        /// The names of tools of which some generation has arguments that stand in headers too: few, if any.
        package let namesWithHeaderParameters: Set<String>
        /// The namespaces of M-Pesa's ids by which some tool looks up, sorted.
        package let namespaces: [String]
        /// Where callbacks that carry no token may name a transaction of some kind.
        package let hints: Set<HintBinding>
        private let canaries: [String: Canary]
        private let canaryTools: [String: Entry]

        init(revision: Int, plugins: [String: Arrangement]) {
            self.revision = revision
            arrangements = plugins
            canaries = plugins.compactMapValues(\.canary)
            let tools = Snapshot.tools(of: plugins.values.compactMap(\.live))
            let canaryTools = Snapshot.tools(of: canaries.values.map(\.plugin))
            self.tools = tools
            self.canaryTools = canaryTools
            sorted = tools.values.sorted { $0.tool.name < $1.tool.name }
            routable = sorted + canaryTools.values.filter { tools[$0.tool.name] == nil }
            let all = [tools.values, canaryTools.values].joined()
            let plugins = plugins.values.flatMap { [$0.live, $0.canary?.plugin, $0.standby] }
            hints = Set(plugins.compactMap { $0 }.flatMap(\.operations).compactMap(\.hint))
            namespaces = Set(all.compactMap(\.tool.lookUpNamespace)).sorted()
            namesWithHeaderParameters = Set(all.filter { !$0.tool.headerParameters.isEmpty }.map(\.tool.name))
        }

        private static func tools(of plugins: [LoadedPlugin]) -> [String: Entry] {
            var tools: [String: Entry] = [:]
            for plugin in plugins {
                for tool in plugin.tools { tools[tool.name] = Entry(tool: tool, plugin: plugin) }
            }
            return tools
        }

        /// The live generation of a plugin.
        package func live(_ plugin: String) -> LoadedPlugin? { arrangements[plugin]?.live }

        /// A tool by name, whoever may see it: for what is the same in every generation.
        package func tool(_ name: String) -> ToolDescriptor? { (tools[name] ?? canaryTools[name])?.tool }

        /// The generation that serves one call of an organization's: the live one, or the canary where it is chosen.
        ///
        /// A tool that only the canary has is there for the organizations that it is tried out on, for nobody else.
        package func entry(_ name: String, organization: OrganizationID, call: CallID) -> Entry? {
            let live = tools[name]
            guard !canaries.isEmpty, let tried = canaryTools[name], let canary = canaries[tried.plugin.id] else {
                return live
            }
            if live == nil { return canary.organizations.contains(organization) ? tried : nil }
            return canary.takes(call, of: organization) ? tried : live
        }

        /// The tools that an organization finds, sorted by name.
        package func entries(for organization: OrganizationID) -> [Entry] {
            let ids = Set(canaries.filter { $0.value.organizations.contains(organization) }.keys)
            guard !ids.isEmpty else { return sorted }
            let tried = canaryTools.values.filter { ids.contains($0.plugin.id) }
            return (sorted.filter { !ids.contains($0.plugin.id) } + tried).sorted { $0.tool.name < $1.tool.name }
        }

        /// A generation that understands a kind of record: the live one, or else another that is loaded.
        package func generation(of plugin: String, for operation: String) -> (plugin: LoadedPlugin, index: Int)? {
            arrangements[plugin]?.generation(for: operation)
        }

        /// The tool that a REST request means, and the arguments in its path.
        package func route(method: String, segments: ArraySlice<Substring>) -> RouteMatch {
            var allowed: [String] = []
            for entry in routable where entry.tool.route.segments.count == segments.count {
                guard let arguments = entry.tool.route.arguments(in: segments) else { continue }
                if entry.tool.route.method == method { return .tool(entry, arguments: arguments) }
                allowed.append(entry.tool.route.method)
            }
            return allowed.isEmpty ? .none : .otherMethods(allowed)
        }
    }
}
