import Cryptography
import Foundation
import Gateway
import Threads

/// Password hashing on a thread of its own: it takes a tenth of a second and a hundred megabytes, on purpose, and must
/// hold up neither an event loop nor Swift's cooperative pool.
///
/// One thread bounds the memory too.
///
/// The queue is guarded by `condition`.
package final class ScryptPasswords: Passwords, @unchecked Sendable {
    private let condition = NSCondition()
    private let hasher: PasswordHash
    private let queueMax: Int
    private var queue: [@Sendable () -> Void] = []

    /// Starts the thread.
    ///
    /// At most `queueMax` hashes wait; a login past that is refused.
    package init(hasher: PasswordHash = PasswordHash(), queueMax: Int = 100) {
        self.hasher = hasher
        self.queueMax = queueMax
        NamedThread.start("passwords") { self.run() }
    }

    package func hash(_ password: Secret<String>) async throws(GatewayError) -> String {
        let hasher = hasher
        let made = await run { try? hasher.make(for: password.reveal()) }
        guard let hash = made ?? nil else { throw busy }
        return hash
    }

    package func verify(_ password: Secret<String>, against stored: String) async throws(GatewayError) -> Bool {
        let verified = await run { PasswordHash.verify(password.reveal(), against: stored) }
        guard let verified else { throw busy }
        return verified
    }

    private var busy: GatewayError {
        GatewayError(.unavailable, "Too many people are logging in. Try again in a moment.", retryAfter: .seconds(2))
    }

    /// Runs work on the thread; nil when too much is waiting.
    private func run<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result? {
        await withCheckedContinuation { continuation in
            let isTaken = condition.withLock {
                guard queue.count < queueMax else { return false }
                queue.append { continuation.resume(returning: work()) }
                condition.signal()
                return true
            }
            if !isTaken { continuation.resume(returning: nil) }
        }
    }

    private func run() {
        while true {
            condition.lock()
            while queue.isEmpty { condition.wait() }
            let work = queue.removeFirst()
            condition.unlock()
            work()
        }
    }
}
