import Gateway
import Synchronization

/// One loaded version of a plugin: what the house calls, where it runs, and what it was configured with.
final class PluginGeneration: Sendable {
    let plugin: LoadedPlugin
    let library: any PluginLibrary
    /// Its calls that are under way, and how often it broke a rule.
    let invocations: Invocations
    let configuration: PluginConfiguration
    /// What it asks for; all of it was granted.
    let needs: Catalogue.Needs
    /// Why its bytes were believed.
    let trust: PluginTrust
    /// What an operator should know of it that did not keep it from being loaded.
    let warnings: [String]

    init(
        plugin: LoadedPlugin,
        library: any PluginLibrary,
        invocations: Invocations,
        configuration: PluginConfiguration,
        needs: Catalogue.Needs,
        trust: PluginTrust,
        warnings: [String] = []
    ) {
        self.plugin = plugin
        self.library = library
        self.invocations = invocations
        self.configuration = configuration
        self.needs = needs
        self.trust = trust
        self.warnings = warnings
    }

    /// Ends a call in the plugin's place because its caller may go on no longer; the plugin is told, on a thread of its own
    /// kind.
    func end(_ number: UInt64, telling threads: PluginThreads) {
        invocations.cancel(number)
        _ = threads.submit { [library] in library.cancel(number) }
        invocations.answer(number, LoadedPlugin.Completion(status: AnswerStatus.cancelled.rawValue, payload: []))
    }

    /// How it has fared until now; two of these say how it fared in between.
    var record: Record {
        let calls = plugin.calls
        let (health, late) = (library.health, invocations.late)
        return Record(
            ended: calls.endedCount,
            failed: calls.failedCount,
            crashes: health.crashes,
            restarts: health.restarts,
            lastCrash: health.lastCrash,
            malformed: calls.malformedCount,
            violations: invocations.violations,
            late: late.count,
            tools: zip(plugin.tools, calls.toolCounts)
                .map { Record.Tool(name: $0.name, ended: $1.ended, failed: $1.failed, late: late.tools[$0.index] ?? 0) }
        )
    }

    /// What was seen of it last: how many calls had ended, and since when none has while some were under way.
    private let progress = Mutex<(ended: Int, since: ContinuousClock.Instant)?>(nil)

    /// How long calls have been under way without one that ended, as far as it was looked at; zero when there are none.
    func silence(at now: ContinuousClock.Instant) -> (calls: Int, for: Duration) {
        let (count, ended) = (plugin.calls.count, plugin.calls.endedCount)
        return progress.withLock { seen in
            guard count > 0 else {
                seen = nil
                return (0, .zero)
            }
            if let known = seen, known.ended == ended { return (count, now - known.since) }
            seen = (ended, now)
            return (count, .zero)
        }
    }

    /// Counts since it was loaded.
    struct Record: Sendable, Equatable {
        var ended = 0
        var failed = 0
        var crashes = 0
        var restarts = 0
        var lastCrash: String?
        var malformed = 0
        var violations = 0
        /// Calls that the host had to answer because their time was over.
        var late = 0
        var tools: [Tool] = []

        /// Counts of one tool's calls.
        struct Tool: Sendable, Equatable {
            let name: String
            var ended = 0
            var failed = 0
            var late = 0
        }

        /// Why what happened since `before` is too much; nil when it is not.
        func fault(since before: Record, policy: PluginConfiguration.RollbackPolicy) -> String? {
            let crashes = crashes - before.crashes
            if crashes >= policy.crashesMax {
                let isLimit = lastCrash?.contains(WorkerProcess.limitReached) ?? false
                return (isLimit ? "\(lastCrash ?? ""): " : "") + "\(crashes) crashes"
            }
            // Nobody can tell what else is wrong with a plugin that plans or proves rubbish.
            let malformed = malformed - before.malformed
            if crashes + malformed >= policy.crashesMax {
                return "\(crashes) crashes and \(malformed) answers that are not of their form (rules P2, M5)"
            }
            if let late = lateCalls(since: before, policy) { return late }
            if let tool = failingTool(since: before, policy) { return tool }
            let (ended, failed) = (ended - before.ended, failed - before.failed)
            let violations = violations - before.violations
            guard ended >= policy.callsMin, (failed + violations) * 100 > ended * policy.failedPercentMax else {
                return nil
            }
            let broken = violations == 0 ? "" : ", and rules were broken \(violations) times"
            return "\(failed) of \(ended) calls failed\(broken)"
        }

        /// Why calls that have not ended are too much: some are under way, and none has ever ended.
        func silence(
            of calls: Int,
            for duration: Duration,
            since before: Record,
            policy: PluginConfiguration.RollbackPolicy
        ) -> String? {
            guard ended == before.ended, calls >= policy.crashesMax, duration >= policy.silence else { return nil }
            return "none of its \(calls) calls has ended within \(duration.components.seconds) s"
        }

        /// Calls that were never completed: a few tell enough, where most of them are so.
        ///
        /// Of all calls, or of one tool's.
        private func lateCalls(since before: Record, _ policy: PluginConfiguration.RollbackPolicy) -> String? {
            func isTooMuch(_ late: Int, of ended: Int) -> Bool {
                late >= policy.crashesMax && late * 100 > max(late, ended) * policy.failedPercentMax
            }
            let (late, ended) = (late - before.late, max(ended - before.ended, late - before.late))
            if isTooMuch(late, of: ended) { return "\(late) of \(ended) calls were not completed in time (rule F1)" }
            for (index, tool) in tools.enumerated() {
                let then = before.tools.indices.contains(index) ? before.tools[index] : Tool(name: tool.name)
                let late = tool.late - then.late
                let ended = max(tool.ended - then.ended, late)
                guard isTooMuch(late, of: ended) else { continue }
                return "\(late) of \(ended) calls of \(tool.name) were not completed in time (rule F1)"
            }
            return nil
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
