import OrderedJSON

// What is told of how much of a month is used.

extension FeedEvent {
    /// That so much of a month's quota is used.
    static func reached(
        _ percent: Int,
        of place: QuotaPlace,
        limit: Int,
        at moment: Timestamp
    ) -> FeedEvent {
        about(
            percent < 100 ? .limitNear : .limitReached,
            of: place.organization,
            "\(place.counted)/\(place.month)",
            version: percent,
            at: moment,
            [
                "limit": "quota", "period": .string("\(place.month)"), "counted": .string(place.counted),
                "count_max": .integer(Int64(limit)),
            ]
        )
    }
}
