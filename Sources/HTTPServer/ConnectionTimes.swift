import NIOCore

/// Until when a request must be here.
///
/// A deadline, not an idle timer: one byte every few seconds does not move it. Nothing is scheduled for a request that
/// comes in one read.
struct RequestDeadlines {
    private var began: NIODeadline?
    private var check: Scheduled<Void>?

    /// A request is known to be incomplete; `onDue` is called when it may be time.
    mutating func begin(_ limits: HTTPLimits, on loop: any EventLoop, onDue: @escaping @Sendable () -> Void) {
        let began = began ?? .now()
        self.began = began
        guard check == nil else { return }
        let moments = [limits.headerDeadline, limits.requestDeadline]
            .map { began + TimeAmount($0) }
        // Both are past where nothing is read just now, because the peer does not read: it is looked at again.
        let due = moments.sorted().first { $0 > .now() } ?? .now() + .seconds(1)
        check = loop.scheduleTask(deadline: due, onDue)
    }

    /// The request is here, or nobody waits for it any more.
    mutating func end() { began = nil }

    /// The scheduled moment has come.
    mutating func fired() { check = nil }

    /// Which of the deadlines has passed, if one has.
    func passed(hasHead: Bool, _ limits: HTTPLimits) -> Duration? {
        guard let began else { return nil }
        let wait = hasHead ? limits.requestDeadline : min(limits.headerDeadline, limits.requestDeadline)
        return NIODeadline.now() >= began + TimeAmount(wait) ? wait : nil
    }

    /// The connection has ended.
    mutating func stop() {
        check?.cancel()
        check = nil
    }
}

/// Whether a peer takes what it is sent, and whether it is there at all.
struct Delivery {
    /// Nothing has come since the last look.
    var isQuiet = true
    /// The peer has read enough for the next answer to be begun.
    private(set) var isOpen = true
    private var closedSince: NIODeadline?
    private var unsent = 0
    private var check: RepeatedTask?

    /// Looks again and again.
    mutating func watch(every period: Duration, on loop: any EventLoop, _ look: @escaping @Sendable () -> Void) {
        let period = TimeAmount(period)
        check = loop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in look() }
    }

    /// The connection has ended.
    mutating func stop() { check?.cancel() }

    /// The peer has read enough, or no longer does.
    mutating func changed(isOpen: Bool) {
        self.isOpen = isOpen
        isQuiet = false
        closedSince = isOpen ? nil : closedSince ?? .now()
    }

    /// Whether the peer has left: it has sent nothing since the last look, or taken nothing of what waits for it.
    mutating func isLeft(unsent: Int, isBusy: Bool, _ limits: HTTPLimits) -> Bool {
        let isStuck = unsent > 0 && unsent == self.unsent && isQuiet
        let isIdle = unsent == 0 && isQuiet && !isBusy
        let isSlow = closedSince.map { .now() - $0 > TimeAmount(limits.delivery) } ?? false
        self.unsent = unsent
        isQuiet = true
        return isStuck || isIdle || isSlow
    }
}
