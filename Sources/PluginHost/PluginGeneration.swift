import Gateway

/// One loaded version of a plugin: what the house calls, where it runs, and what it was configured with.
final class PluginGeneration: Sendable {
    let plugin: LoadedPlugin
    let library: any PluginLibrary
    /// Its calls that are under way, and how often it broke a rule.
    let invocations: Invocations
    let configuration: PluginConfiguration
    /// Why its bytes were believed.
    let trust: PluginTrust
    /// What an operator should know of it that did not keep it from being loaded.
    let warnings: [String]

    init(
        plugin: LoadedPlugin,
        library: any PluginLibrary,
        invocations: Invocations,
        configuration: PluginConfiguration,
        trust: PluginTrust,
        warnings: [String] = []
    ) {
        self.plugin = plugin
        self.library = library
        self.invocations = invocations
        self.configuration = configuration
        self.trust = trust
        self.warnings = warnings
    }

    /// How it has fared until now; two of these say how it fared in between.
    var record: Record {
        let calls = plugin.calls
        return Record(
            ended: calls.endedCount,
            failed: calls.failedCount,
            crashes: library.health.crashes,
            malformed: calls.malformedCount,
            violations: invocations.violations,
            tools: zip(plugin.tools, calls.toolCounts)
                .map { Record.Tool(name: $0.name, ended: $1.ended, failed: $1.failed) }
        )
    }

    /// Counts since it was loaded.
    struct Record: Sendable, Equatable {
        var ended = 0
        var failed = 0
        var crashes = 0
        var malformed = 0
        var violations = 0
        var tools: [Tool] = []

        /// Counts of one tool's calls.
        struct Tool: Sendable, Equatable {
            let name: String
            var ended = 0
            var failed = 0
        }

        /// Why what happened since `before` is too much; nil when it is not.
        func fault(since before: Record, policy: PluginConfiguration.RollbackPolicy) -> String? {
            let crashes = crashes - before.crashes
            if crashes >= policy.crashesMax { return "\(crashes) crashes" }
            // Nobody can tell what else is wrong with a plugin that plans or proves rubbish.
            let malformed = malformed - before.malformed
            if crashes + malformed >= policy.crashesMax {
                return "\(crashes) crashes and \(malformed) answers that are not of their form (rules P2, M5)"
            }
            if let tool = failingTool(since: before, policy) { return tool }
            let (ended, failed) = (ended - before.ended, failed - before.failed)
            let violations = violations - before.violations
            guard ended >= policy.callsMin, (failed + violations) * 100 > ended * policy.failedPercentMax else {
                return nil
            }
            let broken = violations == 0 ? "" : ", and rules were broken \(violations) times"
            return "\(failed) of \(ended) calls failed\(broken)"
        }

        /// A tool that fails though the others do not: it must not hide behind one that is called more often.
        private func failingTool(since before: Record, _ policy: PluginConfiguration.RollbackPolicy) -> String? {
            for (index, tool) in tools.enumerated() {
                let then = before.tools.indices.contains(index) ? before.tools[index] : Tool(name: tool.name)
                let (ended, failed) = (tool.ended - then.ended, tool.failed - then.failed)
                guard ended >= policy.callsMin, failed * 100 > ended * policy.failedPercentMax else { continue }
                return "\(failed) of \(ended) calls of \(tool.name) failed"
            }
            return nil
        }
    }
}
