import Synchronization

/// How many timers run at once: so many in all, of one plugin, and of one organization's plugin, so that a plugin that
/// hangs holds up its own timers and nobody else's.
final class TimerPlaces: Sendable {
    private struct State {
        var total = 0
        var owners: [PluginOwner: Int] = [:]
        var plugins: [String: Int] = [:]
        var hasLeftSome = false
    }

    private let settings: TimerRunner.Settings
    private let state = Mutex(State())

    init(settings: TimerRunner.Settings) { self.settings = settings }

    /// Whether something that is due could not be taken for lack of a place.
    var hasLeftSome: Bool { state.withLock { $0.hasLeftSome } }

    /// From here on nothing is known to be left.
    func begin() { state.withLock { $0.hasLeftSome = false } }

    /// Who may begin no other; nil when nobody may, which leaves everything that is due.
    var busy: BusyTimers? {
        state.withLock { state in
            guard state.total < settings.placesMax else {
                state.hasLeftSome = true
                return nil
            }
            var busy = BusyTimers()
            busy.owners = Set(state.owners.filter { $0.value >= settings.ownerPlacesMax }.keys)
            busy.plugins = Set(state.plugins.filter { $0.value >= settings.pluginPlacesMax }.keys)
            // What is not read may be due.
            if busy != BusyTimers() { state.hasLeftSome = true }
            return busy
        }
    }

    /// Gives places to as many of these as there are for, in their order.
    func enter(_ due: [PluginTimer]) -> [PluginTimer] {
        state.withLock { state in
            due.filter { timer in
                let owner = timer.owner
                guard state.total < settings.placesMax,
                    state.owners[owner, default: 0] < settings.ownerPlacesMax,
                    state.plugins[owner.plugin, default: 0] < settings.pluginPlacesMax
                else {
                    state.hasLeftSome = true
                    return false
                }
                state.total += 1
                state.owners[owner, default: 0] += 1
                state.plugins[owner.plugin, default: 0] += 1
                return true
            }
        }
    }

    /// Gives a timer's place back.
    func leave(_ timer: PluginTimer) {
        state.withLock { state in
            state.total -= 1
            state.owners[timer.owner] = state.owners[timer.owner].flatMap { $0 > 1 ? $0 - 1 : nil }
            let plugin = timer.owner.plugin
            state.plugins[plugin] = state.plugins[plugin].flatMap { $0 > 1 ? $0 - 1 : nil }
        }
    }
}
