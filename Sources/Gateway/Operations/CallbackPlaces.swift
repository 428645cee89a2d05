import Synchronization

/// Places for each plugin's callbacks: one that hangs takes none of another's.
final class CallbackPlaces: Sendable {
    private let settings: Dispatcher.Settings
    private let sleep: Sleep
    /// As many as plugins have been loaded.
    private let dispatchers = Mutex<[String: Dispatcher]>([:])

    init(settings: Dispatcher.Settings, sleep: Sleep) {
        self.settings = settings
        self.sleep = sleep
    }

    /// Those of a plugin.
    func of(_ plugin: String) -> Dispatcher {
        dispatchers.withLock { dispatchers in
            if let known = dispatchers[plugin] { return known }
            let made = Dispatcher(settings: settings, sleep: sleep)
            dispatchers[plugin] = made
            return made
        }
    }
}
