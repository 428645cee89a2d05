import OrderedJSON
import PluginAPI

/// Why a function tool failed, told to the caller.
public struct FunctionFailure: Error, Sendable, Hashable {
    /// A status of `gateway/base.h`.
    public let status: Int32
    /// A sentence for the caller.
    public let message: String

    /// Makes a failure.
    public init(status: Int32, _ message: String) {
        self.status = status
        self.message = message
    }
}

/// What a function tool knows of its call, and the host services it may use.
///
/// Cancellation arrives as the task's.
public struct FunctionContext: Sendable {
    /// The call's number at the host.
    public let invocation: UInt64
    /// What the host said of the call: docs/abi.md and `gateway/function.h`.
    public let meta: JSON
    let host: HostLink

    /// Writes a line into the host's log.
    public func log(_ level: UInt32 = GATEWAY_LOG_INFO, _ message: String, _ values: JSON = [:]) {
        host.log(invocation, level, message, values)
    }

    /// Whether the caller has gone or the time is over.
    public var isCancelled: Bool { host.isCancelled(invocation) }

    /// The host's wall clock, in milliseconds since 1970.
    public var nowMilliseconds: Int64 { host.nowMilliseconds() }
}

/// The host's tables, found once when the plugin was loaded.
///
/// They live as long as the process (rule M4) and may be called from any thread (rule T3), which is what makes sharing
/// this right.
final class HostLink: @unchecked Sendable {
    private let host: UnsafeMutableRawPointer?
    private let complete: UnsafePointer<gateway_complete_t>?
    private let progress: UnsafePointer<gateway_progress_t>?
    private let logging: UnsafePointer<gateway_log_t>?
    private let clock: UnsafePointer<gateway_clock_t>?

    init(_ negotiation: gateway_negotiation_t) {
        let host = negotiation.host
        func table<Table>(_ id: String, _: Table.Type) -> UnsafePointer<Table>? {
            guard let find = negotiation.host_interface else { return nil }
            return Array(id.utf8).lent { find(host, $0) }.map { $0.assumingMemoryBound(to: Table.self) }
        }
        self.host = host
        complete = table(GATEWAY_COMPLETE, gateway_complete_t.self)
        progress = table(GATEWAY_PROGRESS, gateway_progress_t.self)
        logging = table(GATEWAY_LOG, gateway_log_t.self)
        clock = table(GATEWAY_CLOCK, gateway_clock_t.self)
    }

    func complete(_ invocation: UInt64, _ status: Int32, _ payload: [UInt8]) {
        _ = payload.lent { complete?.pointee.complete(host, invocation, status, $0) }
    }

    func isCancelled(_ invocation: UInt64) -> Bool {
        progress?.pointee.is_cancelled(host, invocation) == 1
    }

    func log(_ invocation: UInt64, _ level: UInt32, _ message: String, _ values: JSON) {
        _ = Array(message.utf8)
            .lent { message in
                values.bytes.lent { logging?.pointee.log(host, invocation, level, message, $0) }
            }
    }

    func nowMilliseconds() -> Int64 { clock?.pointee.now_ms(host) ?? 0 }
}

extension [UInt8] {
    /// Lends the bytes for the length of a call.
    func lent<Result>(_ body: (gateway_bytes_t) -> Result) -> Result {
        withUnsafeBufferPointer { body(gateway_bytes_t(data: $0.baseAddress, length: UInt64($0.count))) }
    }

    /// A copy of borrowed bytes.
    init(borrowed bytes: gateway_bytes_t) {
        self.init(UnsafeBufferPointer(start: bytes.data, count: Int(bytes.length)))
    }
}
