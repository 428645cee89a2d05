import Foundation

/// A thread of its own for work that blocks: never an event loop, never Swift's cooperative pool.
public enum NamedThread {
    /// Starts a thread under a name that `top -H`, `perf` and debuggers show; at most 15 bytes of it.
    public static func start(_ name: String, _ work: @escaping @Sendable () -> Void) {
        Thread {
            show(name)
            work()
        }
        .start()
    }

    /// Names the thread that runs.
    ///
    /// By the system itself: Foundation passes a name on only where it knows the thread by then, and the thread is often
    /// sooner.
    private static func show(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        let bytes = Array(name.utf8.prefix(15))
        _ = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
        close(file)
    }
}
