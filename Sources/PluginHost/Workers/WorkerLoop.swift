import Glibc
import PluginLoader
import Synchronization

/// Something that the worker thread watches.
protocol WorkerSource: AnyObject, Sendable {
    /// A descriptor of it has something, or has ended.
    func ready(_ descriptor: Int32, canWrite: Bool)
    /// Some time has passed: look at deadlines.
    func tick(now: ContinuousClock.Instant)
}

/// The one thread that reads what workers say: never an event loop, never Swift's pool.
final class WorkerLoop: Sendable {
    private let poll = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let sources = Mutex<[Int32: any WorkerSource]>([:])
    private let chores = Mutex<[@Sendable () -> Void]>([])
    private let wake = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    private let tickMilliseconds: Int32 = 100

    /// Starts the thread, which lives as long as the process.
    static let shared: WorkerLoop = {
        let loop = WorkerLoop()
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { own in
                guard let own else { return nil }
                Unmanaged<WorkerLoop>.fromOpaque(own).takeUnretainedValue().run()
                return nil
            },
            Unmanaged.passRetained(loop).toOpaque()
        )
        pthread_detach(thread)
        return loop
    }()

    private init() {
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: wake))
        epoll_ctl(poll, EPOLL_CTL_ADD, wake, &event)
    }

    func add(_ descriptor: Int32, _ source: any WorkerSource) {
        sources.withLock { $0[descriptor] = source }
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: descriptor))
        epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event)
    }

    /// Whether to be told when the descriptor takes bytes again.
    func watch(_ descriptor: Int32, writes: Bool) {
        let events = EPOLLIN.rawValue | (writes ? EPOLLOUT.rawValue : 0)
        var event = epoll_event(events: events, data: epoll_data_t(fd: descriptor))
        epoll_ctl(poll, EPOLL_CTL_MOD, descriptor, &event)
    }

    /// Is not told of what comes, until `watch`.
    func rest(_ descriptor: Int32) {
        var event = epoll_event(events: 0, data: epoll_data_t(fd: descriptor))
        epoll_ctl(poll, EPOLL_CTL_MOD, descriptor, &event)
    }

    /// Before the descriptor is closed.
    func remove(_ descriptor: Int32) {
        sources.withLock { _ = $0.removeValue(forKey: descriptor) }
        epoll_ctl(poll, EPOLL_CTL_DEL, descriptor, nil)
    }

    /// Runs something on the thread soon.
    func submit(_ chore: @escaping @Sendable () -> Void) {
        chores.withLock { $0.append(chore) }
        var one: UInt64 = 1
        write(wake, &one, 8)
    }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(poll, &events, Int32(events.count), tickMilliseconds)
            for event in events.prefix(max(0, Int(count))) {
                let descriptor = event.data.fd
                if descriptor == wake {
                    var number: UInt64 = 0
                    read(wake, &number, 8)
                    continue
                }
                let source = sources.withLock { $0[descriptor] }
                source?.ready(descriptor, canWrite: event.events & EPOLLOUT.rawValue != 0)
            }
            let due = chores.withLock { chores in
                defer { chores = [] }
                return chores
            }
            for chore in due { chore() }
            tickIfDue()
        }
    }

    private let lastTick = Mutex(ContinuousClock.now)

    private func tickIfDue() {
        let now = ContinuousClock.now
        let isDue = lastTick.withLock { last in
            guard now - last >= .milliseconds(Int(tickMilliseconds)) else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        for source in sources.withLock({ Array($0.values) }) { source.tick(now: now) }
    }
}
