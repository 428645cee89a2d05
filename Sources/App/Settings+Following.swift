import Gateway

extension Settings {
    /// What bounds those who follow the feed, as server-sent events or by MCP.
    static let following: [Setting] = {
        let usual = FeedNews.Settings()
        return [
            .number(
                "FOLLOWERS_MAX",
                1...100_000,
                "\(usual.listenersMax)",
                "how many may follow events at once, by streams of `GET /events` or by MCP"
            ) { $1.bounds.news.listenersMax = $0 },
            .number(
                "FOLLOWERS_OF_ORGANIZATION_MAX",
                1...100_000,
                "\(usual.ofOrganizationMax)",
                "the same for one organization"
            ) { $1.bounds.news.ofOrganizationMax = $0 },
            .number(
                "FOLLOWERS_OF_CREDENTIAL_MAX",
                1...100_000,
                "\(usual.ofFollowerMax)",
                "how many streams of `GET /events` one key or person may follow at once"
            ) { $1.bounds.news.ofFollowerMax = $0 },
            .number(
                "FOLLOWER_TAKES_WITHIN_S",
                1...300,
                "\(usual.takenWithin.components.seconds)",
                "how long a reader of `GET /events` may take over a piece of the stream; then they are dropped, and told so"
            ) { $1.bounds.news.takenWithin = .seconds($0) },
            .number(
                "FOLLOWER_SIGN_OF_LIFE_S",
                1...300,
                "\(usual.silentMax)",
                "after how many seconds without news such a stream has a sign of life"
            ) { $1.bounds.news.silentMax = $0 },
        ]
    }()
}
