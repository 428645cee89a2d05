import Logging

/// The parts that move money, introduced to each other.
package struct Money: Sendable {
    /// What the parts need of a store.
    package typealias Repositories = RecordRepository & DueRepository & CallbackRepository & ClaimRepository
        & DirectoryRepository

    /// Organizations, plans and profiles.
    package let directory: DirectoryCache
    /// What tools' calls begin.
    package let operations: Operations
    /// Asks M-Pesa about what is open.
    package let asker: Asker
    /// Where callbacks arrive.
    package let inbox: CallbackInbox
    /// Comes back to what is open.
    package let sweeper: Sweeper
    /// Forgets claims that have ended.
    package let claimSweeper: ClaimSweeper
    /// What M-Pesa said, counted.
    package let evidence = EvidenceMetrics()

    /// What bounds the parts.
    package struct Bounds: Sendable {
        /// Requests on their way.
        package var requests = Dispatcher.Settings()
        /// Questions on their way.
        package var questions = Dispatcher.Settings.questions
        /// The sweeper.
        package var sweeper = Sweeper.Settings()

        /// The defaults.
        package init() {}
    }

    /// Introduces them.
    package init(
        store: any Repositories,
        journal: any AnswerJournal,
        registry: ToolRegistry,
        upstream: any Upstream,
        addresses: CallbackAddresses,
        entropy: Entropy,
        failpoints: Failpoints,
        logger: Logger,
        bounds: Bounds = Bounds()
    ) {
        let limits = RecordMachine.Rules()
        let waiters = OutcomeWaiters()
        let questions = Dispatcher(settings: bounds.questions)
        let calls = PluginCalls(registry: registry, logger: logger)
        directory = DirectoryCache(directory: store, entropy: entropy)
        let settlement = Settlement(
            records: store,
            directory: directory,
            registry: registry,
            waiters: waiters,
            entropy: entropy,
            limits: limits,
            metrics: evidence,
            logger: logger
        )
        let keeper = AnswerKeeper(
            settlement: settlement,
            plugins: calls,
            journal: journal,
            entropy: entropy,
            logger: logger
        )
        let sender = Sender(
            upstream: upstream,
            dispatcher: Dispatcher(settings: bounds.requests),
            plugins: calls,
            settlement: settlement,
            keeper: keeper,
            addresses: addresses,
            entropy: entropy,
            failpoints: failpoints,
            logger: logger
        )
        asker = Asker(
            records: store,
            directory: directory,
            plugins: calls,
            sender: sender,
            questions: questions,
            upstream: upstream,
            settlement: settlement,
            keeper: keeper,
            entropy: entropy,
            failpoints: failpoints,
            logger: logger
        )
        operations = Operations(
            records: store,
            directory: directory,
            plugins: calls,
            sender: sender,
            settlement: settlement,
            asker: asker,
            waiters: waiters,
            entropy: entropy,
            failpoints: failpoints
        )
        inbox = CallbackInbox(
            records: store,
            callbacks: store,
            journal: journal,
            plugins: calls,
            settlement: settlement,
            entropy: entropy,
            failpoints: failpoints,
            logger: logger
        )
        sweeper = Sweeper(
            records: store,
            asker: asker,
            questions: questions,
            sender: sender,
            plugins: calls,
            settlement: settlement,
            limits: limits,
            entropy: entropy,
            logger: logger,
            settings: bounds.sweeper
        )
        claimSweeper = ClaimSweeper(claims: store, entropy: entropy, logger: logger)
    }
}
