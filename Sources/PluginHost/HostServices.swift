import Gateway
import Logging
import PluginAPI

/// What a plugin reaches the host through: one for each generation, alive as long as the process.
///
/// Its tables are the C side of it. They hold no state; the first argument of each function is this object.
final class HostServices: Sendable {
    let plugin: String
    let invocations: Invocations
    let entropy: Entropy
    let logger: Logger
    let payloadBytesMax: Int

    init(plugin: String, invocations: Invocations, entropy: Entropy, logger: Logger, payloadBytesMax: Int) {
        self.plugin = plugin
        self.invocations = invocations
        self.entropy = entropy
        self.logger = logger
        self.payloadBytesMax = payloadBytesMax
    }

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
                    progress: { _, _, _, _ in GATEWAY_OK },
                    is_cancelled: { host, number in
                        HostServices.from(host)?.invocations.isCancelled(number) ?? true ? 1 : 0
                    }
                )
            )
            log.initialize(to: gateway_log_t(log: { HostServices.log($0, $1, $2, $3, $4) }))
            clock.initialize(
                to: gateway_clock_t(
                    now_ms: { HostServices.from($0)?.entropy.now().milliseconds ?? 0 },
                    monotonic_ns: { _ in HostServices.monotonic() }
                )
            )
            call.initialize(to: gateway_call_t(call: { _, _, _, _, _, _ in GATEWAY_NOT_SUPPORTED }))
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
            services.invocations.countViolation(of: services.plugin)
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
        invocations.countViolation(of: plugin)
        return answer
    }

    /// Ends a call whose worker has gone; one that was late is why it had to go.
    func lose(_ number: UInt64, isLate: Bool) {
        let status = isLate ? GATEWAY_DEADLINE : LoadedPlugin.Completion.lost
        invocations.answer(number, LoadedPlugin.Completion(status: status, payload: []))
    }

    private static func log(
        _ host: UnsafeMutableRawPointer?,
        _ number: UInt64,
        _ level: UInt32,
        _ message: gateway_bytes_t,
        _ values: gateway_bytes_t
    ) -> Int32 {
        guard let services = from(host), message.length <= 4096, values.length <= 4096 else {
            return GATEWAY_INVALID_ARGUMENT
        }
        services.log(number, level: level, String(borrowed: message), values: String(borrowed: values))
        return GATEWAY_OK
    }

    /// Writes a plugin's line into the host's log, with the call and the organization that it belongs to.
    func log(_ number: UInt64, level: UInt32, _ message: String, values: String) {
        let levels: [Logger.Level] = [.debug, .info, .warning, .error]
        var metadata: Logger.Metadata = ["plugin": "\(plugin)"]
        if let call = invocations.call(number) {
            metadata["call"] = "\(call.invocation.call)"
            metadata["organization"] = "\(call.invocation.principal.organization)"
        }
        if !values.isEmpty { metadata["values"] = "\(values)" }
        let chosen = levels.indices.contains(Int(level)) ? levels[Int(level)] : .info
        logger.log(level: chosen, "\(message)", metadata: metadata)
    }

    private static func monotonic() -> UInt64 {
        let sinceStart = ContinuousClock.now.duration(to: start)
        let (seconds, attoseconds) = (.zero - sinceStart).components
        return UInt64(clamping: seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private static let start = ContinuousClock.now
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
