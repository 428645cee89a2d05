import NIOCore
import Synchronization

/// Since when a connection has been waited for: written by its own loop, read where there is no room for another.
final class ConnectionActivity: Sendable {
    private let since: Atomic<UInt64>

    /// One that has just been opened.
    init(now: NIODeadline = .now()) { since = Atomic(now.uptimeNanoseconds) }

    /// A whole request is here, and is being answered.
    func answers() { since.store(.max, ordering: .relaxed) }

    /// The answer has been written: the peer's turn.
    func waits(now: NIODeadline = .now()) { since.store(now.uptimeNanoseconds, ordering: .relaxed) }

    /// Since when it has sent no whole request; nil while one is being answered.
    var waitingSince: UInt64? {
        let since = since.load(ordering: .relaxed)
        return since == .max ? nil : since
    }
}
