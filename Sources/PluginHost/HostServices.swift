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
            services.invocations.countViolation(of: services.plugin)
            _ = services.invocations.complete(number, LoadedPlugin.Completion(status: GATEWAY_TOO_LARGE, payload: []))
            return GATEWAY_TOO_LARGE
        }
        let completion = LoadedPlugin.Completion(status: status, payload: Array(borrowed: payload))
        let answer = services.invocations.complete(number, completion)
        if answer != GATEWAY_OK { services.invocations.countViolation(of: services.plugin) }
        return answer
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
        let levels: [Logger.Level] = [.debug, .info, .warning, .error]
        var metadata: Logger.Metadata = ["plugin": "\(services.plugin)"]
        if let call = services.invocations.call(number) {
            metadata["call"] = "\(call.invocation.call)"
            metadata["organization"] = "\(call.invocation.principal.organization)"
        }
        if values.length > 0 { metadata["values"] = "\(String(borrowed: values))" }
        let chosen = levels.indices.contains(Int(level)) ? levels[Int(level)] : .info
        services.logger.log(level: chosen, "\(String(borrowed: message))", metadata: metadata)
        return GATEWAY_OK
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
