import PluginLoader

/// What a worker may send: the limits that its own code keeps, kept here again, because a plugin's code may write to the
/// socket itself.
struct WorkerGate: Sendable {
    /// What bounds one worker's frames.
    struct Limits: Sendable {
        /// The longest result (rule M5).
        var resultBytesMax = 4 << 20
        /// How many bytes a second may come that nobody asked for: log, progress, requests, completions of no open call.
        var unaskedBytesMax = 96 << 20
        /// How many such frames a second.
        var unaskedFramesMax = 30_000
        /// How many of its requests to the host may be unanswered.
        var asksMax = Int(GATEWAY_ASKED_MAX)
    }

    private let limits: Limits
    private var second = ContinuousClock.now
    private var bytes = 0
    private var frames = 0

    init(_ limits: Limits) { self.limits = limits }

    /// Why a frame is not taken, told from its header, before its bytes are waited for; nil for one that is.
    func refusal(of header: gateway_frame_t) -> String? {
        guard let most = longest(header.kind) else { return "a frame of kind \(header.kind)" }
        return header.length > UInt32(most) ? "a frame of \(header.length) bytes, of kind \(header.kind)" : nil
    }

    private func longest(_ kind: UInt32) -> Int? {
        let text = Int(GATEWAY_TEXT_BYTES_MAX)
        return switch kind {
        case GATEWAY_FRAME_STARTED.rawValue: text
        case GATEWAY_FRAME_REPLY.rawValue, GATEWAY_FRAME_COMPLETE.rawValue: limits.resultBytesMax
        case GATEWAY_FRAME_PROGRESS.rawValue: text
        case GATEWAY_FRAME_LOG.rawValue: 4 + 2 * text
        case GATEWAY_FRAME_CALL.rawValue: 4 + Int(GATEWAY_SERVICE_BYTES_MAX) + limits.resultBytesMax
        case GATEWAY_FRAME_TAKEN.rawValue: 0
        default: nil
        }
    }

    /// Counts a frame that nobody asked for; why it is one too many, or nil.
    mutating func countUnasked(_ size: Int, at now: ContinuousClock.Instant = .now) -> String? {
        begin(now)
        bytes += size
        frames += 1
        if bytes > limits.unaskedBytesMax { return "more than \(limits.unaskedBytesMax) bytes a second" }
        return frames > limits.unaskedFramesMax ? "more than \(limits.unaskedFramesMax) frames a second" : nil
    }

    private mutating func begin(_ now: ContinuousClock.Instant) {
        guard now - second >= .seconds(1) else { return }
        (second, bytes, frames) = (now, 0, 0)
    }
}

/// Bytes that a socket did not take yet.
struct WorkerOutbox: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Gives the bytes to `send`, which answers how many it took.
    mutating func offer(_ send: (UnsafeRawBufferPointer) -> Int) {
        start += max(0, bytes.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[start...])) })
        // What was sent is cut off now and then, not each time: that would move all the rest.
        if isEmpty {
            self = WorkerOutbox()
        } else if start > bytes.count / 2 {
            bytes.removeFirst(start)
            start = 0
        }
    }
}
