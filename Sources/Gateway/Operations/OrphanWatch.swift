import Logging

/// Tells, loudly, of transactions that have not ended and whose plugin is not loaded: nobody can read what M-Pesa says of
/// them, or ask.
package struct OrphanWatch: Sendable {
    private let records: any RecordRepository
    private let registry: ToolRegistry
    private let health: Health
    private let entropy: Entropy
    private let logger: Logger
    /// How often it looks, after the start.
    private let every: Duration

    /// Makes it of its parts.
    init(
        records: any RecordRepository,
        registry: ToolRegistry,
        health: Health,
        entropy: Entropy,
        logger: Logger,
        every: Duration = .seconds(60)
    ) {
        self.records = records
        self.registry = registry
        self.health = health
        self.entropy = entropy
        self.logger = logger
        self.every = every
    }

    /// Looks again and again, until cancelled.
    package func run() async {
        await entropy.sleep.repeating(every: every) { await look() }
    }

    /// Looks once: what is missing is said in readiness and in the log, what is there again is taken back.
    package func look() async {
        // A store that is away says so itself.
        guard let open = try? await records.openRecordsByPlugin() else { return }
        let loaded = registry.snapshot.arrangements
        let known = Set(health.reasons.map(\.name))
        for name in known where name.hasPrefix(Self.prefix) {
            let plugin = String(name.dropFirst(Self.prefix.count))
            if loaded[plugin] != nil || open[plugin] == nil { health.clear(name) }
        }
        for (plugin, count) in open.sorted(by: { $0.key < $1.key }) where loaded[plugin] == nil {
            let name = Self.prefix + plugin
            health.report(
                name,
                .degraded,
                "\(count) transactions have not ended, and the plugin that understands them is not loaded. Load it."
            )
            if known.contains(name) { continue }
            logger.error(
                "transactions have not ended whose plugin is not loaded",
                metadata: ["plugin": "\(plugin)", "count": "\(count)"]
            )
        }
    }

    private static let prefix = "open transactions of "
}
