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
        /// How many bytes such requests of one generation may have in all.
        ///
        /// Default 64 MiB.
        package var serviceBytesMax = 64 << 20
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
        /// Whose numbers sandboxed plugins get, one each, where the host is root.
        ///
        /// Default 65,536 from 1,900,000,000 on, where no system gives out users of its own.
        package var pluginUsers: Range<UInt32> = 1_900_000_000..<1_900_065_536
        /// How many bytes a second a worker may send that nobody asked for: log, progress, requests to the host.
        ///
        /// Default 96 MiB, three times what its own code lets through, whose seconds begin at other moments.
        package var workerBytesMax = 96 << 20
        /// How many such frames a second.
        ///
        /// Default 30,000, three times what its own code lets through.
        package var workerFramesMax = 30_000
        /// How many threads a sandboxed plugin may have for each of its workers, in all its versions together.
        ///
        /// Default 256.
        package var workerThreadsMax = 256

        /// Tries a library that somebody installs, and answers which rules it breaks, a sentence each; blocks.
        ///
        /// Nil: nothing is tried.
        package var trial: (@Sendable (PluginTrial) -> [String])?

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
