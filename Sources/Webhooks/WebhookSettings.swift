/// What bounds the sending of events.
package struct WebhookSettings: Sendable {
    /// How long after each attempt the next one is made; past the last an event is given up.
    ///
    /// Default 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: ten attempts within three days and some hours.
    package var schedule: [Duration] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
        .map { .seconds($0) }
    /// By which part of itself each of these is longer or shorter, by chance.
    ///
    /// Default a tenth: receivers that failed together are not asked together.
    package var jitter = 0.1
    /// For how long a receiver may ask to be left alone; more is cut to it.
    ///
    /// Default 24 h.
    package var retryAfterMax: Duration = .seconds(86_400)
    /// How many requests to one endpoint are under way at a time.
    ///
    /// Default 8; one until it has taken an event, and where the last attempt failed.
    package var atOnceMax = 8
    /// How many endpoints are sent to at a time that answered quickly when they were last asked.
    ///
    /// Default 16.
    package var turnsMax = 16
    /// How many more of those that failed or took long; one that begins to is counted among them from then on.
    ///
    /// Default 32. One organization has half of either at most, so that others' are sent whatever its receivers do.
    package var slowTurnsMax = 32
    /// How many requests may be under way together, to all endpoints.
    package var sendingMax: Int { (turnsMax + slowTurnsMax) * atOnceMax }
    /// Past what time an answer took long.
    ///
    /// Default 1 s.
    package var slowAfter: Duration = .seconds(1)
    /// How long a turn begins new requests; then what came of it is written, and others have theirs.
    ///
    /// Default 1 s.
    package var turnMax: Duration = .seconds(1)
    /// How many events are read for a turn.
    ///
    /// Default 100.
    package var eventsMax = 100
    /// How often the feed is looked at for what is new.
    ///
    /// Default 250 ms.
    package var every: Duration = .milliseconds(250)
    /// How often it is looked for new endpoints and wishes.
    ///
    /// Default 1 s.
    package var lookEvery: Duration = .seconds(1)
    /// After how many failures in a row an endpoint is paused, or what is asked for once more is given up.
    ///
    /// Default 5.
    package var failuresMax = 5
    /// For how long it is paused first; each further failure doubles it.
    ///
    /// Default 10 s.
    package var pauseMin: Duration = .seconds(10)
    /// For how long it is paused at most.
    ///
    /// Default 10 min.
    package var pauseMax: Duration = .seconds(600)
    /// After what time without anything that arrived people are told.
    ///
    /// Default a day.
    package var noticeAfter: Duration = .seconds(86_400)
    /// After what time without anything that arrived it is switched off.
    ///
    /// Default 5 days.
    package var offAfter: Duration = .seconds(5 * 86_400)
    /// For how long what came of an event is kept.
    ///
    /// Default 30 days.
    package var keptFor: Duration = .seconds(30 * 86_400)
    /// How often what is older is forgotten.
    ///
    /// Default 10 s.
    package var forgetEvery: Duration = .seconds(10)
    /// How many of it at a time.
    ///
    /// Default 5,000: what 500 a second leave in that time.
    package var forgetMax = 5_000
    /// How many wishes that are not worked off are read at a time.
    ///
    /// Default 1,000.
    package var replaysRead = 1_000
    /// How many events of a wish are looked at in one commit.
    ///
    /// Default 500.
    package var replayMax = 500

    /// How many endpoints an organization may have in an environment whose plan does not say.
    ///
    /// Default 20.
    package var endpointsMax = 20
    /// How many wishes of an organization are worked off at a time; more are refused.
    ///
    /// Default 5.
    package var openReplaysMax = 5

    /// The defaults.
    package init() {}
}
