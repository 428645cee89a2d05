import Foundation

/// Writes lines to a file descriptor on a thread of its own, so that a reader that is slow, or stuck, holds up nobody
/// who has something to say.
///
/// Bounded: what no longer fits is left out, and a line tells how many were. All state is guarded by `condition`.
public final class LineWriter: @unchecked Sendable {
    private let condition = NSCondition()
    private let descriptor: Int32
    private let bytesMax: Int
    private let notice: @Sendable (Int) -> [UInt8]
    private var waiting: [UInt8] = []
    private var lost = 0
    private var isWriting = false

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - descriptor: Where the lines go.
    ///   - bytesMax: At most so many bytes wait.
    ///   - notice: The line that says how many were left out.
    public init(
        descriptor: Int32,
        bytesMax: Int = 4 << 20,
        name: String,
        notice: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.descriptor = descriptor
        self.bytesMax = bytesMax
        self.notice = notice
        NamedThread.start(name) { self.run() }
    }

    /// Queues a line, its end included.
    public func write(_ line: [UInt8]) {
        condition.withLock {
            guard waiting.count + line.count <= bytesMax else {
                lost += 1
                return
            }
            if waiting.isEmpty { condition.broadcast() }
            waiting.append(contentsOf: line)
        }
    }

    /// Waits until everything is written, but not for ever: a reader that is stuck must not keep a program from ending.
    ///
    /// - Returns: Whether it was.
    @discardableResult
    public func flush(atMost seconds: Double = 2) -> Bool {
        let end = Date(timeIntervalSinceNow: seconds)
        return condition.withLock {
            while !waiting.isEmpty || isWriting { if !condition.wait(until: end) { return false } }
            return true
        }
    }

    private func run() {
        // A reader that has gone must not end the program: the write then only fails.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        while true {
            condition.lock()
            isWriting = false
            if waiting.isEmpty { condition.broadcast() }
            while waiting.isEmpty { condition.wait() }
            var lines = waiting
            waiting = []
            if lost > 0 { lines += notice(lost) }
            lost = 0
            isWriting = true
            condition.unlock()
            put(lines)
        }
    }

    private func put(_ lines: [UInt8]) {
        lines.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = Foundation.write(
                    descriptor,
                    buffer.baseAddress?.advanced(by: written),
                    buffer.count - written
                )
                if count > 0 { written += count } else if errno != EINTR { return }
            }
        }
    }
}
