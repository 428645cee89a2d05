extension LogIns {
    /// What bounds sessions.
    package struct Settings: Sendable {
        /// How long an access token lives.
        ///
        /// Default 24 h, as in the seed.
        package var tokenLife: Duration = .seconds(86_400)
        /// How long before its end a token may be refreshed.
        ///
        /// Default 2 h, as in the seed.
        package var refreshWindow: Duration = .seconds(7_200)
        /// How long an access token lives that comes with a refresh token.
        ///
        /// Default 15 min.
        package var accessLife: Duration = .seconds(900)
        /// How long a refresh token is good that nobody shows.
        ///
        /// Default 14 days.
        package var refreshLife: Duration = .seconds(14 * 86_400)
        /// How long a session lasts however often it is refreshed.
        ///
        /// Default 90 days.
        package var sessionLife: Duration = .seconds(90 * 86_400)
        /// For how long the refresh token before the newest one is answered with the newest once more, because the answer
        /// may have been lost; past that, whoever shows it has a copy.
        ///
        /// Default 10 s.
        package var retryGrace: Duration = .seconds(10)
        /// How many sessions one user may have; the oldest ends when another begins.
        ///
        /// Default 100.
        package var sessionsMax = 100
        /// How many holders of one name are looked at for the oldest that may log in.
        ///
        /// Default 1,000.
        package var holdersMax = 1_000

        /// The defaults.
        package init() {}
    }
}

extension LogIns.Settings {
    /// When a session ends that is refreshed now.
    func end(of session: UserSession, at now: Timestamp) -> Timestamp {
        min(now + refreshLife, session.id.time + sessionLife)
    }
}
