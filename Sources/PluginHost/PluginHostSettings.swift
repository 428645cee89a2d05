import Gateway

extension PluginHost {
    /// What bounds plugins and what they meet.
    package struct Settings: Sendable {
        /// Where private copies are kept.
        package var stateFolder: String
        /// This host's version, told to plugins.
        package var version: String
        /// Whose libraries are run.
        package var trust: TrustPolicy
        /// What tools may require, and what secrets may be computed.
        package var abilities: Catalogue.HostAbilities
        /// The longest result (rule M5).
        ///
        /// Default 4 MiB.
        package var resultBytesMax = 4 << 20
        /// The longest arguments (rule M5).
        ///
        /// Default 1 MiB.
        package var argumentBytesMax = 1 << 20
        /// Threads for function tools.
        ///
        /// Default 4.
        package var threads = 4
        /// How many calls of function tools may wait for a thread.
        ///
        /// Default 1,000.
        package var queueMax = 1_000
        /// How many libraries this process opens in its life, none of which it can close again.
        ///
        /// Default 2,000.
        package var inProcessMax = 2_000
        /// Answers what plugins ask of the host; nil where there is nothing to ask.
        package var services: PluginServices?
        /// How many such requests of one generation may be under way.
        ///
        /// Default 1,000.
        package var serviceCallsMax = 1_000
        /// How many lines a second one generation may write into the log; those above are counted, and only that is told.
        ///
        /// Default 100.
        package var logLinesMax = 100
        /// How long a generation that was replaced may take to finish its calls.
        ///
        /// Default 60 s.
        package var drainMax: Duration = .seconds(60)
        /// How often generations that are watched, or being drained, are looked at, and plugins.json too.
        ///
        /// Default 100 ms.
        package var watchInterval: Duration = .milliseconds(100)
        /// The program that runs one plugin outside this process; nil where there is none.
        package var workerProgram: String?
        /// Folders that a sandboxed plugin may read besides the system's libraries: Swift's runtime.
        package var readableFolders: [String] = []

        /// States what has no default.
        package init(
            stateFolder: String,
            version: String,
            trust: TrustPolicy,
            abilities: Catalogue.HostAbilities
        ) {
            self.stateFolder = stateFolder
            self.version = version
            self.trust = trust
            self.abilities = abilities
        }
    }
}
