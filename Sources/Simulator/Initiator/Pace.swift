/// How fast M-Pesa takes operators' requests and works them off; as fast as they come unless the control API says.
struct Pace {
    /// Requests taken a second; what comes faster is throttled.
    var takenPerSecond: Int64?
    /// Decisions a second; what was taken waits for its turn.
    var decidedPerSecond: Int64?
    private var takenInSecond: (second: Int64, count: Int64) = (0, 0)
    private var lastDecision: Int64 = 0

    /// Whether one more request is taken now.
    mutating func takes(atMilliseconds now: Int64) -> Bool {
        guard let takenPerSecond else { return true }
        if takenInSecond.second != now / 1000 { takenInSecond = (now / 1000, 0) }
        guard takenInSecond.count < takenPerSecond else { return false }
        takenInSecond.count += 1
        return true
    }

    /// When the next decision is made, at the soonest at `milliseconds`.
    mutating func nextDecision(after milliseconds: Int64) -> Int64 {
        guard let decidedPerSecond else { return milliseconds }
        lastDecision = max(milliseconds, lastDecision + 1000 / decidedPerSecond)
        return lastDecision
    }
}
