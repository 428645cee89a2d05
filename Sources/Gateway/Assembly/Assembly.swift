import Logging
import OrderedJSON
import Sheets

/// Gateway, put together: every stage and every part that moves money, introduced to each other once.
///
/// Whoever has a store, a way out to M-Pesa, clocks and keys gets from here what calls, callbacks and services are handed
/// to, and what runs by itself. The host, tests and simulations make it of other ports and of nothing else.
///
///     ports, keys, settings -> Assembly -> pipeline     what doors hand calls to
///                                       -> inbox        what doors hand callbacks to
///                                       -> services     what plugins ask
///                                       -> runners      what runs by itself
package struct Assembly: Sendable {
    /// What it was made of.
    package let ports: Ports
    /// Every call's one way.
    package let pipeline: Pipeline
    /// Who calls; administration tells it to forget.
    package let authenticate: Authenticate
    /// For how long what was read of the configuration holds.
    package let configuration: ConfigurationWatch
    /// Organizations, plans and profiles, remembered until they change.
    package let directory: DirectoryCache
    /// What whoever shows no credential is told of.
    package let commonTools: CommonTools
    /// Where M-Pesa calls back.
    package let addresses: CallbackAddresses
    /// Callbacks that this gateway sends to itself.
    package let probes: CallbackProbes
    /// Where callbacks arrive.
    package let inbox: CallbackInbox
    /// Asks M-Pesa about what is open.
    package let asker: Asker
    /// Comes back to what is open.
    package let sweeper: Sweeper
    /// Lets what was held leave, or withdraws it.
    package let drafts: Drafts
    /// Sends what was let go.
    package let releases: Releases
    /// Makes batches, and does what people decide about them.
    package let batches: Batches
    /// Sends what was released of them.
    package let batchRunner: BatchRunner
    /// Sums up what has become true.
    package let rollups: RollupReader
    /// Forgets what is old.
    package let forgetting: Forgetting
    /// Tells people what waits for them; nil where nobody has set up how.
    package let approvalLetters: ApprovalLetters?
    /// Tells whoever listens.
    package let news: FeedNews
    /// Keeps what M-Pesa answered, and ends what never left.
    let keeper: AnswerKeeper
    /// Ends what M-Pesa does not.
    let resolutions: Resolutions
    /// Forgets claims that have ended.
    package let claimSweeper: ClaimSweeper
    /// Calls plugins when their timers come due.
    package let timers: TimerRunner
    /// Works on what goes on after its call was answered.
    package let tasks: TaskRunner
    /// Shows that, and ends it.
    private let taskActions: TaskActions
    /// Tells of transactions whose plugin is not loaded.
    package let orphans: OrphanWatch
    /// Log-ins and sessions.
    package let logIns: LogIns
    /// Second factors; nil where nobody has one.
    package let factors: SecondFactors?
    /// What keeps guessers of passwords waiting.
    package let throttle: AttemptLimit
    /// Failures of strangers, counted into the audit.
    package let failures: SampleFailures
    /// What plugins offer beside their tools and may ask about.
    private let contexts: ContextCalls
    /// What plugins ask of the host.
    package let services: PluginServices
    /// Places in the feed as they leave the host.
    private let places: FeedPlaces
    /// What is held and will never leave.
    package let lapsed: LapsedDrafts
    /// What months' quotas leave.
    package let quotas: Quotas
    /// Where files of rows are read and written.
    package let sheets = SheetThread()
    /// When keys were last used.
    package let uses: KeyUses
    /// Seals sessions of MCP.
    package let conversationKey: Secret<[UInt8]>
    /// Seals sessions of the host's pages.
    package let pageKey: Secret<[UInt8]>
    /// Calls, counted.
    package let metrics = CallMetrics()
    /// What M-Pesa said, counted.
    package let evidence = EvidenceMetrics()

    /// Puts it together; nothing runs yet.
    package init(_ ports: Ports, keys: Keys, settings: Settings) {
        self.ports = ports
        (conversationKey, pageKey) = (keys.conversations, keys.pages)
        let (entropy, store) = (ports.entropy, ports.store)
        configuration = ports.configuration
        directory = DirectoryCache(directory: store.directory, entropy: entropy, configuration: configuration)
        commonTools = CommonTools(plans: store.plans, registry: ports.registry, configuration: configuration)
        addresses = CallbackAddresses(publicURL: settings.publicURL, key: keys.callbacks)
        probes = CallbackProbes(entropy: entropy)
        uses = KeyUses(repository: store.uses, sleep: entropy.sleep, logger: ports.logger)
        authenticate = Authenticate(ports, uses: uses)
        let admit = AdmitOrganization(directory: directory)
        let authority = Authority(authenticate: authenticate, admit: admit, registry: ports.registry)
        let money = Money(ports, directory, addresses, evidence, authority, settings)
        asker = money.asker
        inbox = money.inbox
        sweeper = money.sweeper
        keeper = money.keeper
        resolutions = money.resolutions
        let (logger, claims) = (ports.logger, store.claims)
        claimSweeper = ClaimSweeper(claims: claims, entropy: entropy, logger: logger, settings: settings.claims)
        quotas = Quotas(repository: store.quotas, entropy: entropy, logger: ports.logger)
        let held = HeldCalls(operations: money.operations, authenticate: authenticate, registry: ports.registry)
        releases = Releases(
            due: store.records,
            calls: held,
            sender: money.sender,
            settlement: money.settlement,
            entropy: entropy,
            logger: ports.logger,
            settings: settings.releases
        )
        rollups = ports.rollupReader(settings.rollups)
        forgetting = ports.forgetting(settings.forgetting)
        approvalLetters = ApprovalLetters(ports, settings)
        news = FeedNews(feed: store.feed, entropy: entropy, logger: ports.logger, settings: settings.news)
        (batches, batchRunner) = ports.batches(money, held, authenticate, quotas, sheets, settings)
        drafts = Drafts(
            records: store.records,
            calls: held,
            settlement: money.settlement,
            releases: releases,
            entropy: entropy,
            settings: settings.drafts
        )
        lapsed = ports.lapsedDrafts(drafts, batches)
        throttle = AttemptLimit(entropy: entropy, settings: settings.throttle)
        failures = SampleFailures(audit: store.audit, entropy: entropy)
        factors = ports.people.map { SecondFactors(people: $0, key: keys.factors, entropy: entropy) }
        logIns = LogIns(
            LogIns.Parts(
                directory: store.directory,
                audit: store.audit,
                tokens: ports.tokens,
                passwords: ports.passwords,
                authenticate: authenticate,
                failures: failures,
                metrics: metrics,
                throttle: throttle,
                entropy: entropy,
                factors: factors,
                refreshTokens: RefreshTokens(key: keys.refreshTokens)
            ),
            settings: settings.logIns
        )
        places = FeedPlaces(key: keys.places)
        services = ports.services(directory, places, settings.services)
        let seal = QuestionSeal(key: keys.questions, entropy: entropy)
        contexts = ContextCalls(seal: seal, questions: store.once, settings: settings.contexts)
        pipeline = Pipeline(
            registry: ports.registry,
            authenticate: authenticate,
            admit: admit,
            authority: authority,
            directory: directory,
            limit: LimitRate(entropy: entropy),
            quotas: quotas,
            reserve: ReserveIdempotent(records: store.records, entropy: entropy),
            once: ReserveAction(repository: store.once, key: keys.actions, entropy: entropy),
            dispatch: Dispatch(
                batches: batches,
                drafts: drafts,
                seal: seal,
                questions: store.once,
                tasks: BeginTask(
                    tasks: store.data,
                    entropy: entropy,
                    settings: settings.begunTasks,
                    messageBytesMax: settings.tasks.messageBytesMax
                ),
                confirming: settings.confirmations
            ),
            record: RecordCall(
                audit: store.audit,
                failures: failures,
                metrics: metrics,
                entropy: entropy,
                logger: ports.logger
            ),
            pace: PaceRefusals(entropy: entropy, settings: settings.refusals)
        )
        timers = TimerRunner(
            data: store.data,
            registry: ports.registry,
            authority: authority,
            entropy: entropy,
            logger: ports.logger,
            settings: settings.timers
        )
        (tasks, taskActions) = ports.tasks(authority, settings)
        orphans = ports.orphanWatch()
    }

    /// Passwords that are hashed anew.
    package var renewals: PasswordRenewals { logIns.parts.renewals }

    /// What a call would meet at the stages that change by the hour.
    package var outlook: CallOutlook {
        CallOutlook(
            limit: pipeline.limit,
            concurrency: pipeline.concurrency,
            quotas: quotas,
            records: ports.store.records,
            entropy: ports.entropy
        )
    }

    /// What may be asked of Gateway itself.
    package var actions: [Action] {
        HostActions.all(
            records: ports.store.records,
            exports: ports.store.data,
            reports: ports.store.feed,
            reader: rollups,
            corrections: services.corrections,
            places: places,
            news: news,
            resolutions: resolutions,
            logIns: logIns,
            registry: ports.registry,
            directory: directory,
            approvals: ApprovalActions(
                records: ports.store.records,
                directory: ports.store.directory,
                cache: directory,
                drafts: drafts,
                batches: batches,
                entropy: ports.entropy,
                letters: approvalLetters
            ),
            batches: batches,
            tasks: taskActions,
            contexts: contexts,
            entropy: ports.entropy
        )
    }

    /// What runs by itself beside the calls, but for `news`, which ends before the doors do, and `tasks`, which end before
    /// what watches plugins.
    ///
    /// Each runs until it is cancelled, finishing what is in hand.
    package var runners: [@Sendable () async -> Void] {
        [
            { await inbox.run() }, { await sweeper.run() }, { await releases.run() }, { await claimSweeper.run() },
            { await batchRunner.run() }, { await rollups.run() }, { await forgetting.run() }, { await timers.run() },
            { await keeper.run() },
            { await orphans.run() }, { await renewals.run() },
            { await failures.run() }, { await uses.run() },
            { await quotas.run() }, { await configuration.run() }, { await lapsed.run() },
        ] + (approvalLetters.map { letters in [{ await letters.run() }] } ?? [])
    }

    /// Settles what the last process left, for a host that alone serves its store, and recalls who was known where.
    ///
    /// Call it once the plugins are loaded, before anything is served.
    package func settleAfterRestart() async throws(GatewayError) {
        try await sweeper.settleAfterRestart()
        try await throttle.recall(from: ports.store.directory)
        try await news.begin()
    }
}
