import Foundation

/// A lock with a condition whose waits end by the monotonic clock: a wall clock that is set must neither cut a wait
/// short nor make an hour of it.
public final class MonotonicCondition: @unchecked Sendable {
    // POSIX wants both at one address for as long as they live; they are the system's to guard.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Makes one that nobody holds.
    public init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Takes the lock.
    public func lock() { pthread_mutex_lock(mutex) }

    /// Gives the lock back.
    public func unlock() { pthread_mutex_unlock(mutex) }

    /// Runs something while holding the lock.
    public func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock()
        defer { unlock() }
        return try body()
    }

    /// Wakes one that waits.
    public func signal() { pthread_cond_signal(condition) }

    /// Wakes all that wait.
    public func broadcast() { pthread_cond_broadcast(condition) }

    /// Gives the lock back until somebody wakes this thread; it may also wake by itself.
    public func wait() { pthread_cond_wait(condition, mutex) }

    /// Waits for at most so long; false when the time has passed.
    @discardableResult
    public func wait(atMost time: Duration) -> Bool {
        let (seconds, attoseconds) = max(time, .zero).components
        var end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &end)
        end.tv_sec += Int(min(seconds, 1_000_000_000))
        end.tv_nsec += Int(attoseconds / 1_000_000_000)
        if end.tv_nsec >= 1_000_000_000 {
            end.tv_sec += 1
            end.tv_nsec -= 1_000_000_000
        }
        return pthread_cond_timedwait(condition, mutex, &end) == 0
    }

    /// Waits until a moment at the latest; false when it has passed.
    @discardableResult
    public func wait(until end: ContinuousClock.Instant) -> Bool { wait(atMost: ContinuousClock.now.duration(to: end)) }
}
