import OrderedJSON
import PluginAPI

/// Why a function tool has no output, told to the caller: a failure, a question, or work that goes on.
public struct FunctionFailure: Error, Sendable, Hashable {
    /// A status of `gateway/base.h`.
    public let status: Int32
    /// A sentence for the caller.
    public let message: String
    /// What the call is completed with.
    let payload: JSON

    /// Makes a failure.
    ///
    /// - Parameter field: JSON Pointer to the argument that is wrong, if it is one; callers are shown it where the
    ///   status is `GATEWAY_INVALID_ARGUMENT`.
    public init(status: Int32, field: String? = nil, _ message: String) {
        var payload: JSONObject = ["message": .string(message)]
        payload["details"] = field.map { [["pointer": .string($0), "message": .string(message)]] }
        self.init(status: status, message, payload: .object(payload))
    }

    init(status: Int32, _ message: String, payload: JSON) {
        self.status = status
        self.message = message
        self.payload = payload
    }
}

extension FunctionFailure {
    /// An argument that cannot be what is meant; `field` is its JSON Pointer.
    public static func invalidArgument(_ field: String, _ message: String) -> FunctionFailure {
        FunctionFailure(status: GATEWAY_INVALID_ARGUMENT, field: field, message)
    }

    /// What the host, or the plugin as it runs here, cannot do.
    public static func notSupported(_ message: String) -> FunctionFailure {
        FunctionFailure(status: GATEWAY_NOT_SUPPORTED, message)
    }

    /// Ends what nobody wants any more (`FunctionContext.isCancelled`).
    public static func cancelled(_ message: String) -> FunctionFailure {
        FunctionFailure(status: GATEWAY_CANCELLED, message)
    }

    /// Asks a person before going on: thrown, because this call ends here and another comes with the answer.
    ///
    /// - Parameters:
    ///   - schema: A flat object schema of the answer.
    ///   - state: Given back with the answer; callers cannot read or change it.
    public static func question(_ message: String, schema: JSON, state: JSON = .null) -> FunctionFailure {
        FunctionFailure(
            status: GATEWAY_INPUT_REQUIRED,
            message,
            payload: ["message": .string(message), "schema": schema, "state": state]
        )
    }

    /// Asks to go on after the reply, as a task of the host's: thrown, because this call ends here and the host calls the
    /// tool again with the same arguments.
    ///
    /// Only where `FunctionContext.mayBecomeTask` says so.
    public static func goesOn(_ message: String) -> FunctionFailure {
        FunctionFailure(
            status: GATEWAY_ACCEPTED,
            message,
            payload: ["x-task": .object(JSONObject()), "message": .string(message)]
        )
    }

    /// Answers that work was begun, by the handle that `tool` takes: thrown, because this call has no output yet.
    public static func accepted(
        handle: String,
        tool: String? = nil,
        _ message: String,
        pollAfterMilliseconds: Int64? = nil
    ) -> FunctionFailure {
        var payload: JSONObject = ["handle": .string(handle), "message": .string(message)]
        payload["tool"] = tool.map { .string($0) }
        payload["poll_after_ms"] = pollAfterMilliseconds.map { .integer($0) }
        return FunctionFailure(status: GATEWAY_ACCEPTED, message, payload: .object(payload))
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

    /// Tells the caller how far the work is: a fraction of 1, never falling, and a text for people.
    public func progress(_ fraction: Double, _ message: String = "") {
        host.progress(invocation, fraction, message)
    }

    /// Asks a host service of docs/abi.md, section 9.
    ///
    /// - Throws: The host's status and message, `GATEWAY_PERMISSION_DENIED` for what was not granted among them.
    public func ask(_ service: String, _ request: JSON) async throws(FunctionFailure) -> JSON {
        let (status, answer) = await host.ask(invocation, service, request)
        let document = (try? JSON(parsing: answer)) ?? .object(JSONObject())
        guard status == GATEWAY_OK else {
            throw FunctionFailure(status: status, document["message"]?.stringValue ?? "\(service): status \(status)")
        }
        return document
    }

    /// Whether the tool may ask to go on after its reply: it says `x-task`, and this call is no task yet.
    public var mayBecomeTask: Bool { meta["x-task"]?["offered"] == true }

    /// The task that this call goes on as; nil where its caller still waits for the reply.
    public var task: String? { meta["x-task"]?["id"]?.stringValue }

    /// A person's answer to the question that this tool asked, when the call is that answer.
    public var answer: Answer? {
        guard let action = meta["input"]?["action"]?.stringValue else { return nil }
        return Answer(
            isAccepted: action == "accept",
            content: meta["input"]?["content"] ?? [:],
            state: meta["state"] ?? .null
        )
    }

    /// What a person answered.
    public struct Answer: Sendable, Hashable {
        /// Whether it is a yes; else it was declined, or put aside.
        public let isAccepted: Bool
        /// The fields of the question's schema.
        public let content: JSON
        /// What the question was asked with.
        public let state: JSON
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
    private let calling: UnsafePointer<gateway_call_t>?

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
        calling = table(GATEWAY_CALL, gateway_call_t.self)
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

    func progress(_ invocation: UInt64, _ fraction: Double, _ message: String) {
        let millionths = UInt32(max(0, min(1, fraction)) * 1_000_000)
        _ = Array(message.utf8).lent { progress?.pointee.progress(host, invocation, millionths, $0) }
    }

    func ask(_ invocation: UInt64, _ service: String, _ request: JSON) async -> (status: Int32, answer: [UInt8]) {
        guard let calling else { return (GATEWAY_NOT_SUPPORTED, []) }
        return await withCheckedContinuation { continuation in
            // Kept until the host answers, which it does once; where the call was not taken it never will.
            let waiter = Unmanaged.passRetained(Waiter(continuation))
            let status = Array(service.utf8)
                .lent { service in
                    request.bytes.lent { request in
                        calling.pointee.call(host, invocation, service, request, Waiter.answered, waiter.toOpaque())
                    }
                }
            if status != GATEWAY_OK { waiter.takeRetainedValue().resume(status, []) }
        }
    }

    /// Who waits for a host service.
    private final class Waiter {
        private let continuation: CheckedContinuation<(status: Int32, answer: [UInt8]), Never>

        init(_ continuation: CheckedContinuation<(status: Int32, answer: [UInt8]), Never>) {
            self.continuation = continuation
        }

        func resume(_ status: Int32, _ answer: [UInt8]) { continuation.resume(returning: (status, answer)) }

        static let answered: gateway_answered_t = { context, status, answer in
            guard let context else { return }
            Unmanaged<Waiter>.fromOpaque(context).takeRetainedValue().resume(status, Array(borrowed: answer))
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
