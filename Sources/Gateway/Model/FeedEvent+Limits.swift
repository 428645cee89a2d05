import OrderedJSON

// What is told of how much is left to move on a day.

extension FeedEvent {
    /// How much of a limit is told of, in hundredths.
    static let toldOfLimits: [(percent: Int, kind: Kind)] = [(80, .limitNear), (100, .limitReached)]
}

extension LimitClaim {
    /// What this claim tells, once so much has moved at its place: that it brought the day's sum or count so far.
    ///
    /// Of each receiver's own limit nothing is told: one payment may use it up. Its version is how much was reached, in
    /// hundredths, so that one day's limit tells of each once, whoever writes it.
    /// - Parameters:
    ///   - calls: How many moved, this one among them.
    ///   - moved: How much, this one's among it.
    package func told(after calls: Int64, _ moved: Int64) -> [FeedEvent] {
        guard !place.isOfReceiver else { return [] }
        return FeedEvent.toldOfLimits
            .filter { isReached($0.percent, calls, moved) && !isReached($0.percent, calls - 1, moved - amount) }
            // What goes from little to all at once is not near first.
            .suffix(1)
            .map { percent, kind in
                let parts = place.scope.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
                let day = NairobiDay.text(place.day)
                var payload: JSONObject = [
                    "limit": "day", "period": .string(day), "environment": .string(place.environment.rawValue),
                ]
                if let directions = parts.first, !directions.isEmpty { payload["directions"] = .string(directions) }
                if parts.count > 1, parts[1] != "*" { payload["of"] = .string(parts[1]) }
                if amountMax < .max {
                    payload["amount"] = .integer(moved)
                    payload["amount_max"] = .integer(amountMax)
                }
                payload["count"] = .integer(calls)
                if countMax < .max { payload["count_max"] = .integer(countMax) }
                return FeedEvent.about(
                    kind,
                    of: place.organization,
                    "\(place.environment.rawValue)/\(place.scope)/\(day)",
                    version: percent,
                    at: at,
                    payload
                )
            }
    }

    private func isReached(_ percent: Int, _ calls: Int64, _ moved: Int64) -> Bool {
        // Rounded up, and by hundredths, so that nothing grows past what a number holds.
        let share = { (most: Int64) in Int64(percent) * (most / 100) + (Int64(percent) * (most % 100) + 99) / 100 }
        return amountMax < .max && moved >= share(amountMax) || countMax < .max && calls >= share(countMax)
    }
}
