import Gateway
import Glibc
import Logging
import OrderedJSON
import PluginAPI
import Synchronization

/// What a plugin reaches the host through: one for each generation, alive as long as the process.
///
/// Its tables are the C side of it. They hold no state; the first argument of each function is this object.
final class HostServices: Sendable {
    let plugin: String
    let invocations: Invocations
    let entropy: Entropy
    let logger: Logger
    let payloadBytesMax: Int
    private let answers: PluginServices?
    private let threads: PluginThreads
    private let grants = Mutex(Catalogue.Needs())
    private let asked = Atomic<Int>(0)
    private let askedMax: Int
    private let askedBytes = Atomic<Int>(0)
    private let askedBytesMax: Int
    let logBudget: LogBudget

    init(
        plugin: String,
        invocations: Invocations,
        entropy: Entropy,
        logger: Logger,
        payloadBytesMax: Int,
        answers: PluginServices?,
        threads: PluginThreads,
        askedMax: Int = 1_000,
        askedBytesMax: Int = 64 << 20,
        logLinesMax: Int = 100
    ) {
        self.plugin = plugin
        self.invocations = invocations
        self.entropy = entropy
        self.logger = logger
        self.payloadBytesMax = payloadBytesMax
        self.answers = answers
        self.threads = threads
        self.askedMax = askedMax
        self.askedBytesMax = askedBytesMax
        logBudget = LogBudget(linesMax: logLinesMax)
    }

    /// Lets it ask for what it was granted; until then, for nothing.
    func grant(_ needs: Catalogue.Needs) { grants.withLock { $0 = needs } }

