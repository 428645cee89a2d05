import CCurl
import Gateway
import Glibc

/// Waits for what libcurl waits for: its sockets, its timer, and a call from another thread.
///
/// By epoll, so that a reply costs the same whether ten requests are under way or two thousand; libcurl's own waiting
/// looks at all of them each time. All of it but `wake` belongs to the client's thread.
final class CurlPoll: @unchecked Sendable {
    private let multi: UnsafeMutableRawPointer
    private let poll: Int32
    private let bell: Int32
    /// When libcurl wants to be called at the latest, by the monotonic clock; nil for never.
    private var deadline: UInt64?
    private var sockets = [Int32](repeating: 0, count: 128)
    private var actions = [Int32](repeating: 0, count: 128)

    /// Makes a poll for a multi handle, which is cleaned up first.
    init(_ multi: UnsafeMutableRawPointer) {
        self.multi = multi
        poll = gateway_epoll()
        bell = gateway_bell()
        precondition(poll >= 0 && bell >= 0, "no file descriptors are left to start with")
        gateway_watch(poll, bell, CURL_POLL_IN)
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = gateway_multi_set_socket_watcher(multi, CurlPoll.watch, context)
        _ = gateway_multi_set_timer(multi, CurlPoll.setTimer, context)
    }

    deinit {
        close(poll)
        close(bell)
    }

    /// Ends the wait that is under way, or the next one; from any thread.
    func wake() { gateway_ring(bell) }

    /// Waits, no longer than it is told to, and lets libcurl do what can be done now.
    func turn(atMost longest: Duration?) {
        let count = Int(gateway_wait(poll, timeout(atMost: longest), &sockets, &actions))
        var running: Int32 = 0
        for index in 0..<max(0, count) {
            if sockets[index] == bell {
                gateway_silence(bell)
            } else {
                curl_multi_socket_action(multi, sockets[index], actions[index], &running)
            }
        }
        // After the sockets: what has just come must not time out.
        guard let deadline, CurlPoll.now() >= deadline else { return }
        self.deadline = nil
        curl_multi_socket_action(multi, CURL_SOCKET_BAD, 0, &running)
    }

    /// In milliseconds, rounded up: woken too early, libcurl would have nothing to do.
    private func timeout(atMost longest: Duration?) -> Int32 {
        let longest = longest.map { Int32(clamping: max(1, $0.wholeMilliseconds)) }
        guard let deadline else { return longest ?? -1 }
        let now = CurlPoll.now()
        return deadline <= now ? 0 : min(Int32(min((deadline - now + 999_999) / 1_000_000, 60_000)), longest ?? .max)
    }

    private static let watch: curl_socket_callback = { _, socket, what, context, _ in
        guard let context else { return 0 }
        gateway_watch(Unmanaged<CurlPoll>.fromOpaque(context).takeUnretainedValue().poll, socket, what)
        return 0
    }

    private static let setTimer: curl_multi_timer_callback = { _, milliseconds, context in
        guard let context else { return 0 }
        let poll = Unmanaged<CurlPoll>.fromOpaque(context).takeUnretainedValue()
        poll.deadline = milliseconds < 0 ? nil : now() + UInt64(milliseconds) * 1_000_000
        return 0
    }

    /// Nanoseconds of a clock that goes on while the machine sleeps, as the deadlines do that requests come with.
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
