import Synchronization

/// The actions that a caller may ask for: one for all callers with the same rights.
package final class ActionView: Sendable {
    /// No other view of the same registry has it.
    package let id: Int
    /// Sorted by name.
    package let actions: [Action]

    init(id: Int, _ actions: [Action]) {
        self.id = id
        self.actions = actions
    }
}

/// Who may ask for which actions, found out once for each kind of rights: actions never change while the host runs.
final class ActionViews: Sendable {
    private struct Key: Hashable {
        let rights: Principal.Rights
        let isHost: Bool
        let features: Set<String>?
    }

    /// How many kinds of rights are kept; past that they are looked at anew.
    private static let viewsMax = 1_000
    private let known = Mutex<(last: Int, views: [Key: ActionView])>((0, [:]))

    func view(
        of actions: [Action],
        for principal: Principal,
        _ membership: DirectoryCache.Membership
    ) -> ActionView {
        let key = Key(
            rights: Principal.Rights(principal),
            isHost: membership.organization.isHost,
            features: membership.plan.features
        )
        if let view = known.withLock({ $0.views[key] }) { return view }
        let allowed = actions.filter { Authorize.allows($0, principal, membership) }
        return known.withLock { known in
            if known.views.count >= ActionViews.viewsMax { known.views = [:] }
            known.last += 1
            let view = ActionView(id: known.last, allowed)
            known.views[key] = view
            return view
        }
    }
}
