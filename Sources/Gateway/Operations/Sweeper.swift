import Logging

/// Comes back to every open record when its time has come: asks about it, gives up sending it, or calls a person.
package struct Sweeper: Sendable {
    /// What bounds the sweeper.
    package struct Settings: Sendable {
        /// How often it looks.
        package var every: Duration = .seconds(1)
        /// How many records it takes at a time.
        package var batchMax = 100
        /// How many it works on at once.
        package var workers = 4

        /// The defaults.
        package init() {}
    }

    private let records: any RecordRepository
    private let asker: Asker
    private let sender: Sender
    private let plugins: PluginCalls
    private let settlement: Settlement
    private let limits: RecordMachine.Rules
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings

    /// Makes it of its parts.
    package init(
        records: any RecordRepository,
        asker: Asker,
        sender: Sender,
        plugins: PluginCalls,
        settlement: Settlement,
        limits: RecordMachine.Rules,
        entropy: Entropy,
        logger: Logger,
        settings: Settings = Settings()
    ) {
        self.records = records
        self.asker = asker
        self.sender = sender
        self.plugins = plugins
        self.settlement = settlement
        self.limits = limits
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
    }

    /// Settles what the last process left, for a host that alone serves this store: rows that were never sent end as
    /// such, rows that were being sent become `unknown`.
    ///
    /// Call it before anything else is served.
    package func settleAfterRestart() async throws(GatewayError) {
        for state in [RecordState.created, .sending] {
            for record in try await records.records(in: state, limit: 100_000) {
                _ = try await settlement.settle(record) { _ in .restarted }
            }
        }
    }

    /// Sweeps until cancelled.
    package func run() async {
        while !Task.isCancelled {
            await settlement.withdrawPending()
            await sweep()
            // Only cancellation ends the sleep early, and the loop's condition sees it.
            try? await Task.sleep(for: settings.every)
        }
    }

    /// One sweep over what is due now.
    package func sweep() async {
        do {
            var due = try await records.due(at: entropy.now(), limit: settings.batchMax)[...]
            await withTaskGroup(of: Void.self) { group in
                var running = 0
                while let record = due.popFirst() {
                    if running >= settings.workers { await group.next() } else { running += 1 }
                    group.addTask { await visit(record) }
                }
            }
        } catch {
            logger.warning("the sweeper could not read what is due", metadata: ["reason": "\(error.message)"])
        }
    }

    private func visit(_ record: Record) async {
        do {
            switch record.state {
            case .accepted, .unknown, .reconciling, .manual:
                let isOver = record.state != .manual && record.isSilent(at: entropy.now(), rules: limits)
                if isOver || record.query == nil {
                    _ = try await settlement.settle(record) { _ in .timePassed }
                } else {
                    _ = try await asker.ask(record)
                }
            case .created where record.attempts > 0 && entropy.now() <= record.sendBefore:
                try await sendAgain(record)
            default:
                _ = try await settlement.settle(record) { _ in .timePassed }
            }
        } catch {
            logger.warning(
                "the sweeper could not settle a transaction",
                metadata: ["record": "\(record.id)", "code": "\(error.code.rawValue)", "reason": "\(error.message)"]
            )
        }
    }

    /// Sends the same request again, which only evidence that it was not processed leads to.
    private func sendAgain(_ record: Record) async throws(GatewayError) {
        let (plugin, index) = try plugins.kind(of: record)
        let prepared = try await sender.makeReady(record, kind: plugin.operations[index])
        _ = try await sender.send(record, prepared)
    }
}
