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
        /// How long nothing may come back while functions that start calls have not returned (rule T2).
        var silenceMax: Duration = .seconds(2)
    }

    private struct Pending {
        let deadline: ContinuousClock.Instant
        let order: Int
        let answered: Answered
    }

    private struct Starting {
        /// Counts up per worker, which takes frames in this order: once a later one is answered, this one has begun.
        let order: Int
        /// When that was noticed.
        var begunAt: ContinuousClock.Instant?
    }

    private struct State {
        var next: UInt64 = 1
        var pending: [UInt64: Pending] = [:]
        /// Calls of function tools that have not been completed, and when the host loses patience.
        var invocations: [UInt64: ContinuousClock.Instant] = [:]
        /// Those of them whose starting function has not returned, and when the worker last got on with anything.
        var unreturned: [UInt64: Starting] = [:]
        var heardAt = ContinuousClock.now
        var sentCount = 0
        var returnedUpTo = 0
        var unsent: [UInt8] = []
        var hasEnded = false
        var endedLate = false
        /// The oldest call under way, and how much processor time the process had used when it was seen first.
        var watched: (number: UInt64, processor: Duration)?
        var overspent: UInt64?
    }

    let process: WorkerProcess
    private let loop = WorkerLoop.shared
    private let services: HostServices
    private let limits: Limits
    private let ended: @Sendable (WorkerLink, String) -> Void
    private let state = Mutex(State())
    /// What has come and is not a whole frame yet; whoever holds it may read the socket.
    private let input = Mutex<[UInt8]>([])
    private let spin = AdaptiveSpin()
    private let output: WorkerOutput

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
        state.withLock { $0.pending[0] = Pending(deadline: .now + within, order: 0, answered: started) }
        loop.add(process.socket, self)
        loop.add(process.output, output)
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
            if state.pending.count >= limits.pendingMax { return .failure(.full) }
            let number = state.next
            state.next += 1
            state.sentCount += 1
            state.pending[number] = Pending(deadline: .now + within, order: state.sentCount, answered: answered)
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
        let frame =
            switch work {
            case .tool(let index, let arguments):
                WorkerLink.frame(GATEWAY_FRAME_INVOKE, number, index, arguments, meta)
            case .timer(let document): WorkerLink.frame(GATEWAY_FRAME_TIMER, number, 0, document, meta)
            }
        return state.withLock { state in
            guard !state.hasEnded, state.invocations.count < limits.concurrencyMax else { return false }
            let now = ContinuousClock.now
            state.invocations[number] = now + patience
            if state.unreturned.isEmpty { state.heardAt = now }
            state.sentCount += 1
            state.unreturned[number] = Starting(order: state.sentCount)
            send(frame, &state)
            return true
        }
    }

    /// Answers what the plugin asked of the host.
    private func answer(_ index: UInt32, _ status: Int32, _ bytes: [UInt8]) {
        state.withLock { state in
            guard !state.hasEnded else { return }
            send(WorkerLink.frame(GATEWAY_FRAME_ANSWER, 0, Int(index), bytes, nil, status: status), &state)
        }
    }

    func cancel(_ number: UInt64) {
        state.withLock { state in
            guard !state.hasEnded, state.invocations[number] != nil else { return }
            send(WorkerLink.frame(GATEWAY_FRAME_CANCEL, number, 0, [], nil), &state)
        }
    }

    /// Ends the process; whoever waits is told.
    func end() { loop.submit { self.finish() } }

    /// Sends at once what the socket takes; the rest goes when it takes more, so nobody here ever waits for a worker.
    private func send(_ bytes: [UInt8], _ state: inout State) {
        guard state.unsent.isEmpty else { return state.unsent.append(contentsOf: bytes) }
        let sent = Glibc.send(process.socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard sent < bytes.count else { return }
        state.unsent.append(contentsOf: bytes[max(0, sent)...])
        loop.watch(process.socket, writes: true)
    }

    private func sendRest() {
        state.withLock { state in
            guard !state.hasEnded, !state.unsent.isEmpty else { return }
            let sent = Glibc.send(process.socket, state.unsent, state.unsent.count, Int32(MSG_NOSIGNAL))
            if sent > 0 { state.unsent.removeFirst(sent) }
            if state.unsent.isEmpty { loop.watch(process.socket, writes: false) }
        }
    }

    // MARK: In

    /// On the worker thread.
    func ready(_ descriptor: Int32, canWrite: Bool) {
        if canWrite { sendRest() }
        if input.withLock({ readOnce(&$0) }) == .end { finish() }
    }

    private enum Read {
        case some, nothing, end
    }

    /// Takes what has come, without waiting for more.
    private func readOnce(_ input: inout [UInt8]) -> Read {
        let size = 64 << 10
        let got = withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { buffer in
            let got = recv(process.socket, buffer.baseAddress, size, Int32(MSG_DONTWAIT))
            if got > 0 { input.append(contentsOf: buffer[..<got]) }
            return got
        }
        if got > 0 {
            takeFrames(&input)
            return .some
        }
        return got < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .end
    }

    private func takeFrames(_ input: inout [UInt8]) {
        let headerSize = MemoryLayout<gateway_frame_t>.size
        var start = 0
        while input.count - start >= headerSize {
            let header = input.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start, as: gateway_frame_t.self) }
            let end = start + headerSize + Int(header.length)
            // A worker that says more than it may is no longer believed in anything.
            guard header.length <= GATEWAY_FRAME_BYTES_MAX else { return self.end() }
            guard input.count >= end else { break }
            take(header, Array(input[(start + headerSize)..<end]))
            start = end
        }
        if start > 0 { input.removeFirst(start) }
    }

    private func take(_ header: gateway_frame_t, _ payload: [UInt8]) {
        switch header.kind {
        case GATEWAY_FRAME_STARTED.rawValue, GATEWAY_FRAME_REPLY.rawValue:
            let number = header.kind == GATEWAY_FRAME_STARTED.rawValue ? 0 : header.number
            let pending = state.withLock { state in
                let pending = state.pending.removeValue(forKey: number)
                isBack(pending?.order, &state)
                return pending
            }
            pending?.answered(.success(Reply(status: header.status, payload: payload, index: header.index)))
        case GATEWAY_FRAME_COMPLETE.rawValue:
            state.withLock { state in
                state.invocations[header.number] = nil
                hasReturned(header.number, &state)
            }
            services.complete(header.number, status: header.status, payload)
        case GATEWAY_FRAME_TAKEN.rawValue: state.withLock { hasReturned(header.number, &$0) }
        case GATEWAY_FRAME_LOG.rawValue:
            guard let (message, values) = WorkerLink.split(payload) else { return }
            services.log(
                header.number,
                level: header.index,
                String(decoding: message, as: UTF8.self),
                values: String(decoding: values, as: UTF8.self)
            )
        case GATEWAY_FRAME_PROGRESS.rawValue:
            services.progress(header.number, header.index, String(decoding: payload, as: UTF8.self))
        case GATEWAY_FRAME_CALL.rawValue:
            guard let (service, request) = WorkerLink.split(payload) else { return }
            let name = String(decoding: service, as: UTF8.self)
            services.call(header.number, name, Array(request)) { [weak self] status, bytes in
                self?.answer(header.index, status, bytes)
            }
        default: break
        }
    }

    private func hasReturned(_ number: UInt64, _ state: inout State) {
        isBack(state.unreturned.removeValue(forKey: number)?.order, &state)
    }

    private func isBack(_ order: Int?, _ state: inout State) {
        guard !state.unreturned.isEmpty else { return }
        state.returnedUpTo = max(state.returnedUpTo, order ?? 0)
        state.heardAt = .now
    }

    func tick(now: ContinuousClock.Instant) {
        let isOver = state.withLock { state in
            let isLate =
                state.pending.values.contains { $0.deadline < now } || state.invocations.values.contains { $0 < now }
                || isStuck(&state, now)
            if isLate { state.endedLate = true }
            return isLate || hasOverspent(&state)
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
    private func hasOverspent(_ state: inout State) -> Bool {
        guard let oldest = state.invocations.keys.min(), let used = process.processorTime else {
            state.watched = nil
            return false
        }
        guard let watched = state.watched, watched.number == oldest else {
            state.watched = (oldest, used)
            return false
        }
        guard used - watched.processor > limits.processor * state.invocations.count else { return false }
        state.overspent = oldest
        return true
    }

    private func finish() {
        let (pending, calls, wasLate, overspent, isFirst) = state.withLock { state in
            let all = (
                Array(state.pending.values), state.invocations, state.endedLate, state.overspent, !state.hasEnded
            )
            state.hasEnded = true
            state.pending = [:]
            state.invocations = [:]
            state.unsent = []
            return all
        }
        guard isFirst else { return }
        let how = input.withLock { input in
            input = []
            loop.remove(process.socket)
            loop.remove(process.output)
            output.ready(process.output, canWrite: false)
            return process.reap()
        }
        let now = ContinuousClock.now
        // First the supervisor: whoever is told below may come again at once, and must not meet this link.
        let late = wasLate ? "did not answer in time (\(how))" : how
        ended(self, overspent == nil ? late : "took too much processor time for one call (\(how))")
        for (number, patience) in calls { services.lose(number, isLate: patience < now || number == overspent) }
        for one in pending {
            one.answered(.failure(wasLate && one.deadline < now ? .late : .ended(how)))
        }
    }
}
