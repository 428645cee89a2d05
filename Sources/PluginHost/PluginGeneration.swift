import Gateway

/// One loaded version of a plugin: what the house calls, where it runs, and what it was configured with.
final class PluginGeneration: Sendable {
    let plugin: LoadedPlugin
    let library: any PluginLibrary
    let configuration: PluginConfiguration
    /// Why its bytes were believed.
    let trust: PluginTrust

    init(
        plugin: LoadedPlugin,
        library: any PluginLibrary,
        configuration: PluginConfiguration,
        trust: PluginTrust
    ) {
        self.plugin = plugin
        self.library = library
        self.configuration = configuration
        self.trust = trust
    }

    /// How it has fared until now; two of these say how it fared in between.
    var record: Record {
        let calls = plugin.calls
        return Record(ended: calls.endedCount, failed: calls.failedCount, crashes: library.health.crashes)
    }

    /// Counts since it was loaded.
    struct Record: Sendable, Equatable {
        var ended = 0
        var failed = 0
        var crashes = 0

        /// Why what happened since `before` is too much; nil when it is not.
        func fault(since before: Record, policy: PluginConfiguration.RollbackPolicy) -> String? {
            let crashes = crashes - before.crashes
            if crashes >= policy.crashesMax { return "\(crashes) crashes" }
            let (ended, failed) = (ended - before.ended, failed - before.failed)
            guard ended >= policy.callsMin, failed * 100 > ended * policy.failedPercentMax else { return nil }
            return "\(failed) of \(ended) calls failed"
        }
    }
}
