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
    private var behaviour = Services.empty
    private var whileCompleting: (() -> Void)?

    /// How it answers what a plugin asks of it.
    enum Services: Sendable {
        /// As a host that has kept nothing yet.
        case empty
        /// With this status, each time.
        case failing(Int32)
        /// As one that has kept nothing, after a moment and on another thread.
        case later
    }

    /// Runs once, when a call is completed, before its payload is read.
    func onNextCompletion(_ work: @escaping () -> Void) { condition.withLock { whileCompleting = work } }

    private func runWhileCompleting() {
        let work = condition.withLock {
            defer { whileCompleting = nil }
            return whileCompleting
        }
        work?()
    }

    /// What becomes of an answer that it lends.
    private var lending = Lending.End.overwritten

    /// From now on answers are lent so.
    func lend(_ end: Lending.End) { condition.withLock { lending = end } }

    private var lendingNow: Lending.End { condition.withLock { lending } }

    /// From now on it answers so.
    func behave(_ services: Services) { condition.withLock { behaviour = services } }

    var pointer: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    /// How often any host function was called.
    var callCount: Int { condition.withLock { calls } }

    /// Forgets a call that is over, so that nothing grows here.
    func forget(_ number: UInt64) {
        condition.withLock {
            begun.remove(number)
            completions[number] = nil
        }
    }

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

    private func ask(_ number: UInt64, _ service: String, answered: @escaping (Int32, [UInt8]) -> Void) -> Int32 {
        let (isKnown, behaviour) = condition.withLock {
            calls += 1
            return (begun.contains(number) && completions[number] == nil, self.behaviour)
        }
        guard isKnown else { return GATEWAY_UNKNOWN_INVOCATION }
        switch behaviour {
        case .empty: ProbeHost.answer(service, answered)
        case .failing(let status): answered(status, Array("{\"message\":\"It failed, to try the plugin.\"}".utf8))
        case .later:
            let answered = Boxed(answered)
            DispatchQueue.global()
                .asyncAfter(deadline: .now() + .milliseconds(20)) {
                    ProbeHost.answer(service, answered.value)
                }
        }
        return GATEWAY_OK
    }

    /// C functions are called from any thread (rule T3).
    private struct Boxed: @unchecked Sendable {
        let value: (Int32, [UInt8]) -> Void
        init(_ value: @escaping (Int32, [UInt8]) -> Void) { self.value = value }
    }

    private static func answer(_ service: String, _ answered: (Int32, [UInt8]) -> Void) {
        let id = "019ab3c4-0000-7000-8000-000000000001"
        let answers = [
            "store.put": #"{"version":1}"#, "store.delete": "{}", "store.list": #"{"items":[]}"#,
            "x-transaction.page": #"{"transactions":[]}"#,
            "x-transaction.aggregate": #"{"as_of_ms":0,"position":"p","late":0,"groups":[],"open":[]}"#,
            "x-report.keep": #"{"report_id":"\#(id)","expires_at_ms":0,"corrections":null}"#,
            "transaction.list": #"{"transactions":[]}"#, "timer.schedule": #"{"timer":"\#(id)"}"#, "timer.cancel": "{}",
            "export.open": #"{"export":"\#(id)"}"#, "export.append": #"{"bytes":1}"#,
            "export.close": #"{"path":"/exports/\#(id)","bytes":1}"#,
        ]
        if let known = answers[service] { return answered(GATEWAY_OK, Array(known.utf8)) }
        let isKnown = service == "store.get" || service == "transaction.find"
        let message = #"{"message":"There is no such thing."}"#
        answered(isKnown ? GATEWAY_NOT_FOUND : GATEWAY_NOT_SUPPORTED, Array(message.utf8))
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
                    ProbeHost.from(host)?.runWhileCompleting()
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
                to: gateway_call_t(call: { host, number, service, _, answered, context in
                    guard let probe = ProbeHost.from(host), let answered else { return GATEWAY_INVALID_ARGUMENT }
                    let name = UnsafeBufferPointer(start: service.data, count: Int(service.length))
                    return probe.ask(number, String(decoding: name, as: UTF8.self)) { status, bytes in
                        Lending.lend(bytes, probe.lendingNow) { answered(context, status, $0) }
                    }
                })
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