    static func from(_ host: UnsafeMutableRawPointer?) -> HostServices? {
        host.map { Unmanaged<HostServices>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The host's answer to `host_interface`: a table by its id, or null.
    static let interface: @convention(c) (UnsafeMutableRawPointer?, gateway_bytes_t) -> UnsafeRawPointer? = { _, id in
        switch String(borrowed: id) {
        case GATEWAY_COMPLETE: UnsafeRawPointer(tables.complete)
        case GATEWAY_PROGRESS: UnsafeRawPointer(tables.progress)
        case GATEWAY_LOG: UnsafeRawPointer(tables.log)
        case GATEWAY_CLOCK: UnsafeRawPointer(tables.clock)
        case GATEWAY_CALL: UnsafeRawPointer(tables.call)
        case GATEWAY_THREAD_CHECK: UnsafeRawPointer(tables.threadCheck)
        default: nil
        }
    }

    /// The tables, allocated once and never freed: plugins keep their addresses (rule M4).
    private struct Tables {
        let complete = UnsafeMutablePointer<gateway_complete_t>.allocate(capacity: 1)
        let progress = UnsafeMutablePointer<gateway_progress_t>.allocate(capacity: 1)
        let log = UnsafeMutablePointer<gateway_log_t>.allocate(capacity: 1)
        let clock = UnsafeMutablePointer<gateway_clock_t>.allocate(capacity: 1)
        let call = UnsafeMutablePointer<gateway_call_t>.allocate(capacity: 1)
        let threadCheck = UnsafeMutablePointer<gateway_thread_check_t>.allocate(capacity: 1)

        init() {
            complete.initialize(to: gateway_complete_t(complete: { HostServices.complete($0, $1, $2, $3) }))
            progress.initialize(
                to: gateway_progress_t(
                    progress: { host, number, fraction, message in
                        guard let services = HostServices.from(host), message.length <= 4096 else {
                            return GATEWAY_INVALID_ARGUMENT
                        }
                        return services.progress(number, fraction, String(borrowed: message))
                    },
                    is_cancelled: { host, number in
                        HostServices.from(host)?.invocations.isCancelled(number) ?? true ? 1 : 0
                    }
                )
            )
            log.initialize(to: gateway_log_t(log: { HostServices.log($0, $1, $2, $3, $4) }))
            clock.initialize(
                to: gateway_clock_t(
                    now_ms: { HostServices.from($0)?.entropy.wall().milliseconds ?? 0 },
                    monotonic_ns: { _ in HostServices.monotonic() }
                )
            )
            call.initialize(to: gateway_call_t(call: { HostServices.call($0, $1, $2, $3, $4, $5) }))
            threadCheck.initialize(
                to: gateway_thread_check_t(is_plugin_thread: { _ in PluginThreads.isCurrent ? 1 : 0 })
            )
        }
    }

    // Written once before anybody sees it; only read afterwards.
    nonisolated(unsafe) private static let tables = Tables()

    private static func complete(
        _ host: UnsafeMutableRawPointer?,
        _ number: UInt64,
        _ status: Int32,
        _ payload: gateway_bytes_t
    ) -> Int32 {
        guard let services = from(host) else { return GATEWAY_INVALID_ARGUMENT }
        guard payload.length <= UInt64(services.payloadBytesMax) else {
            services.complete(number, status: GATEWAY_TOO_LARGE, [])
            services.invocations.countViolation()
            return GATEWAY_TOO_LARGE
        }
        return services.complete(number, status: status, Array(borrowed: payload))
    }

    /// Ends a call; what is out of turn is counted and otherwise harmless.
    @discardableResult
    func complete(_ number: UInt64, status: Int32, _ payload: [UInt8]) -> Int32 {
        let answer = invocations.complete(number, LoadedPlugin.Completion(status: status, payload: payload))
        guard answer != GATEWAY_OK else { return answer }
        if invocations.forgive(number) { return GATEWAY_UNKNOWN_INVOCATION }
        invocations.countViolation()
        return answer
    }

    /// Ends a call whose worker has gone; one that was late is why it had to go.
    func lose(_ number: UInt64, isLate: Bool) {
        let status = isLate ? GATEWAY_DEADLINE : LoadedPlugin.Completion.lost
        invocations.answer(number, LoadedPlugin.Completion(status: status, payload: []))
    }

    /// The clock that a worker's plugin sees too.
    static func monotonic() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Passes on how far a call is, as often as the rate allows.
    @discardableResult
    func progress(_ number: UInt64, _ fraction: UInt32, _ message: String) -> Int32 {
        guard let tell = invocations.mayTell(number, fraction) else { return GATEWAY_OK }
        tell(LoadedPlugin.Progress(fraction: Int(min(fraction, 1_000_000)), message: message))
        return GATEWAY_OK
    }
}

extension HostServices {
    /// What C gave to be called with the answer.
    private struct Asker: @unchecked Sendable {
        // The plugin takes its own pointer back from any thread (rule T3).
        let answered: gateway_answered_t
        let context: UnsafeMutableRawPointer?

        func tell(_ status: Int32, _ bytes: [UInt8]) { bytes.lent { answered(context, status, $0) } }
    }

    private static func call(
        _ host: UnsafeMutableRawPointer?,
        _ number: UInt64,
        _ service: gateway_bytes_t,
        _ request: gateway_bytes_t,
        _ answered: gateway_answered_t?,
        _ context: UnsafeMutableRawPointer?
    ) -> Int32 {
        guard let services = from(host), let answered, service.length <= 128 else { return GATEWAY_INVALID_ARGUMENT }
        guard request.length <= UInt64(services.payloadBytesMax) else { return GATEWAY_TOO_LARGE }
        guard services.invocations.call(number) != nil else { return GATEWAY_UNKNOWN_INVOCATION }
        guard services.asked.load(ordering: .relaxed) < services.askedMax else { return GATEWAY_RATE_LIMITED }
        let asker = Asker(answered: answered, context: context)
        services.call(number, String(borrowed: service), Array(borrowed: request)) { status, bytes in
            // Its code never runs on Swift's cooperative pool (rule T1); with no thread free it is told here after all,
            // because an answer is owed.
            if !services.threads.submit({ asker.tell(status, bytes) }) { asker.tell(status, bytes) }
        }
        return GATEWAY_OK
    }

    /// Asks a service in the name of the call's organization; `answered` is told, once.
    func call(
        _ number: UInt64,
        _ service: String,
        _ request: [UInt8],
        answered: @escaping @Sendable (Int32, [UInt8]) -> Void
    ) {
        guard let call = invocations.call(number) else { return answered(GATEWAY_UNKNOWN_INVOCATION, []) }
        guard let answers else { return answered(GATEWAY_NOT_SUPPORTED, []) }
        guard asked.load(ordering: .relaxed) < askedMax,
            askedBytes.load(ordering: .relaxed) + request.count <= askedBytesMax
        else {
            return answered(GATEWAY_RATE_LIMITED, HostServices.document("Too many requests of it are under way."))
        }
        asked.add(1, ordering: .relaxed)
        askedBytes.add(request.count, ordering: .relaxed)
        // Read there too: whoever asks may be the thread that all workers share.
        Task {
            defer {
                asked.subtract(1, ordering: .relaxed)
                askedBytes.subtract(request.count, ordering: .relaxed)
            }
            guard let body = try? JSON(parsing: request), body.objectValue != nil else {
                return answered(GATEWAY_INVALID_ARGUMENT, HostServices.document("The request is not a JSON object."))
            }
            let asking = ServiceRequest(
                service: service,
                body: body,
                plugin: plugin,
                grants: grants.withLock { $0 },
                principal: call.invocation.principal,
                isOfTask: call.invocation.isOfTask
            )
            do throws(GatewayError) {
                answered(GATEWAY_OK, try await answers.answer(asking).bytes)
            } catch {
                if error.code == .permissionDenied { invocations.countViolation() }
                answered(HostServices.status(of: error.code), HostServices.document(error.message))
            }
        }
    }

    private static func document(_ message: String) -> [UInt8] {
        JSON.object(["message": .string(message)]).bytes
    }

    private static func status(of code: GatewayError.Code) -> Int32 {
        switch code {
        case .invalidArgument, .malformedRequest: GATEWAY_INVALID_ARGUMENT
        case .permissionDenied: GATEWAY_PERMISSION_DENIED
        case .notFound: GATEWAY_NOT_FOUND
        case .conflict: GATEWAY_CONFLICT
        case .rateLimited, .limitExceeded: GATEWAY_RATE_LIMITED
        case .tooLarge: GATEWAY_TOO_LARGE
        case .notSupported: GATEWAY_NOT_SUPPORTED
        default: GATEWAY_INTERNAL
        }
    }
}

extension String {
    /// A copy of borrowed text.
    init(borrowed bytes: gateway_bytes_t) {
        self.init(decoding: UnsafeBufferPointer(start: bytes.data, count: Int(bytes.length)), as: UTF8.self)
    }
}

extension [UInt8] {
    /// A copy of borrowed bytes.
    init(borrowed bytes: gateway_bytes_t) {
        self.init(UnsafeBufferPointer(start: bytes.data, count: Int(bytes.length)))
    }

    /// Lends the bytes for the length of a call.
    func lent<Result>(_ body: (gateway_bytes_t) -> Result) -> Result {
        withUnsafeBufferPointer { body(gateway_bytes_t(data: $0.baseAddress, length: UInt64($0.count))) }
    }
}
