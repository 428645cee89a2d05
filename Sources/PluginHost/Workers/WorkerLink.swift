import Gateway
import Glibc
import PluginAPI
import PluginLoader
import Synchronization

/// The connection to one worker process: frames out, frames in, and who waits for what.
final class WorkerLink: WorkerSource {
    /// What a worker answers to one request.
    struct Reply: Sendable {
        let status: Int32
        let payload: [UInt8]
        /// For STARTED: what the plugin offers.
        var index: UInt32 = 0
    }

    /// Why there is no answer.
    enum Loss: Error, Sendable, Equatable {
        /// The worker ended before it answered; how it ended.
        case ended(String)
        /// The worker had ended already: it never saw the request.
        case gone
        /// It did not answer in time, and was ended for it.
        case late
        /// Too much is waiting for it.
        case full
    }

    typealias Answered = @Sendable (Result<Reply, Loss>) -> Void

    /// What bounds one worker.
    struct Limits: Sendable {
        /// How many requests may wait for it.
        var pendingMax = 1_000
        /// How many calls of function tools may be under way.
        var concurrencyMax = 1_000
        /// How much processor time one of these may take.
        var processor: Duration = .seconds(10)
        /// For each how long of a call that is, tasks among them; and for how long goes on what nobody wants any more.
        var processorPer: Duration = .seconds(30)
        /// How long nothing may come back while functions that start calls have not returned (rule T2).
        var silenceMax: Duration = .seconds(2)
        /// How much may wait for its socket to take it: what it is asked, and answers to what it asks.
        ///
        /// Default 64 MiB.
        var unsentBytesMax = 64 << 20
        /// What it may send.
        var gate = WorkerGate.Limits()
        /// What it may do while there is nothing to do.
        var idle = IdleWatch()
    }

    struct Pending {
        let deadline: ContinuousClock.Instant
        let order: Int
        let answered: Answered
    }

    struct Starting {
        /// Counts up per worker, which takes frames in this order: once a later one is answered, this one has begun.
        let order: Int
        /// When that was noticed.
        var begunAt: ContinuousClock.Instant?
    }

    struct State {
        var next: UInt64 = 1
        var pending: [UInt64: Pending] = [:]
        /// Calls of function tools that have not been completed, and when the host loses patience.
        var invocations: [UInt64: ContinuousClock.Instant] = [:]
        /// Those of them whose starting function has not returned, and when the worker last got on with anything.
        var unreturned: [UInt64: Starting] = [:]
        var heardAt = ContinuousClock.now
        var sentCount = 0
        var returnedUpTo = 0
        var unsent = WorkerOutbox()
        /// How many of its requests to the host are unanswered.
        var asks = 0
        var idle: IdleWatch
        var hasEnded = false
        var endedLate = false
        /// The oldest call under way, how much processor time the process had used when it was seen first, and how often
        /// it may have what one call may.
        var watched: (number: UInt64, processor: Duration, share: Int)?
        var overspent: UInt64?
        /// Why it is ended whatever else it does; the first reason stays.
        var verdict: String?

        /// After what is open has changed.
        mutating func count(at now: ContinuousClock.Instant = .now) {
            idle.isOpen(pending.count + invocations.count, at: now)
        }
    }

    /// What has come and is not a whole frame yet, and how much has.
    struct Input {
        var bytes: [UInt8] = []
        var gate: WorkerGate
    }

    let process: WorkerProcess
    let services: HostServices
    let limits: Limits
    let state: Mutex<State>
    private let loop = WorkerLoop.shared
    private let ended: @Sendable (WorkerLink, String) -> Void
    /// Whoever holds it may read the socket.
    private let input: Mutex<Input>
    private let spin = AdaptiveSpin()
    private let output: WorkerOutput
    private let exit = WorkerExit()

    /// Connects; `ended` is told, once, how the process ended.
    init(
        process: WorkerProcess,
        services: HostServices,
        limits: Limits,
        started: @escaping Answered,
        within: Duration,
        ended: @escaping @Sendable (WorkerLink, String) -> Void
    ) {
        self.process = process
        self.services = services
        self.limits = limits
        self.ended = ended
        output = WorkerOutput(descriptor: process.output, services: services)
        state = Mutex(State(idle: limits.idle))
        input = Mutex(Input(gate: WorkerGate(limits.gate)))
        state.withLock { state in
            state.pending[0] = Pending(deadline: .now + within, order: 0, answered: started)
            state.count()
        }
        loop.add(process.socket, self)
        loop.add(process.output, output)
        exit.link = self
        if process.exit >= 0 { loop.add(process.exit, exit) }
    }

    /// How much waits for it.
    var load: Int { state.withLock { $0.pending.count + $0.invocations.count } }

