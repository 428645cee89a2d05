import Foundation
import PluginAPI

/// A host that only watches: what a plugin called, and how its calls ended.
///
/// All state is guarded by `condition`; it lives as long as the process.
final class ProbeHost: @unchecked Sendable {
    struct Completion {
        let status: Int32
        let payload: [UInt8]
    }

    private let condition = NSCondition()
    private var completions: [UInt64: [Completion]] = [:]
    private var begun: Set<UInt64> = []
    private var calls = 0

    var pointer: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    /// How often any host function was called.
    var callCount: Int { condition.withLock { calls } }

    func begin(_ number: UInt64) { condition.withLock { _ = begun.insert(number) } }

    /// All completions of a call, once there is one, or after a while none.
    func completions(of number: UInt64, within seconds: Double) -> [Completion] {
        let end = Date(timeIntervalSinceNow: seconds)
        return condition.withLock {
            while completions[number] == nil, condition.wait(until: end) {}
            return completions[number] ?? []
        }
    }

    func completionsNow(of number: UInt64) -> [Completion] { condition.withLock { completions[number] ?? [] } }

    private func complete(_ number: UInt64, _ status: Int32, _ payload: [UInt8]) -> Int32 {
        condition.withLock {
            calls += 1
            guard begun.contains(number) else { return GATEWAY_UNKNOWN_INVOCATION }
            let isFirst = completions[number] == nil
            completions[number, default: []].append(Completion(status: status, payload: payload))
            condition.broadcast()
            return isFirst ? GATEWAY_OK : GATEWAY_ALREADY_COMPLETED
        }
    }

    private func count() { condition.withLock { calls += 1 } }

    // MARK: The C side

    private static func from(_ host: UnsafeMutableRawPointer?) -> ProbeHost? {
        host.map { Unmanaged<ProbeHost>.fromOpaque($0).takeUnretainedValue() }
    }

    static let interface: @convention(c) (UnsafeMutableRawPointer?, gateway_bytes_t) -> UnsafeRawPointer? = { _, id in
        let name = String(decoding: UnsafeBufferPointer(start: id.data, count: Int(id.length)), as: UTF8.self)
        switch name {
        case GATEWAY_COMPLETE: return UnsafeRawPointer(tables.complete)
        case GATEWAY_PROGRESS: return UnsafeRawPointer(tables.progress)
        case GATEWAY_LOG: return UnsafeRawPointer(tables.log)
        case GATEWAY_CLOCK: return UnsafeRawPointer(tables.clock)
        case GATEWAY_CALL: return UnsafeRawPointer(tables.call)
        case GATEWAY_THREAD_CHECK: return UnsafeRawPointer(tables.threadCheck)
        default: return nil
        }
    }

    private struct Tables {
        let complete = UnsafeMutablePointer<gateway_complete_t>.allocate(capacity: 1)
        let progress = UnsafeMutablePointer<gateway_progress_t>.allocate(capacity: 1)
        let log = UnsafeMutablePointer<gateway_log_t>.allocate(capacity: 1)
        let clock = UnsafeMutablePointer<gateway_clock_t>.allocate(capacity: 1)
        let call = UnsafeMutablePointer<gateway_call_t>.allocate(capacity: 1)
        let threadCheck = UnsafeMutablePointer<gateway_thread_check_t>.allocate(capacity: 1)

        init() {
            complete.initialize(
                to: gateway_complete_t(complete: { host, number, status, payload in
                    let bytes = Array(UnsafeBufferPointer(start: payload.data, count: Int(payload.length)))
                    return ProbeHost.from(host)?.complete(number, status, bytes) ?? GATEWAY_INVALID_ARGUMENT
                })
            )
            progress.initialize(
                to: gateway_progress_t(
                    progress: { host, _, _, _ in ProbeHost.counted(host, GATEWAY_OK) },
                    is_cancelled: { host, _ in ProbeHost.counted(host, 0) }
                )
            )
            log.initialize(to: gateway_log_t(log: { host, _, _, _, _ in ProbeHost.counted(host, GATEWAY_OK) }))
            clock.initialize(
                to: gateway_clock_t(
                    now_ms: { host in
                        ProbeHost.from(host)?.count()
                        return Int64(Date().timeIntervalSince1970 * 1000)
                    },
                    monotonic_ns: { host in
                        ProbeHost.from(host)?.count()
                        return DispatchTime.now().uptimeNanoseconds
                    }
                )
            )
            call.initialize(
                to: gateway_call_t(call: { host, _, _, _, _, _ in ProbeHost.counted(host, GATEWAY_NOT_SUPPORTED) })
            )
            threadCheck.initialize(to: gateway_thread_check_t(is_plugin_thread: { ProbeHost.counted($0, 1) }))
        }
    }

    private static func counted(_ host: UnsafeMutableRawPointer?, _ answer: Int32) -> Int32 {
        from(host)?.count()
        return answer
    }

    // Written once before anybody sees it; only read afterwards.
    nonisolated(unsafe) private static let tables = Tables()
}
