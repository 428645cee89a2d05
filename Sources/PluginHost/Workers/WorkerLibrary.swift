import Dispatch
import Gateway
import Glibc
import PluginAPI
import PluginLoader
import Synchronization

/// A plugin that runs in workers: the same functions as `InProcessLibrary`, each call a frame.
///
/// Supervises them. A worker that ends by itself is started again; a pure call that it took with it is given to the
/// next one, once; a call of a function tool is told that it was lost. Fails closed: without a worker there is an
/// error, never a made-up answer.
final class WorkerLibrary: PluginLibrary {
    struct Limits: Sendable {
        var workers = 1
        var deadline: Duration = .seconds(2)
        var start: Duration = .seconds(10)
        var link = WorkerLink.Limits()
        /// How long after its deadline a call of a function tool may still be completed before its worker is ended.
        var grace: Duration = .seconds(1)
        var restart = RestartPolicy()
    }

    private struct State {
        var links: [WorkerLink] = []
        var starting = 0
        var waiting: [CheckedContinuation<WorkerLink?, Never>] = []
        var crashes: CrashHistory
        var settings: [UInt8]?
        var offers: UInt32 = 0
        var missing: [String] = []
        var isRetired = false
        /// How many were started after the first.
        var started = 0
    }

    private let orders: WorkerProcess.Orders
    private let services: HostServices
    private let limits: Limits
    private let isolation: String
    private let state: Mutex<State>

    /// Starts the first worker and waits until it has opened the library.
    init(
        orders: WorkerProcess.Orders,
        isolation: String,
        services: HostServices,
        limits: Limits
    ) throws(PluginRefusal) {
        self.orders = orders
        self.isolation = isolation
        self.services = services
        self.limits = limits
        state = Mutex(State(crashes: CrashHistory(policy: limits.restart)))
        let (link, reply) = try startBlocking()
        if let refusal = WorkerLibrary.refusal(reply, isolation: isolation) {
            state.withLock { $0.isRetired = true }
            link.end()
            throw refusal
        }
        let missing = String(decoding: reply.payload, as: UTF8.self).split(separator: "\n").map(String.init)
        state.withLock { state in
            state.links = [link]
            state.offers = reply.index
            state.missing = missing
        }
        guard !missing.isEmpty else { return }
        services.logger.notice(
            "a plugin's sandbox lacks what this system does not give",
            metadata: ["plugin": "\(services.plugin)", "missing": "\(missing.joined(separator: ", "))"]
        )
    }

    var offers: PluginOffers { state.withLock { PluginOffers(rawValue: $0.offers) } }

    // MARK: Starting

    private func startBlocking() throws(PluginRefusal) -> (WorkerLink, WorkerLink.Reply) {
        let started = Blocking<Result<WorkerProcess, PluginRefusal>>()
        // The worker ends with the thread that starts it, and this one may be gone in a moment.
        WorkerLoop.shared.submit { [orders] in
            started.set(Result { () throws(PluginRefusal) in try WorkerProcess(orders) })
        }
        let process = try started.wait().get()
        let answer = Blocking<Result<WorkerLink.Reply, WorkerLink.Loss>>()
        let link = makeLink(process) { answer.set($0) }
        switch answer.wait() {
        case .success(let reply): return (link, reply)
        case .failure(let loss):
            throw PluginRefusal.notOpened("its worker ended while it was being opened (\(loss))")
        }
    }

    private func makeLink(_ process: WorkerProcess, started: @escaping WorkerLink.Answered) -> WorkerLink {
        WorkerLink(
            process: process,
            services: services,
            limits: limits.link,
            started: started,
            within: limits.start,
            ended: { [weak self] link, how in self?.ended(link, how) }
        )
    }

    private static func refusal(_ reply: WorkerLink.Reply, isolation: String) -> PluginRefusal? {
        let reason = String(decoding: reply.payload, as: UTF8.self)
        switch reply.status {
        case GATEWAY_OK: return nil
        case GATEWAY_PERMISSION_DENIED:
            return .isolationNotServed("\(isolation) (this system refuses \(reason))")
        case GATEWAY_INTERNAL: return .notOpened(reason)
        default: return PluginRefusal(negotiation: reply.status - GATEWAY_CONFLICT, level: 0, reason: reason)
        }
    }

    /// Starts another worker without waiting, and hands it its settings before anybody else may use it.
    ///
    /// On the worker thread.
    private func startAnother() {
        let process: WorkerProcess
        do { process = try WorkerProcess(orders) } catch { return gaveUp("\(error)") }
        let box = Mutex<WorkerLink?>(nil)
        let holder = LinkHolder(box)
        let link = makeLink(process) { [weak self] result in
            guard let self, case .success(let reply) = result, reply.status == GATEWAY_OK else { return }
            let settings = self.state.withLock { $0.settings } ?? Array("{}".utf8)
            holder.link?
                .request(GATEWAY_FRAME_CONFIGURE, settings, within: self.limits.start) { result in
                    guard case .success(let reply) = result, reply.status == GATEWAY_OK, let link = holder.link else {
                        holder.link?.end()
                        return
                    }
                    self.isReady(link)
                }
        }
        holder.link = link
    }

