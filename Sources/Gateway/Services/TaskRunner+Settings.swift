extension TaskRunner {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often it looks.
        ///
        /// Default 500 ms.
        package var every: Duration = .milliseconds(500)
        /// How many it reads at a time.
        ///
        /// Default 200.
        package var batchMax = 200
        /// How many are worked on at once.
        ///
        /// Default 8.
        package var placesMax = 8
        /// How many of one plugin, whoever began them.
        ///
        /// Default 6.
        package var pluginPlacesMax = 6
        /// How many of one organization.
        ///
        /// Default 2.
        package var organizationPlacesMax = 2
        /// How long one that is worked on is taken by nobody else.
        ///
        /// Default 30 s: so long after a host's death another goes on.
        package var lease: Duration = .seconds(30)
        /// How often that is renewed, and how far it is kept.
        ///
        /// Default 3 s.
        package var renewEvery: Duration = .seconds(3)
        /// How long one waits whose plugin is not loaded, or whose organization may not call.
        ///
        /// Default 30 s; that is no attempt.
        package var absence: Duration = .seconds(30)
        /// How often one is begun, at most.
        ///
        /// Default 5.
        package var attemptsMax = 5
        /// How long after a first failure of a worker it is begun again; doubled each time.
        ///
        /// Default 2 s; so long it waits, too, where no worker has a place for it.
        package var backoff: Duration = .seconds(2)
        /// The longest result that is kept.
        ///
        /// Default 1 MiB; what is longer is a file's business.
        package var resultBytesMax = 1 << 20
        /// The longest words of a tool's about its task that are kept, when it begins too.
        ///
        /// Default 512 bytes.
        package var messageBytesMax = 512
        /// How often those that have expired are forgotten.
        ///
        /// Default 60 s.
        package var forgetEvery: Duration = .seconds(60)

        /// The defaults.
        package init() {}
    }
}
