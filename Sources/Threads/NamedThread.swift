import Foundation

/// A thread of its own for work that blocks: never an event loop, never Swift's cooperative pool.
public enum NamedThread {
    /// Starts a thread under a name that `top -H`, `perf` and debuggers show; at most 15 bytes of it.
    public static func start(_ name: String, _ work: @escaping @Sendable () -> Void) {
        Thread {
            // Only a running thread passes its name on to the system.
            Thread.current.name = name
            work()
        }
        .start()
    }
}
