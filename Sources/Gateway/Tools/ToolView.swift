import Synchronization

/// The tools that a caller sees: one for all callers who see the same.
package final class ToolView: Sendable {
    /// No other view has it; what is made of a view is kept by it.
    package let id: Int
    /// Sorted by name.
    package let tools: [ToolRegistry.Entry]

    private static let last = Atomic(0)

    init(_ tools: [ToolRegistry.Entry]) {
        id = ToolView.last.add(1, ordering: .relaxed).newValue
        self.tools = tools
    }
}

/// The views of one membership's callers; at most `rightsMax`, past which they are found out again.
final class MembershipViews: Sendable {
    private static let rightsMax = 16
    private let known = Mutex<(revision: Int, views: [Principal.Rights: ToolView])>((-1, [:]))

    func view(_ rights: Principal.Rights, at revision: Int, _ find: () -> ToolView) -> ToolView {
        if let view = known.withLock({ $0.revision == revision ? $0.views[rights] : nil }) { return view }
        let view = find()
        known.withLock { known in
            if known.revision != revision || known.views.count >= MembershipViews.rightsMax { known = (revision, [:]) }
            known.views[rights] = view
        }
        return view
    }
}
