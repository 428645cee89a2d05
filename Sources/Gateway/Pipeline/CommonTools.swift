import Synchronization

/// The tools that every plan has: what whoever shows no credential is told of.
///
/// What only some organizations have is nobody else's to know. Found out once for each configuration and each set of
/// loaded tools, so that a stranger's question asks the store nothing; and by one at a time: who comes meanwhile is shown
/// what was common before.
package final class CommonTools: Sendable {
    /// How many plans are read at a time.
    private static let page = 500

    private struct Known: Sendable {
        let view: ToolView
        let revision: Int
        let stamp: ConfigurationWatch.Stamp
    }

    private let plans: any PlanRepository
    private let registry: ToolRegistry
    private let configuration: ConfigurationWatch
    private let known = Mutex<(last: Known?, isLooking: Bool)>((nil, false))
    private let none = ToolView([])

    /// Makes it over what is loaded and the plans that there are.
    init(plans: any PlanRepository, registry: ToolRegistry, configuration: ConfigurationWatch) {
        self.plans = plans
        self.registry = registry
        self.configuration = configuration
    }

    /// What every plan has now; where the store is away, what every plan had, or nothing.
    package func view() async -> ToolView {
        do throws(GatewayError) {
            try await configuration.believe()
            let snapshot = registry.snapshot
            if let view = held(at: snapshot.revision) { return view }
            guard begins() else { return last }
            defer { known.withLock { $0.isLooking = false } }
            let stamp = configuration.stamp
            let view = view(of: try await common(snapshot.sorted))
            known.withLock { $0.last = Known(view: view, revision: snapshot.revision, stamp: stamp) }
            return view
        } catch { return last }
    }

    private var last: ToolView { known.withLock { $0.last?.view } ?? none }

    private func held(at revision: Int) -> ToolView? {
        known.withLock { known in
            guard let last = known.last, last.revision == revision, configuration.holds(last.stamp, for: nil) else {
                return nil
            }
            return last.view
        }
    }

    /// Whether nobody else is finding out.
    private func begins() -> Bool {
        known.withLock { known in
            defer { known.isLooking = true }
            return !known.isLooking
        }
    }

    /// One view for the same tools, so that what is made of it need not be made anew for each plan that changes.
    private func view(of tools: [ToolRegistry.Entry]) -> ToolView {
        let last = last
        let isSame = last.tools.elementsEqual(tools) { $0.plugin === $1.plugin && $0.tool.index == $1.tool.index }
        return isSame ? last : ToolView(tools)
    }

    private func common(_ all: [ToolRegistry.Entry]) async throws(GatewayError) -> [ToolRegistry.Entry] {
        var tools = all
        var name: String?
        var isAnybodys = false
        while !tools.isEmpty {
            let page = try await plans.plans(after: name, limit: CommonTools.page)
            // Whoever runs the gateway is no customer: its own organization's plan has no tool.
            for plan in page where plan.name != Organization.hostSlug {
                isAnybodys = true
                tools.removeAll {
                    let tool = $0.tool
                    return !plan.has(tool: tool.name, movingMoney: tool.annotations.movesMoney)
                }
            }
            guard page.count == CommonTools.page else { break }
            name = page.last?.name
        }
        // Where there is no plan of customers yet, nobody has any tool.
        return isAnybodys ? tools : []
    }
}
