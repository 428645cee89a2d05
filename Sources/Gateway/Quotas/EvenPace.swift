/// How often something may come, counted by one number a key: when the last unit that was let in would come if all came
/// evenly (the generic cell rate algorithm).
///
/// In microseconds, so that a thousand units a second still have whole intervals.
struct EvenPace: Sendable {
    /// Between two units that come evenly.
    let interval: Int64
    /// How far ahead of evenly they may come.
    let depth: Int64

    init(_ limit: RateLimit) {
        interval = max(1, limit.periodMilliseconds * 1000 / Int64(limit.units))
        depth = interval * Int64(limit.burst)
    }

    /// What so many units more would come to.
    ///
    /// - Parameter known: What the key's number is; nil where nothing was counted.
    /// - Returns: The key's next number, and by how much it is too far ahead: at most 0 where the units may come now.
    func adding(_ units: Int64 = 1, to known: Int64?, at now: Int64) -> (arrival: Int64, excess: Int64) {
        let arrival = max(now, known ?? now) + interval * units
        return (arrival, arrival - now - depth)
    }
}
