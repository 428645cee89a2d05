import Logging

/// The parts that move money, introduced to each other.
struct Money: Sendable {
    /// Sends what was committed.
    let sender: Sender
    /// Carries what happens to records into the store.
    let settlement: Settlement
    /// What tools' calls begin.
    let operations: Operations
    /// Asks M-Pesa about what is open.
    let asker: Asker
    /// Where callbacks arrive.
    let inbox: CallbackInbox
    /// Comes back to what is open.
    let sweeper: Sweeper
    /// Keeps what M-Pesa answered, and ends what never left.
    let keeper: AnswerKeeper
    /// Ends what M-Pesa does not.
    let resolutions: Resolutions

    /// Introduces them.
    init(
        _ ports: Assembly.Ports,
        _ directory: DirectoryCache,
        _ addresses: CallbackAddresses,
        _ evidence: EvidenceMetrics,
        _ authority: Authority,
        _ settings: Assembly.Settings
    ) {
        let (records, entropy, logger) = (ports.store.records, ports.entropy, ports.logger)
        let limits = RecordMachine.Rules()
        let waiters = OutcomeWaiters(sleep: entropy.sleep)
        let questions = Dispatcher(settings: settings.questions, sleep: entropy.sleep)
        let calls = PluginCalls(registry: ports.registry, logger: logger)
        settlement = Settlement(
            records: records,
            directory: directory,
            registry: ports.registry,
            waiters: waiters,
            entropy: entropy,
            limits: limits,
            metrics: evidence,
            logger: logger
        )
        resolutions = Resolutions(settlement: settlement)
        keeper = AnswerKeeper(
            settlement: settlement,
            plugins: calls,
            journal: ports.journal,
            entropy: entropy,
            logger: logger
        )
        sender = Sender(
            upstream: ports.upstream,
            dispatcher: Dispatcher(settings: settings.requests, sleep: entropy.sleep),
            plugins: calls,
            settlement: settlement,
            keeper: keeper,
            addresses: addresses,
            directory: directory,
            entropy: entropy,
            failpoints: ports.failpoints,
            logger: logger
        )
        asker = Asker(
            records: records,
            directory: directory,
            plugins: calls,
            sender: sender,
            questions: questions,
            upstream: ports.upstream,
            settlement: settlement,
            keeper: keeper,
            entropy: entropy,
            failpoints: ports.failpoints,
            logger: logger
        )
        operations = Operations(
            records: records,
            directory: directory,
            approval: ports.approval ?? .byRules(records, entropy),
            plugins: calls,
            sender: sender,
            settlement: settlement,
            asker: asker,
            waiters: waiters,
            entropy: entropy,
            failpoints: ports.failpoints,
            page: ConfirmationPage(base: settings.publicURL)
        )
        inbox = CallbackInbox(
            records: records,
            callbacks: ports.store.callbacks,
            journal: ports.journal,
            plugins: calls,
            settlement: settlement,
            entropy: entropy,
            failpoints: ports.failpoints,
            logger: logger,
            settings: settings.inbox
        )
        sweeper = Sweeper(
            records: records,
            asker: asker,
            questions: questions,
            sender: sender,
            plugins: calls,
            settlement: settlement,
            objection: { [batches = ports.store.batches] record throws(GatewayError) in
                if let reason = try await authority.objection(to: record) { return reason }
                return try await batches.objection(toSendingAgain: record)
            },
            limits: limits,
            entropy: entropy,
            logger: logger,
            settings: settings.sweeper
        )
    }
}
