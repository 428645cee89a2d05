import Gateway
import Logging
import Store

/// The parts that move money, introduced to each other.
struct Money: Sendable {
    let directory: DirectoryCache
    let operations: Operations
    let asker: Asker
    let inbox: CallbackInbox
    let sweeper: Sweeper
    let claimSweeper: ClaimSweeper

    init(
        store: Store,
        registry: ToolRegistry,
        upstream: any Upstream,
        addresses: CallbackAddresses,
        entropy: Entropy,
        failpoints: Failpoints,
        logger: Logger
    ) {
        let limits = RecordMachine.Rules()
        let waiters = OutcomeWaiters()
        let calls = PluginCalls(registry: registry, logger: logger)
        let settlement = Settlement(
            records: store,
            registry: registry,
            waiters: waiters,
            entropy: entropy,
            limits: limits,
            logger: logger
        )
        let sender = Sender(
            upstream: upstream,
            plugins: calls,
            settlement: settlement,
            addresses: addresses,
            entropy: entropy,
            failpoints: failpoints,
            logger: logger
        )
        directory = DirectoryCache(directory: store, entropy: entropy)
        asker = Asker(
            records: store,
            directory: directory,
            plugins: calls,
            sender: sender,
            upstream: upstream,
            settlement: settlement,
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
            plugins: calls,
            settlement: settlement,
            entropy: entropy,
            failpoints: failpoints,
            logger: logger
        )
        sweeper = Sweeper(
            records: store,
            asker: asker,
            sender: sender,
            plugins: calls,
            settlement: settlement,
            limits: limits,
            entropy: entropy,
            logger: logger
        )
        claimSweeper = ClaimSweeper(claims: store, entropy: entropy, logger: logger)
    }
}
