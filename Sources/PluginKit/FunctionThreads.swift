import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// The threads that function tools run on: the plugin's own, so that a tool that loops stops neither the host's event
/// loops nor Swift's cooperative pool, which all plugins and the host share.
final class FunctionThreads: TaskExecutor, @unchecked Sendable {
    // `queue` is guarded by `mutex`; `condition` tells that it is no longer empty.
    private var queue: [UnownedJob] = []
    private let waiting = Atomic<Int>(0)
    private let isLooking = Atomic<Bool>(false)
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Two threads, started with the first call.
    static let shared = FunctionThreads(count: 2)

    private init(count: Int) {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        for _ in 0..<count {
            var thread = pthread_t()
            let own = Unmanaged.passRetained(self).toOpaque()
            pthread_create(
                &thread,
                nil,
                { own in
                    guard let own else { return nil }
                    Unmanaged<FunctionThreads>.fromOpaque(own).takeUnretainedValue().run()
                    return nil
                },
                own
            )
            pthread_detach(thread)
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pthread_mutex_lock(mutex)
        let isSeen = isLooking.load(ordering: .relaxed)
        queue.append(job)
        waiting.add(1, ordering: .relaxed)
        // Whoever looks takes one job without being woken; it looks at the queue itself once it has stopped looking.
        if queue.count > 1 || !isSeen { pthread_cond_signal(condition) }
        pthread_mutex_unlock(mutex)
    }

    private func run() {
        var isBusy = false
        while true {
            if isBusy { look() }
            let start = ContinuousClock.now
            pthread_mutex_lock(mutex)
            while queue.isEmpty { pthread_cond_wait(condition, mutex) }
            let job = queue.removeFirst()
            pthread_mutex_unlock(mutex)
            waiting.subtract(1, ordering: .relaxed)
            isBusy = ContinuousClock.now - start < .microseconds(200)
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }

    /// Where jobs come close upon each other, the next is looked for for a moment: waking this thread would take longer
    /// than most jobs do.
    ///
    /// One thread at a time, so that looking takes no processor from work.
    private func look() {
        guard !isLooking.exchange(true, ordering: .acquiring) else { return }
        defer { isLooking.store(false, ordering: .releasing) }
        let end = ContinuousClock.now + .microseconds(40)
        while waiting.load(ordering: .relaxed) <= 0, ContinuousClock.now < end {}
    }
}
