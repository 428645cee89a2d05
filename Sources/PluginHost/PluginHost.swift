import Foundation
import Gateway
import Logging
import Synchronization

/// The plugins of this host: which are loaded, which of their versions serve calls, and every change of that.
///
/// A version comes in by plugins.json or by an operator's hand and always takes the same way: verification, private
/// copy, negotiation, catalogue, settings, self-test, and only then, in one swap, publication. One that is refused
/// leaves everything as it was. Changes are in `PluginHost+Changes.swift`, plugins.json in `PluginHost+Following.swift`,
/// what happens by itself in `PluginHost+Watching.swift`.
package final class PluginHost: Sendable {
    let settings: Settings
    let registry: ToolRegistry
    let repository: any PluginRepository
    let entropy: Entropy
    let health: Health
    let logger: Logger
    /// What happens to plugins, for the audit and for metrics.
    package let journal: PluginJournal
    let opener: PluginOpener
    /// Changes pass one at a time; what they come to is in `slots`.
    let turnstile = Turnstile()
    let slots = Mutex<[String: PluginSlot]>([:])
    /// Replaced generations that still have calls, and since when they take none.
    let draining = Mutex<[(generation: PluginGeneration, since: ContinuousClock.Instant)]>([])
    let file = Mutex<PluginsFile?>(nil)

    /// What health calls plugins.json.
    static let fileReason = "plugins_file"
    /// The `source` of what was not found where plugins.json says, but installed.
    static let installedSource = "installed"

    /// Makes a host that publishes to a registry and remembers what is installed in a repository.
    ///
    /// What is wrong with a plugin is said to `health`, what happens to it to `audit`.
    package init(
        settings: Settings,
        registry: ToolRegistry,
        repository: any PluginRepository,
        entropy: Entropy,
        health: Health = Health(),
        audit: (any AuditRepository)? = nil,
        logger: Logger
    ) {
        self.settings = settings
        self.registry = registry
        self.repository = repository
        self.entropy = entropy
        self.health = health
        self.logger = logger
        journal = PluginJournal(audit: audit, entropy: entropy, logger: logger)
        opener = PluginOpener(settings: settings, entropy: entropy, logger: logger)
    }

    /// Keeps a slot, and says what is wrong with it.
    func put(_ slot: PluginSlot) { change(slot.id) { $0 = slot } }

    /// Changes a slot, or one that is made for it, and says what is wrong with it.
    func change(_ plugin: String, _ change: (inout PluginSlot) -> Void) {
        let slot = slots.withLock { slots in
            change(&slots[plugin, default: PluginSlot(id: plugin)])
            return slots[plugin]
        }
        guard let slot else { return }
        let name = "plugin \(slot.id)"
        guard let problem = slot.problem else { return health.clear(name) }
        let serving = slot.live.map { "Version \($0.plugin.version) serves." } ?? "It serves no calls."
        health.report(name, .degraded, "\(slot.id): \(problem)\(problem.hasSuffix(".") ? "" : ".") \(serving)")
    }

    // MARK: How they stand

    /// What is wrong with plugins.json and with plugins, a sentence each.
    package var problems: [String] {
        let own = slots.withLock { $0.values.compactMap { slot in slot.problem.map { "\(slot.id): \($0)" } } }
        return [fileProblem].compactMap { $0 } + own.sorted()
    }

    /// Why plugins.json cannot be used as it is now; nil when it can.
    package var fileProblem: String? { file.withLock { $0?.problem } }

    /// Every plugin that is configured or installed, by id.
    package var statuses: [PluginStatus] {
        slots.withLock { Array($0.values) }.sorted { $0.id < $1.id }.map(status)
    }

    /// How one plugin stands.
    package func status(of plugin: String) -> PluginStatus? { slots.withLock { $0[plugin] }.map(status) }

    /// How a plugin's live generation fares where it runs; nil for one that is not loaded.
    package func health(of plugin: String) -> PluginHealth? { slots.withLock { $0[plugin]?.live }?.library.health }

    /// How often a plugin's loaded generations broke a rule at run time.
    package func violations(of plugin: String) -> Int {
        status(of: plugin)?.generations.reduce(0) { $0 + $1.violations } ?? 0
    }

    private func status(_ slot: PluginSlot) -> PluginStatus {
        let tell = PluginHost.tell
        var generations: [PluginStatus.Generation] = []
        if let live = slot.live {
            var told = tell(live, "live")
            told.isOnProbation = slot.standby != nil && slot.isOnProbation(at: entropy.now())
            generations.append(told)
        }
        if let candidate = slot.candidate {
            var told = tell(candidate.generation, candidate.isCanary ? "canary" : "candidate")
            told.share = candidate.share
            told.organizations = candidate.organizations
            generations.append(told)
        }
        if let standby = slot.standby { generations.append(tell(standby, "standby")) }
        for (generation, _) in draining.withLock({ $0 }) where generation.plugin.id == slot.id {
            generations.append(tell(generation, "draining"))
        }
        return PluginStatus(
            id: slot.id,
            state: state(slot),
            reason: slot.problem,
            note: slot.note,
            violations: generations.reduce(0) { $0 + $1.violations },
            canRollBack: slot.candidate != nil || slot.standby != nil,
            generations: generations
        )
    }

    private func state(_ slot: PluginSlot) -> String {
        if slot.live != nil { return "live" }
        if slot.refusal != nil { return "refused" }
        return slot.candidate != nil ? "installed" : "disabled"
    }

    private static func tell(_ generation: PluginGeneration, _ role: String) -> PluginStatus.Generation {
        let plugin = generation.plugin
        return PluginStatus.Generation(
            number: plugin.generation,
            role: role,
            version: plugin.version,
            digest: plugin.digest,
            trust: generation.trust,
            warnings: generation.warnings,
            tools: plugin.tools.map(\.name),
            inFlight: plugin.calls.count,
            calls: plugin.calls.endedCount,
            failed: plugin.calls.failedCount,
            violations: generation.invocations.violations + plugin.calls.malformedCount,
            health: generation.library.health
        )
    }

    // MARK: Loading without ceremony

    /// Loads one plugin from a file relative to `folder` and publishes it at once, or says why not; nothing is
    /// remembered of it.
    ///
    /// Blocks: call it on a thread that may.
    @discardableResult
    package func load(
        _ configuration: PluginConfiguration,
        relativeTo folder: String
    ) throws(PluginRefusal) -> LoadedPlugin {
        let file = try PluginFile(
            path: PluginsFile.path(of: configuration, in: folder),
            configuration: configuration,
            policy: settings.trust
        )
        var slot = slots.withLock { $0[configuration.id] } ?? PluginSlot(id: configuration.id)
        slot.lastGeneration += 1
        let generation = try opener.open(file, number: slot.lastGeneration, for: .declaration)
        slot.live = generation
        try arrange(slot)
        put(slot)
        return generation.plugin
    }

    /// Publishes a slot's generations; a clash with another plugin leaves what was there.
    ///
    /// A candidate that serves nobody yet must not clash either: its operator is told now, not at the promotion.
    func arrange(_ slot: PluginSlot) throws(PluginRefusal) {
        do {
            if let candidate = slot.candidate { try registry.check(candidate.generation.plugin) }
            try registry.arrange(slot.id, slot.arrangement)
        } catch {
            throw PluginRefusal(error)
        }
    }
}
