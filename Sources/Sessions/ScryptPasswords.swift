import Cryptography
import Foundation
import Gateway
import Threads

/// Password hashing on a thread of its own: it takes a tenth of a second and a hundred megabytes, on purpose, and must
/// hold up neither an event loop nor Swift's cooperative pool.
///
/// One thread bounds the memory too. Whoever waits for it takes turns, so that one address's many attempts delay
/// another's by one, and however many strangers' keep out nobody whom the house knows.
///
/// The queue is guarded by `condition`.
package final class ScryptPasswords: Passwords, @unchecked Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How many may wait in all; more are told to come again.
        ///
        /// Default 16, which is some seconds' work.
        package var waitingMax = 16
        /// How many of one turn's may wait.
        ///
        /// Default 4.
        package var waitingOfOneMax = 4

        /// The defaults.
        package init() {}
    }

    private typealias Work = @Sendable (_ isRun: Bool) -> Void

    private let condition = NSCondition()
    private let hasher: PasswordHash
    private var queue: FairQueue<Work>

    /// Starts the thread.
    package init(hasher: PasswordHash = PasswordHash(), settings: Settings = Settings()) {
        self.hasher = hasher
        queue = FairQueue(countMax: settings.waitingMax, ofOneMax: settings.waitingOfOneMax)
        NamedThread.start("passwords") { self.run() }
    }

    package func hash(_ password: Secret<String>, turn: PasswordTurn) async throws(GatewayError) -> String {
        let hasher = hasher
        let made = await run(turn: turn) { try? hasher.make(for: password.reveal()) }
        guard let hash = made ?? nil else { throw busy }
        return hash
    }

    package func verify(
        _ password: Secret<String>,
        against stored: String?,
        turn: PasswordTurn
    ) async throws(GatewayError) -> Bool {
        // Nobody's hash is of the cost of those that are made, so that a name that is not there takes as long, and so
        // does somebody who was invited and has no password yet.
        let known = stored.flatMap { PasswordHash.isHash($0) ? $0 : nil }
        let hash = known ?? hasher.nobodys
        let verified = await run(turn: turn) { PasswordHash.verify(password.reveal(), against: hash) }
        guard let verified else { throw busy }
        return verified && known != nil
    }

    package func isOutdated(_ stored: String) -> Bool { hasher.isOutdated(stored) }

    private var busy: GatewayError {
        GatewayError(.rateLimited, "Too many people are logging in. Try again in a moment.", retryAfter: .seconds(2))
    }

    /// Runs work on the thread when its turn comes; nil when too much is waiting.
    private func run<Result: Sendable>(turn: PasswordTurn, _ work: @escaping @Sendable () -> Result) async -> Result? {
        await withCheckedContinuation { continuation in
            let waiting: Work = { isRun in continuation.resume(returning: isRun ? work() : nil) }
            let loser: Work? = condition.withLock {
                switch queue.add(waiting, of: turn.name, isKnown: turn.isKnown) {
                case .waits:
                    condition.signal()
                    return nil
                case .insteadOf(let displaced):
                    condition.signal()
                    return displaced
                case .refused: return waiting
                }
            }
            loser?(false)
        }
    }

    private func run() {
        while true {
            condition.lock()
            var work = queue.next()
            while work == nil {
                condition.wait()
                work = queue.next()
            }
            condition.unlock()
            work?(true)
        }
    }
}