    // MARK: Out

    /// Asks for something; the answer comes exactly once, on the worker thread or on one that looks for it.
    ///
    /// - Returns: What the request goes by; nil when it was answered at once, by a loss.
    @discardableResult
    func request(
        _ kind: gateway_frame_kind,
        index: Int = 0,
        _ first: [UInt8] = [],
        _ second: [UInt8]? = nil,
        within: Duration,
        answered: @escaping Answered
    ) -> UInt64? {
        let sent = state.withLock { state -> Result<UInt64, Loss> in
            if state.hasEnded { return .failure(.gone) }
            guard state.pending.count < limits.pendingMax, state.unsent.count < limits.unsentBytesMax else {
                return .failure(.full)
            }
            let (number, now) = (state.next, ContinuousClock.now)
            state.next += 1
            state.sentCount += 1
            state.pending[number] = Pending(deadline: now + within, order: state.sentCount, answered: answered)
            state.count(at: now)
            send(WorkerLink.frame(kind, number, index, first, second), &state)
            return .success(number)
        }
        switch sent {
        case .success(let number): return number
        case .failure(let loss):
            answered(.failure(loss))
            return nil
        }
    }

    /// Looks for a request's answer on the caller's own thread for a moment: waking two threads for it would take longer
    /// than most answers do.
    func look(for number: UInt64) {
        // With more callers than this there is always an answer to wake the worker thread for.
        guard load <= 2, spin.isWorthIt else { return }
        _ = input.withLockIfAvailable { input in
            // Under this lock the socket stays open, and its number its own.
            guard !state.withLock({ $0.hasEnded }) else { return }
            loop.rest(process.socket)
            spin.look { readOnce(&input) == .some && !state.withLock { $0.pending[number] != nil } }
            state.withLock { state in
                if !state.hasEnded { loop.watch(process.socket, writes: !state.unsent.isEmpty) }
            }
        }
    }

    /// Starts a call; false when it cannot take one.
    func start(_ number: UInt64, _ work: PluginWork, _ meta: [UInt8], patience: Duration) -> Bool {
        let frame = WorkerLink.frame(starting: work, number, meta)
        return state.withLock { state in
            guard !state.hasEnded, state.invocations.count < limits.concurrencyMax,
                state.unsent.count < limits.unsentBytesMax
            else { return false }
            let now = ContinuousClock.now
            state.invocations[number] = now + patience
            state.count(at: now)
            if state.unreturned.isEmpty { state.heardAt = now }
            state.sentCount += 1
            state.unreturned[number] = Starting(order: state.sentCount)
            send(frame, &state)
            return true
        }
    }

    /// Answers what the plugin asked of the host.
    func answer(_ index: UInt32, _ status: Int32, _ bytes: [UInt8]) {
        let hasRoom = state.withLock { state in
            guard !state.hasEnded else { return true }
            state.asks -= 1
            guard state.unsent.count + bytes.count <= limits.unsentBytesMax else { return false }
            send(WorkerLink.frame(GATEWAY_FRAME_ANSWER, 0, Int(index), bytes, nil, status: status), &state)
            return true
        }
        if !hasRoom { refuse("does not take the answers that it asked for") }
    }

    func cancel(_ number: UInt64) {
        state.withLock { state in
            guard !state.hasEnded, let end = state.invocations[number] else { return }
            state.invocations[number] = min(end, .now + limits.processorPer)
            send(WorkerLink.frame(GATEWAY_FRAME_CANCEL, number, 0, [], nil), &state)
        }
    }

    /// Ends the process; whoever waits is told.
    func end() { loop.submit { self.finish() } }

    /// Ends the process for what it did: from now on it is believed in nothing.
    func refuse(_ reason: String) {
        state.withLock { $0.verdict = $0.verdict ?? reason }
        end()
    }

