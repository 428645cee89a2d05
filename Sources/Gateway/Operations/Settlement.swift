import Logging

/// Carries what happened to a record through the core and into the store, and performs what follows.
///
/// Optimistic: the step is decided on the version that was read; when the store has a newer one, it is decided again
/// on that. So a callback, a reply and a sweep that meet never overwrite each other.
package struct Settlement: Sendable {
    private let records: any RecordRepository
    private let registry: ToolRegistry
    private let waiters: OutcomeWaiters
    private let entropy: Entropy
    private let limits: RecordMachine.Rules
    private let logger: Logger
    /// How often a step is decided again before giving up for now.
    private let attemptsMax = 16

    /// Makes it.
    ///
    /// `limits` are the host's; a kind's own are added to them.
    package init(
        records: any RecordRepository,
        registry: ToolRegistry,
        waiters: OutcomeWaiters,
        entropy: Entropy,
        limits: RecordMachine.Rules,
        logger: Logger
    ) {
        self.records = records
        self.registry = registry
        self.waiters = waiters
        self.entropy = entropy
        self.limits = limits
        self.logger = logger
    }

    /// What came of settling.
    package struct Settled: Sendable {
        /// The record as it now stands.
        package let record: Record
        /// The step that this happening led to; nil when it changed nothing.
        package let event: RecordEvent?

        /// Whether this happening changed it.
        package var hasChanged: Bool { event != nil }
    }

    /// The step to `sending` of a record that is about to be committed: its request leaves as soon as it is durable.
    func beginning(_ record: Record) -> RecordMachine.Step? {
        machine(for: record).step(record, .sending, at: record.createdAt)
    }

    /// Ends a record whose commit failed, if it was written all the same.
    ///
    /// A connection can be lost while the answer to a commit is on its way. Nothing was sent for the record, and nothing
    /// will be. Where the store is away, the sweeper finds the row.
    func withdraw(_ record: Record) async {
        do {
            let found = try await records.record(
                record.id,
                organization: record.organization,
                environment: record.environment
            )
            guard let found, found.version == record.version else { return }
            _ = try await settle(found) { _ in .notSent("Never sent: the gateway's store failed as it was to be kept.")
            }
        } catch {
            logger.warning(
                "it is not known whether a transaction that was not sent was kept",
                metadata: ["record": "\(record.id)", "reason": "\(error.detail ?? error.message)"]
            )
        }
    }

    /// Applies what `happening` says of the record's newest version.
    ///
    /// It is asked again for each version, because what bytes prove can depend on what is known; nil means that nothing
    /// happened after all.
    ///
    /// - Throws: `unavailable` when the store is; `conflict` when others kept changing the record.
    package func settle(
        _ record: Record,
        callback: CallbackID? = nil,
        failpoints: (Failpoints, Failpoint)? = nil,
        _ happening: (Record) async throws(GatewayError) -> RecordMachine.Happening?
    ) async throws(GatewayError) -> Settled {
        var current = record
        for _ in 0..<attemptsMax {
            guard let what = try await happening(current),
                let step = machine(for: current).step(current, what, at: entropy.now())
            else { return Settled(record: current, event: nil) }
            failpoints.map { $0.0.reach($0.1) }
            let moves = try await [Move(step: step, before: current)] + consequences(of: step)
            if try await records.apply(moves.map { change($0, callback: $0.before.id == current.id ? callback : nil) })
                == .applied
            {
                for move in moves { perform(move.step, from: move.before) }
                return Settled(record: step.record, event: step.event)
            }
            current = try await reload(current)
        }
        throw GatewayError(
            .conflict,
            "The transaction is being changed by others. Ask for its status.",
            record: record.id
        )
    }

    /// Applies one answer to an exchange and to the transaction it is about, in one commit.
    ///
    /// - Returns: The transaction as it then stands, and whether anything changed.
    func settle(
        exchange: Record,
        about transaction: Record,
        evidence: Evidence,
        callback: CallbackID? = nil
    ) async throws(GatewayError) -> Settled {
        let now = entropy.now()
        let ended = machine(for: exchange).step(exchange, .evidence(evidence, .reply), at: now)
        var current = transaction
        for _ in 0..<attemptsMax {
            let step = machine(for: current).step(current, .evidence(evidence, .query), at: entropy.now())
            var moves = ended.map { [Move(step: $0, before: exchange)] } ?? []
            if let step { moves += try await [Move(step: step, before: current)] + consequences(of: step) }
            guard let first = moves.first?.before.id else { return Settled(record: current, event: nil) }
            switch try await records.apply(moves.map { change($0, callback: $0.before.id == first ? callback : nil) }) {
            case .applied:
                for move in moves where move.before.id != exchange.id { perform(move.step, from: move.before) }
                return Settled(record: step?.record ?? current, event: step?.event ?? ended?.event)
            case .conflict(let id) where id == exchange.id:
                return Settled(record: current, event: nil)
            case .conflict:
                current = try await reload(current)
            }
        }
        throw GatewayError(
            .conflict,
            "The transaction is being changed by others. Ask for its status.",
            record: current.id
        )
    }

    /// The record's newest version.
    package func reload(_ record: Record) async throws(GatewayError) -> Record {
        let found = try await records.record(
            record.id,
            organization: record.organization,
            environment: record.environment
        )
        guard let found else { throw GatewayError.fault("record \(record.id) is gone from the store") }
        return found
    }

    private func machine(for record: Record) -> RecordMachine {
        var rules = limits
        if let (plugin, index) = registry.snapshot.generation(of: record.plugin, for: record.operation) {
            rules.resendLimit = plugin.operations[index].resendLimit
            rules.resendGrace = plugin.operations[index].resendGrace
        }
        return RecordMachine(rules: rules)
    }

    /// A step and the version that it was decided on.
    private struct Move {
        let step: RecordMachine.Step
        let before: Record
    }

    /// What a step does to other records, in the same commit: a reversal that succeeds reverses its original.
    private func consequences(of step: RecordMachine.Step) async throws(GatewayError) -> [Move] {
        guard step.effects.contains(.reverseOriginal), let id = step.record.intent.original else { return [] }
        let found = try await records.record(
            id,
            organization: step.record.organization,
            environment: step.record.environment
        )
        guard let original = found else {
            logger.error("the original of a reversal is not there", metadata: ["record": "\(step.record.id)"])
            return []
        }
        let reversal = machine(for: original).step(original, .reversed(by: step.record.id), at: step.event.at)
        return reversal.map { [Move(step: $0, before: original)] } ?? []
    }

    private func change(_ move: Move, callback: CallbackID?) -> RecordChange {
        RecordChange(
            record: move.step.record,
            events: [move.step.event],
            newIDs: newIDs(of: move),
            audit: auditLines(move.step, from: move.before),
            settledCallback: callback
        )
    }

    /// The ids that this step brought: an id that is known stays as it is.
    private func newIDs(of move: Move) -> [String: String] {
        let (after, before) = (move.step.record, move.before)
        guard after.recordClass == .transaction, after.externalIDs.count != before.externalIDs.count else { return [:] }
        return after.externalIDs.filter { name, _ in before.externalIDs[name] == nil }
    }

    /// An audit line for each change of state, and for each thing that a person should see.
    private func auditLines(_ step: RecordMachine.Step, from before: Record) -> [AuditRecord] {
        let isNotable = !step.effects.isDisjoint(with: [.raiseDispute, .announceLateSuccess, .callPerson])
        let isReversed = step.record.state == .reversed && before.state != .reversed
        let hasEnded = step.record.state.isEnded != before.state.isEnded
        guard step.record.recordClass == .transaction, isNotable || isReversed || hasEnded else { return [] }
        let action =
            if isReversed {
                "TRANSACTION_REVERSED"
            } else if step.effects.contains(.raiseDispute) {
                "TRANSACTION_DISPUTED"
            } else if step.effects.contains(.announceLateSuccess) {
                "TRANSACTION_LATE_SUCCESS"
            } else if step.effects.contains(.callPerson) { "TRANSACTION_NEEDS_PERSON" } else { "TRANSACTION_ENDED" }
        return [
            AuditRecord(
                id: entropy.identifier(),
                organization: step.record.organization,
                at: step.event.at,
                call: CallID(step.record.id.raw),
                subject: step.event.source.hasPrefix("callback") ? "mpesa" : "host",
                action: action,
                tool: step.record.tool,
                door: step.event.source,
                outcome: step.record.state == .succeeded || isReversed ? .success : .failed,
                code: step.event.code,
                record: step.record.id,
                environment: step.record.environment
            )
        ]
    }

    private func perform(_ step: RecordMachine.Step, from before: Record) {
        var metadata: Logger.Metadata = [
            "record": "\(step.record.id)", "organization": "\(step.record.organization)",
            "operation": "\(step.record.operation)", "from": "\(before.state.rawValue)",
            "to": "\(step.record.state.rawValue)", "source": "\(step.event.source)",
        ]
        if let code = step.event.code { metadata["code"] = "\(code)" }
        if step.effects.contains(.raiseDispute) {
            logger.warning("evidence contradicts a transaction", metadata: metadata)
        } else if step.effects.contains(.callPerson) {
            logger.warning("a transaction needs a person", metadata: metadata)
        } else if step.effects.contains(.announceLateSuccess) {
            logger.warning("a transaction succeeded after it had ended otherwise", metadata: metadata)
        } else if before.state != step.record.state, step.record.state.isEnded {
            logger.info("transaction ended", metadata: metadata)
        } else {
            logger.debug("transaction changed", metadata: metadata)
        }
        if step.effects.contains(.announceEnd) { waiters.announce(step.record.id) }
    }
}
