import Synchronization

/// How many tasks are worked on at once: so many in all, of one plugin, and of one organization, so that none of them
/// keeps all others waiting.
final class TaskPlaces: Sendable {
    private struct State {
        var total = 0
        var organizations: [OrganizationID: Int] = [:]
        var plugins: [String: Int] = [:]
        var isStopping = false
    }

    private let settings: TaskRunner.Settings
    private let state = Mutex(State())

    init(settings: TaskRunner.Settings) { self.settings = settings }

    /// Whether what is worked on is to be left, because the host stops.
    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Says that it is.
    func stop() { state.withLock { $0.isStopping = true } }

    /// Whether there is any place.
    var hasAny: Bool { state.withLock { $0.total < settings.placesMax && !$0.isStopping } }

    /// Whose tasks have no place now.
    var busy: BusyTasks {
        state.withLock { state in
            var busy = BusyTasks()
            busy.organizations = Set(state.organizations.filter { $0.value >= settings.organizationPlacesMax }.keys)
            busy.plugins = Set(state.plugins.filter { $0.value >= settings.pluginPlacesMax }.keys)
            return busy
        }
    }

    /// Gives a task a place; false where there is none for it.
    func enter(_ task: PluginTask) -> Bool {
        state.withLock { state in
            let (organization, plugin) = (task.owner.organization, task.owner.plugin)
            guard !state.isStopping, state.total < settings.placesMax,
                state.organizations[organization, default: 0] < settings.organizationPlacesMax,
                state.plugins[plugin, default: 0] < settings.pluginPlacesMax
            else { return false }
            state.total += 1
            state.organizations[organization, default: 0] += 1
            state.plugins[plugin, default: 0] += 1
            return true
        }
    }

    /// Gives its place back.
    func leave(_ task: PluginTask) {
        state.withLock { state in
            let (organization, plugin) = (task.owner.organization, task.owner.plugin)
            state.total -= 1
            state.organizations[organization] = state.organizations[organization].flatMap { $0 > 1 ? $0 - 1 : nil }
            state.plugins[plugin] = state.plugins[plugin].flatMap { $0 > 1 ? $0 - 1 : nil }
        }
    }
}