    /// A link that its own first answer needs.
    private final class LinkHolder: Sendable {
        private let box: Mutex<WorkerLink?>
        init(_ box: consuming Mutex<WorkerLink?>) { self.box = box }
        var link: WorkerLink? {
            get { box.withLock { $0 } }
            set { box.withLock { $0 = newValue } }
        }
    }

    private func isReady(_ link: WorkerLink) {
        let (waiting, isWanted) = state.withLock { state in
            state.starting = max(0, state.starting - 1)
            guard !state.isRetired else { return ([CheckedContinuation<WorkerLink?, Never>](), false) }
            state.links.append(link)
            state.started += 1
            defer { state.waiting = [] }
            return (state.waiting, true)
        }
        if !isWanted { link.end() }
        for continuation in waiting { continuation.resume(returning: link) }
    }

    private func gaveUp(_ reason: String) {
        let waiting = state.withLock { state in
            state.starting = max(0, state.starting - 1)
            state.crashes.last = reason
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: nil) }
    }

    // MARK: Supervising

    private func ended(_ link: WorkerLink, _ how: String) {
        let now = ContinuousClock.now
        let (wait, waiting) = state.withLock { state -> (Duration?, [CheckedContinuation<WorkerLink?, Never>]) in
            let wasReady = state.links.contains { $0 === link }
            state.links.removeAll { $0 === link }
            guard !state.isRetired else { return (nil, []) }
            if !wasReady { state.starting = max(0, state.starting - 1) }
            let wait = state.crashes.add(how, at: now)
            state.starting += 1
            // Whoever waits for a worker is told at once that there will be none for a while.
            guard state.crashes.isBroken(at: now) else { return (wait, []) }
            defer { state.waiting = [] }
            return (wait, state.waiting)
        }
        for continuation in waiting { continuation.resume(returning: nil) }
        guard let wait else { return }
        services.logger.error(
            "plugin worker ended",
            metadata: ["plugin": "\(services.plugin)", "how": "\(how)", "restart_in": "\(wait)"]
        )
        guard wait > .zero else { return WorkerLoop.shared.submit { self.startAnother() } }
        DispatchQueue.global()
            .asyncAfter(deadline: .now() + .milliseconds(Int(wait.wholeMilliseconds))) { [weak self] in
                guard let self, !self.state.withLock({ $0.isRetired }) else { return }
                WorkerLoop.shared.submit { self.startAnother() }
            }
    }

    private var isBroken: Bool { state.withLock { $0.crashes.isBroken(at: .now) } }

    /// A worker that takes calls; waits while one is being started, and answers nil when there will be none.
    private func link() async -> WorkerLink? {
        let ready = state.withLock { state -> WorkerLink?? in
            if let least = state.links.min(by: { $0.load < $1.load }) { return .some(least) }
            return state.isRetired || state.starting == 0 ? .some(nil) : nil
        }
        if let ready { return ready }
        if isBroken { return nil }
        return await withCheckedContinuation { continuation in
            let known = state.withLock { state -> WorkerLink?? in
                if let link = state.links.first { return .some(link) }
                if state.isRetired || state.waiting.count >= limits.link.pendingMax { return .some(nil) }
                state.waiting.append(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    // MARK: Calls

    private func call(
        _ kind: gateway_frame_kind,
        _ index: Int,
        _ first: [UInt8],
        _ second: [UInt8]? = nil
    ) async throws(LoadedPlugin.Failure) -> [UInt8] {
        var losses = 0
        while true {
            guard let link = await link() else { throw WorkerLibrary.unavailable }
            let result = await withCheckedContinuation { continuation in
                let number = link.request(kind, index: index, first, second, within: limits.deadline) {
                    continuation.resume(returning: $0)
                }
                if let number { link.look(for: number) }
            }
            switch result {
            case .success(let reply) where reply.status == GATEWAY_OK: return reply.payload
            case .success(let reply):
                let rule = reply.status == GATEWAY_TOO_LARGE ? "rule M5: " : ""
                throw LoadedPlugin.Failure(
                    status: reply.status,
                    reason: "\(rule)the function answered status \(reply.status)"
                )
            case .failure(.gone): continue
            case .failure(.full):
                throw LoadedPlugin.Failure(
                    status: GATEWAY_RATE_LIMITED,
                    reason: "too many calls wait for its workers",
                    hasRun: false
                )
            case .failure(.late):
                throw LoadedPlugin.Failure(status: GATEWAY_DEADLINE, reason: "rule T1: it did not answer in time")
            case .failure(.ended(let how)):
                // The function is pure, so another worker may be asked the same; bytes that crash that one too are
                // not tried a third time.
                losses += 1
                guard losses < 2 else {
                    throw LoadedPlugin.Failure(status: GATEWAY_INTERNAL, reason: "its worker ended (\(how)), twice")
                }
            }
        }
    }

    private static let unavailable = LoadedPlugin.Failure(
        status: GATEWAY_UPSTREAM_UNAVAILABLE,
        reason: "it has no worker: it crashed too often, or could not be started",
        hasRun: false
    )

    func operationFunctions() -> LoadedPlugin.OperationFunctions? {
        guard offers.contains(.operations) else { return nil }
        return LoadedPlugin.OperationFunctions(
            prepare: { index, input throws(LoadedPlugin.Failure) in
                try await self.call(GATEWAY_FRAME_PREPARE, index, input)
            },
            interpret: { index, input, raw throws(LoadedPlugin.Failure) in
                try await self.call(GATEWAY_FRAME_INTERPRET, index, input, raw)
            },
            query: { index, input throws(LoadedPlugin.Failure) in
                try await self.call(GATEWAY_FRAME_QUERY, index, input)
            },
            render: { index, input throws(LoadedPlugin.Failure) in
                try await self.call(GATEWAY_FRAME_RENDER, index, input)
            }
        )
    }

    func contextFunctions() -> LoadedPlugin.ContextFunctions {
        LoadedPlugin.ContextFunctions(
            prompt: { index, arguments throws(LoadedPlugin.Failure) in
                try await self.call(GATEWAY_FRAME_PROMPT, index, arguments)
            },
            resource: { index throws(LoadedPlugin.Failure) in
                try await self.call(GATEWAY_FRAME_RESOURCE, index, [])
            }
        )
    }

    func start(_ number: UInt64, _ work: PluginWork, meta: [UInt8], deadline: Duration) -> Int32 {
        let least = state.withLock { state in state.links.min { $0.load < $1.load } }
        guard let least else { return LoadedPlugin.Completion.notTaken }
        let isTaken = least.start(number, work, meta, patience: deadline + limits.grace)
        return isTaken ? GATEWAY_OK : GATEWAY_RATE_LIMITED
    }

    var startsAtOnce: Bool { true }

    func cancel(_ number: UInt64) {
        for link in state.withLock({ $0.links }) { link.cancel(number) }
    }

    // MARK: Looking after it

    private func askBlocking(_ kind: gateway_frame_kind, _ bytes: [UInt8] = []) -> Result<
        WorkerLink.Reply, WorkerLink.Loss
    > {
        guard let link = state.withLock({ $0.links.first }) else { return .failure(.gone) }
        let answer = Blocking<Result<WorkerLink.Reply, WorkerLink.Loss>>()
        link.request(kind, bytes, within: limits.start) { answer.set($0) }
        return answer.wait()
    }

    private func bytes(
        of kind: gateway_frame_kind,
        _ sent: [UInt8] = [],
        refusal: (String) -> PluginRefusal
    ) throws(PluginRefusal) -> [UInt8] {
        switch askBlocking(kind, sent) {
        case .success(let reply) where reply.status == GATEWAY_OK: return reply.payload
        case .success(let reply):
            let said = String(decoding: reply.payload, as: UTF8.self)
            throw refusal(said.isEmpty ? "status \(reply.status)" : said)
        case .failure(let loss): throw refusal("its worker ended (\(loss))")
        }
    }

    func describe() throws(PluginRefusal) -> [UInt8] {
        try bytes(of: GATEWAY_FRAME_DESCRIBE) { .catalogue("rule C1: describe: \($0)") }
    }

    func configure(_ settings: [UInt8]) throws(PluginRefusal) {
        _ = try bytes(of: GATEWAY_FRAME_CONFIGURE, settings) { .notConfigured($0) }
        state.withLock { $0.settings = settings }
    }

    func runSelfTest() throws(PluginRefusal) {
        _ = try bytes(of: GATEWAY_FRAME_SELFTEST) { .selfTestFailed($0) }
        // It is good: now the others.
        let more = limits.workers - 1
        state.withLock { $0.starting += max(0, more) }
        for _ in 0..<max(0, more) { WorkerLoop.shared.submit { self.startAnother() } }
    }

    func drain() {
        for link in state.withLock({ $0.links }) {
            link.request(GATEWAY_FRAME_DRAIN, within: limits.deadline) { _ in }
        }
    }

    func retire() {
        let (links, waiting) = state.withLock { state in
            state.isRetired = true
            defer { (state.links, state.waiting) = ([], []) }
            return (state.links, state.waiting)
        }
        for link in links { link.end() }
        for continuation in waiting { continuation.resume(returning: nil) }
    }

    var health: PluginHealth {
        var health = PluginHealth(isolation: isolation)
        let (links, crashes) = state.withLock { state in
            health.missing = state.missing
            health.restarts = max(0, state.started - (limits.workers - 1))
            return (state.links, state.crashes)
        }
        health.processes = links.map { Int($0.process.pid) }
        health.memoryBytes = links.compactMap(\.process.memoryBytes).reduce(0, +)
        health.crashes = crashes.count
        health.lastCrash = crashes.last
        health.isBroken = crashes.isBroken(at: .now)
        return health
    }

    deinit { for link in state.withLock({ $0.links }) { link.end() } }
}
