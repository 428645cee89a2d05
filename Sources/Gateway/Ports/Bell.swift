import Synchronization

/// Calls somebody whenever something happens: nobody, until somebody wishes it; one at most, the last who did.
///
/// Whom it calls is kept in a value of its own. A function that a `Mutex` holds by itself, or in a tuple, is lent out as
/// a value of any type each time the lock is taken, and wrapped once more each time: after a thousand rings every ring would go
/// through a thousand wrappers, for ever. The house's rules forbid it (`TidyTests`).
package final class Bell<Told>: Sendable {
    private struct Caller: Sendable {
        let hear: @Sendable (Told) -> Void
    }

    private let caller = Mutex<Caller?>(nil)

    package init() {}

    /// Calls this from now on.
    package func call(_ hear: @escaping @Sendable (Told) -> Void) {
        let new = Caller(hear: hear)
        caller.withLock { $0 = new }
    }

    /// Tells whoever is called.
    package func ring(_ told: Told) { caller.withLock { $0 }?.hear(told) }
}

extension Bell<Void> {
    /// Calls whoever is called.
    package func ring() { ring(()) }
}