    /// Sends at once what the socket takes; the rest goes when it takes more, so nobody here ever waits for a worker.
    private func send(_ bytes: [UInt8], _ state: inout State) {
        guard state.unsent.isEmpty else { return state.unsent.append(bytes) }
        let sent = Glibc.send(process.socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard sent < bytes.count else { return }
        state.unsent.append(bytes[max(0, sent)...])
        loop.watch(process.socket, writes: true)
    }

    private func sendRest() {
        state.withLock { state in
            guard !state.hasEnded, !state.unsent.isEmpty else { return }
            state.unsent.offer { Glibc.send(process.socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if state.unsent.isEmpty { loop.watch(process.socket, writes: false) }
        }
    }

    // MARK: In

    /// On the worker thread.
    func ready(_ descriptor: Int32, canWrite: Bool) {
        if canWrite { sendRest() }
        if input.withLock({ readOnce(&$0) }) == .end { finish() }
    }

    /// On the worker thread, once the process has ended: takes what it had said by then.
    fileprivate func hasExited() {
        input.withLock { input in
            // What it started may hold the other end and go on writing: no more than a socket holds.
            for _ in 0..<16 { guard readOnce(&input) == .some else { break } }
        }
        finish()
    }

    private enum Read {
        case some, nothing, end
    }

    /// Takes what has come, without waiting for more.
    private func readOnce(_ input: inout Input) -> Read {
        let size = 64 << 10
        let got = withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { buffer in
            let got = recv(process.socket, buffer.baseAddress, size, Int32(MSG_DONTWAIT))
            if got > 0 { input.bytes.append(contentsOf: buffer[..<got]) }
            return got
        }
        if got > 0 {
            takeFrames(&input)
            return .some
        }
        return got < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .end
    }

    func tick(now: ContinuousClock.Instant) {
        let isOver = state.withLock { state in
            let isLate =
                state.pending.values.contains { $0.deadline < now } || state.invocations.values.contains { $0 < now }
                || isStuck(&state, now)
            if isLate { state.endedLate = true }
            return isLate || hasOverspent(&state, now) || hasGoneOn(&state, now)
        }
        if isOver { finish() }
    }

    /// Whether a function that starts a call has had its time to return (rule T2).
    private func isStuck(_ state: inout State, _ now: ContinuousClock.Instant) -> Bool {
        guard !state.unreturned.isEmpty else { return false }
        if now - state.heardAt > limits.silenceMax { return true }
        for (number, one) in state.unreturned where one.order < state.returnedUpTo {
            guard let begunAt = one.begunAt else {
                state.unreturned[number]?.begunAt = now
                continue
            }
            if now - begunAt > limits.silenceMax { return true }
        }
        return false
    }

    /// Whether the oldest call has had more processor time than it may, its share of what the others took counted off.
    private func hasOverspent(_ state: inout State, _ now: ContinuousClock.Instant) -> Bool {
        guard let (oldest, end) = state.invocations.min(by: { $0.key < $1.key }), let used = process.processorTime
        else {
            state.watched = nil
            return false
        }
        guard let watched = state.watched, watched.number == oldest else {
            state.watched = (oldest, used, max(1, Int((end - now) / limits.processorPer)))
            return false
        }
        let share = watched.share + state.invocations.count - 1
        guard used - watched.processor > limits.processor * share else { return false }
        state.overspent = oldest
        return true
    }

    /// Whether its threads went on though there was nothing to do.
    private func hasGoneOn(_ state: inout State, _ now: ContinuousClock.Instant) -> Bool {
        guard state.idle.isDue(now), let used = process.processorTime else { return false }
        guard state.idle.isOver(used: used, at: now) else { return false }
        let idle = limits.idle
        state.verdict =
            state.verdict ?? "took over \(idle.processorMax) of processor time in \(idle.window) with no call open"
        return true
    }

    private func finish() {
        let (last, isFirst) = state.withLock { state in
            let last = state
            state.hasEnded = true
            state.pending = [:]
            state.invocations = [:]
            state.unsent = WorkerOutbox()
            return (last, !last.hasEnded)
        }
        guard isFirst else { return }
        let how = input.withLock { input in
            input.bytes = []
            loop.remove(process.socket)
            if process.exit >= 0 { loop.remove(process.exit) }
            output.end()
            output.ready(process.output, canWrite: false)
            return process.reap()
        }
        let now = ContinuousClock.now
        let reason = last.reason(how)
        // First the supervisor: whoever is told below may come again at once, and must not meet this link.
        ended(self, reason)
        for (number, patience) in last.invocations {
            services.lose(number, isLate: patience < now || number == last.overspent)
        }
        for one in last.pending.values {
            let isLate = last.endedLate && one.deadline < now
            one.answered(.failure(isLate ? .late : .ended(last.verdict == nil ? how : reason)))
        }
    }
}

/// Tells a link that its process has ended.
private final class WorkerExit: WorkerSource {
    private let box = Mutex<Weak>(Weak())
    private struct Weak { weak var link: WorkerLink? }

    var link: WorkerLink? {
        get { box.withLock { $0.link } }
        set { box.withLock { $0.link = newValue } }
    }

    func ready(_ descriptor: Int32, canWrite: Bool) { link?.hasExited() }

    func tick(now: ContinuousClock.Instant) {}
}

extension WorkerLink.State {
    /// Why it ended, as operators are told.
    fileprivate func reason(_ how: String) -> String {
        if let verdict { return "\(verdict) (\(how))" }
        if overspent != nil { return "took too much processor time for one call (\(how))" }
        return endedLate ? "did not answer in time (\(how))" : how
    }
}
