import Synchronization

/// Whether to look for an answer for a few microseconds before going to sleep for it.
///
/// Waking a thread costs more than a short answer takes. So a waiter looks for a moment while most answers come that soon,
/// and otherwise sleeps at once, looking one time in many to find out whether they would.
final class AdaptiveSpin: Sendable {
    /// How long is looked.
    static let limit: Duration = .microseconds(40)
    /// How much a hit counts against a miss.
    private static let (hit, miss, most) = (1, 4, 16)
    /// So many waits sleep at once before the next that looks.
    private static let probeEvery = 32

    /// Above 0 while looking pays; below, how many waits have slept since.
    private let score = Atomic<Int>(0)

    /// Looks until `isDone` says that it is, or the limit has passed; answers whether it is done.
    @discardableResult
    func look(_ isDone: () -> Bool) -> Bool {
        let end = ContinuousClock.now + Self.limit
        repeat {
            for _ in 0..<8 where isDone() {
                score.store(min(Self.most, max(0, score.load(ordering: .relaxed)) + Self.hit), ordering: .relaxed)
                return true
            }
        } while ContinuousClock.now < end
        score.store(max(0, score.load(ordering: .relaxed) - Self.miss), ordering: .relaxed)
        return false
    }

    /// Whether to look at all this time.
    var isWorthIt: Bool {
        let now = score.load(ordering: .relaxed)
        if now > 0 || now <= -Self.probeEvery { return true }
        score.store(now - 1, ordering: .relaxed)
        return false
    }
}
