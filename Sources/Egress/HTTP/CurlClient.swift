import CCurl
import Gateway
import Synchronization
import Threads

/// HTTP to upstreams: libcurl's multi interface on one thread of its own.
///
/// Every request has a connection of its own, so that nothing that was said to another can become its answer
/// (docs/adr/0026), and is written at most once, whatever happens to its connection; see `CurlTransfer`.
package final class CurlClient: Sendable {
    /// What bounds the client.
    package struct Settings: Sendable {
        /// How many transfers may be under way, each on a connection of its own; more are refused as not sent.
        ///
        /// No transfer waits for a connection here: whoever sends has waited before (docs/adr/0019), and a request's
        /// time must not run while it waits. Default 400.
        package var connectionsMax = 400
        /// How exactly an answer's time is kept.
        ///
        /// Default 100 ms.
        package var tick: Duration = .milliseconds(100)
        /// What the upstream's log shows.
        package var userAgent = "mpesa-gateway"
        /// What its thread is called.
        ///
        /// Default egress.
        package var threadName = "egress"
        /// Certificates to trust instead of the system's, as a PEM file.
        package var certificateFile: String?

        /// The defaults.
        package init() {}
    }

    private struct Inbox {
        var new: [CurlTransfer] = []
        var count = 0
        var hasGivenUp = false
        var isStopping = false
    }

    private let settings: Settings
    // Made here, used by the client's own thread alone.
    nonisolated(unsafe) private let multi: UnsafeMutableRawPointer
    private let poll: CurlPoll
    // Used by the client's own thread alone.
    nonisolated(unsafe) private var lookedAt: UInt64 = 0
    private let inbox = Mutex(Inbox())

    /// Starts the client's thread.
    package init(settings: Settings = Settings()) {
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard let multi = curl_multi_init() else { preconditionFailure("libcurl has no memory to start") }
        self.multi = multi
        self.settings = settings
        poll = CurlPoll(multi)
        NamedThread.start(settings.threadName) { self.run() }
    }

    /// Sends a request.
    ///
    /// Not cancelled with the caller: what may have left must be waited for.
    package func send(_ request: HTTPRequest) async -> HTTPOutcome { await submit(request, wish: nil) }

    /// Sends a request whose connection is closed when the caller's task is cancelled.
    ///
    /// What had left by then may have been taken: never for requests that move money.
    package func sendUntilCancelled(_ request: HTTPRequest) async -> HTTPOutcome {
        let wish = CurlTransfer.Wish()
        return await withTaskCancellationHandler {
            await submit(request, wish: wish)
        } onCancel: {
            wish.end()
            inbox.withLock { $0.hasGivenUp = true }
            poll.wake()
        }
    }

    private func submit(_ request: HTTPRequest, wish: CurlTransfer.Wish?) async -> HTTPOutcome {
        await withCheckedContinuation { continuation in
            let transfer = CurlTransfer(request, wish: wish) { continuation.resume(returning: $0) }
            guard !transfer.isTooLate else { return transfer.finish(.notSent(CurlTransfer.tooLate)) }
            let (isTaken, isFirst) = inbox.withLock { inbox in
                guard !inbox.isStopping, inbox.count < settings.connectionsMax else { return (false, false) }
                inbox.count += 1
                inbox.new.append(transfer)
                return (true, inbox.new.count == 1)
            }
            // Who comes after the first, before the thread has looked, is found with it.
            if isFirst { poll.wake() }
            if !isTaken { transfer.finish(.notSent("too many requests are under way")) }
        }
    }

    /// Takes nothing new; what is under way is finished, then the thread ends.
    package func shutdown() {
        inbox.withLock { $0.isStopping = true }
        poll.wake()
    }

    private func run() {
        var running: [UnsafeMutableRawPointer: CurlTransfer] = [:]
        var spare: [UnsafeMutableRawPointer] = []
        lookedAt = CurlPoll.now()
        while true {
            let (new, hasGivenUp, isStopping) = inbox.withLock { inbox in
                defer { (inbox.new, inbox.hasGivenUp) = ([], false) }
                return (inbox.new, inbox.hasGivenUp, inbox.isStopping)
            }
            for transfer in new { start(transfer, &running, &spare) }
            if hasGivenUp {
                for (easy, transfer) in running where transfer.isGivenUp { drop(easy, .unknown("given up"), &running) }
            }
            if isStopping && running.isEmpty { break }
            poll.turn(atMost: running.isEmpty ? nil : settings.tick)
            finishDone(&running, &spare)
            giveUpLate(&running)
        }
        for easy in spare { curl_easy_cleanup(easy) }
        curl_multi_cleanup(multi)
    }

    private func start(
        _ transfer: CurlTransfer,
        _ running: inout [UnsafeMutableRawPointer: CurlTransfer],
        _ spare: inout [UnsafeMutableRawPointer]
    ) {
        guard !transfer.isGivenUp, let easy = spare.popLast() ?? curl_easy_init() else {
            inbox.withLock { $0.count -= 1 }
            return transfer.finish(.notSent(transfer.isGivenUp ? "given up" : "libcurl has no memory"))
        }
        transfer.prepare(easy, userAgent: settings.userAgent, certificateFile: settings.certificateFile)
        running[easy] = transfer
        curl_multi_add_handle(multi, easy)
    }

    private func finishDone(
        _ running: inout [UnsafeMutableRawPointer: CurlTransfer],
        _ spare: inout [UnsafeMutableRawPointer]
    ) {
        var code = CURLE_OK
        while let easy = gateway_next_done(multi, &code) {
            let status = gateway_status(easy)
            let retryAfter = gateway_retry_after(easy)
            curl_multi_remove_handle(multi, easy)
            guard let transfer = running.removeValue(forKey: easy) else { continue }
            transfer.note(retryAfter: Int64(retryAfter))
            transfer.release()
            curl_easy_reset(easy)
            spare.append(easy)
            inbox.withLock { $0.count -= 1 }
            transfer.end(transfer.outcome(code, status: status), code)
        }
    }

    /// Gives up whose time for an answer is over.
    ///
    /// libcurl's own time runs from the moment it is given a request; M-Pesa's begins with the request's first byte.
    private func giveUpLate(_ running: inout [UnsafeMutableRawPointer: CurlTransfer]) {
        let now = CurlPoll.now()
        guard now >= lookedAt + UInt64(settings.tick.wholeNanoseconds) else { return }
        lookedAt = now
        for (easy, transfer) in running where transfer.hasWaitedEnough(at: now) {
            drop(easy, .unknown(CurlTransfer.tooSlow), &running)
        }
    }

    /// Closes a transfer's connection.
    private func drop(
        _ easy: UnsafeMutableRawPointer,
        _ outcome: HTTPOutcome,
        _ running: inout [UnsafeMutableRawPointer: CurlTransfer]
    ) {
        guard let transfer = running.removeValue(forKey: easy) else { return }
        curl_multi_remove_handle(multi, easy)
        transfer.release()
        curl_easy_cleanup(easy)
        inbox.withLock { $0.count -= 1 }
        transfer.end(outcome, nil)
    }
}
