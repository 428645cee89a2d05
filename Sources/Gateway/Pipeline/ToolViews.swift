import Synchronization

/// Who sees which tools, found out once for each membership and each of its callers' rights.
///
/// A membership is made anew when the configuration changes, a registry's revision counts up with each change of a
/// plugin: what is kept under both needs no other end. Memberships that see the same share one view, and so do the texts
/// that doors make of it.
package final class ToolViews: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How many different views are kept to be shared; past that they are made anew.
        ///
        /// Default 1,000.
        package var viewsMax = 1_000

        /// The defaults.
        package init() {}
    }

    private struct Place: Hashable {
        let plugin: String
        let generation: Int
        let tool: Int
    }

    private struct Contents: Hashable {
        let revision: Int
        let places: [Place]
    }

    private let registry: ToolRegistry
    private let settings: Settings
    private let shared = Mutex<[Contents: ToolView]>([:])
    private let searches = Atomic(0)

    /// How often it was found out who sees what: what tests count.
    package var searchCount: Int { searches.load(ordering: .relaxed) }

    /// Makes it over what is loaded.
    init(registry: ToolRegistry, settings: Settings = Settings()) {
        self.registry = registry
        self.settings = settings
    }

    /// What a caller sees now.
    func view(for principal: Principal, _ membership: DirectoryCache.Membership) -> ToolView {
        let snapshot = registry.snapshot
        return membership.views.view(Principal.Rights(principal), at: snapshot.revision) {
            searches.add(1, ordering: .relaxed)
            let tools = snapshot.entries(for: principal.organization)
                .filter { Authorize.allows($0.tool, principal: principal, membership: membership) }
            return share(tools, at: snapshot.revision)
        }
    }

    private func share(_ tools: [ToolRegistry.Entry], at revision: Int) -> ToolView {
        let contents = Contents(
            revision: revision,
            places: tools.map { Place(plugin: $0.plugin.id, generation: $0.plugin.generation, tool: $0.tool.index) }
        )
        return shared.withLock { shared in
            if let view = shared[contents] { return view }
            if shared.count >= settings.viewsMax { shared = [:] }
            let view = ToolView(tools)
            shared[contents] = view
            return view
        }
    }
}
