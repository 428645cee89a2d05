import Cryptography
import Egress
import Foundation
import Gateway
import HTTPServer
import Ingress
import Logging
import OrderedJSON
import Organizations
import PluginHost
import ServiceLifecycle
import Sessions
import Store

/// The rooms, introduced to each other.
///
/// Nothing else in the house knows them all.
struct App: Sendable {
    let settings: Settings
    let store: Store
    let credentials: Credentials
    let passwords: ScryptPasswords
    let registry: ToolRegistry
    let plugins: PluginHost
    let main: GatewayResponder
    let management: ManagementResponder
    let inbox: CallbackInbox
    let sweeper: Sweeper
    let claimSweeper: ClaimSweeper
    let timers: TimerRunner
    let orphans: OrphanWatch
    let failures: SampleFailures
    let uses: KeyUses
    let quotas: Quotas
    let entropy: Entropy
    let logger: Logger

    static let version = "0.1.0"

    /// Opens the store, loads the plugins and settles what the last process left.
    ///
    /// Nothing listens yet.
    static func build(_ settings: Settings, folder: DataFolder, makesMasterKey: Bool) async throws -> App {
        let level = settings.logLevel
        let logger = Logger(label: "mpesa-gateway") { JSONLogHandler(logLevel: level, label: $0) }
        let random = RandomWords()
        let clock = SteadyClock(wall: { .now }, uptime: { .now })
        let entropy = Entropy(steady: clock, uptime: { .now }, wall: { .now }, random: { random.next() })
        let started = Timestamp.now
        let masterKey = try folder.masterKey(file: settings.masterKeyFile, makes: makesMasterKey)
        let health = Health()
        // From here on this host alone serves the database: only then may it settle what another has left.
        let store = try await Store.open(
            DatabaseURL(settings.effectiveDatabaseURL),
            parties: PartyDigests(key: derivedKey("parties", from: masterKey)),
            health: health,
            logger: logger
        )
        try await clock.resume(from: store)
        let registry = ToolRegistry()
        let plugins = try makePluginHost(settings, folder, registry, store, health, entropy, logger)
        try await plugins.start(pluginsFile: settings.pluginsFile, folder: pluginFolder(settings))
        let credentials = Credentials(directory: store, masterKey: masterKey, entropy: entropy)
        let daraja = DarajaUpstream(
            client: CurlClient(settings: try curlSettings(settings)),
            credentials: credentials,
            entropy: entropy,
            settings: try egressSettings(settings),
            logger: logger
        )
        let upstream = LeasedUpstream(upstream: daraja, lease: store.lease, entropy: entropy)
        let tokens = await JWTAccessTokens(key: derivedKey("access-tokens", from: masterKey))
        let addresses = CallbackAddresses(
            publicURL: settings.effectivePublicURL,
            key: derivedKey("callbacks", from: masterKey)
        )
        let money = Money(
            store: store,
            journal: AnswerFolder(path: folder.path + "/answers"),
            registry: registry,
            upstream: upstream,
            addresses: addresses,
            entropy: entropy,
            failpoints: Failpoints(ending: settings.failpoint),
            logger: logger,
            bounds: settings.bounds
        )
        let uses = KeyUses(repository: store, logger: logger)
        let quotas = Quotas(repository: store, entropy: entropy, logger: logger)
        let authenticate = Authenticate(directory: store, tokens: tokens, entropy: entropy, uses: uses)
        let metrics = CallMetrics()
        let throttle = ThrottleLogIns(entropy: entropy)
        let failures = SampleFailures(audit: store, entropy: entropy)
        let pipeline = Pipeline(
            registry: registry,
            authenticate: authenticate,
            admit: AdmitOrganization(directory: money.directory),
            limit: LimitRate(entropy: entropy),
            quotas: quotas,
            reserve: ReserveIdempotent(records: store, entropy: entropy),
            once: ReserveAction(
                repository: store,
                key: derivedKey("action-keys", from: masterKey),
                entropy: entropy
            ),
            dispatch: Dispatch(
                operations: money.operations,
                seal: QuestionSeal(key: derivedKey("questions", from: masterKey), entropy: entropy),
                questions: store
            ),
            record: RecordCall(
                audit: store,
                failures: failures,
                metrics: metrics,
                entropy: entropy,
                logger: logger
            )
        )
        let passwords = ScryptPasswords()
        let accounts = Accounts(
            Accounts.Parts(
                directory: store,
                audit: store,
                tokens: tokens,
                passwords: passwords,
                authenticate: authenticate,
                failures: failures,
                metrics: metrics,
                throttle: throttle,
                entropy: entropy
            )
        )
        let administration = Administration(
            Administration.Parts(
                directory: store,
                cache: money.directory,
                authenticate: authenticate,
                audit: store,
                credentials: DarajaCredentialSafe(credentials: credentials, upstream: daraja),
                passwords: passwords,
                throttle: throttle,
                entropy: entropy,
                registry: registry,
                plans: store,
                quotas: quotas
            )
        )
        try await money.sweeper.settleAfterRestart()
        let main = GatewayResponder(
            GatewayResponder.Parts(
                mode: settings.mode,
                version: version,
                publicURL: settings.effectivePublicURL,
                pipeline: pipeline,
                registry: registry,
                actions: ActionRegistry(
                    HostActions.all(records: store, exports: store, accounts: accounts, entropy: entropy)
                        + administration.actions
                ),
                accounts: accounts,
                records: store,
                inbox: money.inbox,
                addresses: addresses,
                asker: money.asker,
                entropy: entropy,
                logger: logger
            )
        )
        let management = ManagementResponder(
            health: health,
            isReady: { await store.canWrite() },
            metrics: {
                PrometheusText.make(
                    calls: metrics.all,
                    evidence: money.evidence.all,
                    store: store.counts,
                    plugins: plugins,
                    started: started
                )
            },
            plugins: PluginChanges(plugins: plugins),
            organizations: OrganizationChanges(
                directory: store,
                cache: money.directory,
                audit: store,
                entropy: entropy
            ),
            operatorToken: try settings.operatorToken(),
            names: OwnNames(listening: settings.managementHost, more: settings.door.managementNames),
            entropy: entropy
        )
        return App(
            settings: settings,
            store: store,
            credentials: credentials,
            passwords: passwords,
            registry: registry,
            plugins: plugins,
            main: main,
            management: management,
            inbox: money.inbox,
            sweeper: money.sweeper,
            claimSweeper: money.claimSweeper,
            timers: TimerRunner(
                data: store,
                registry: registry,
                authenticate: authenticate,
                admit: AdmitOrganization(directory: money.directory),
                entropy: entropy,
                logger: logger
            ),
            orphans: OrphanWatch(records: store, registry: registry, health: health, logger: logger),
            failures: failures,
            uses: uses,
            quotas: quotas,
            entropy: entropy,
            logger: logger
        )
    }

    /// Serves until it is told to stop; what is under way is finished first.
    func run(onReady: @escaping @Sendable () async -> Void) async throws {
        let (server, manager) = listeners(onReady: onReady)
        let inbox = inbox
        let sweeper = sweeper
        let claimSweeper = claimSweeper
        let plugins = plugins
        let timers = timers
        let orphans = orphans
        let failures = failures
        let (uses, quotas) = (uses, quotas)
        let group = ServiceGroup(
            services: [
                Background { await inbox.run() }, Background { await sweeper.run() },
                Background { await claimSweeper.run() },
                Background { await plugins.watch() }, Background { await timers.run() },
                Background { await orphans.run() },
                Background { await failures.run() },
                Background { await uses.run() }, Background { await quotas.run() },
                manager, server,
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: quietLogger
        )
        try await group.run()
        store.shutdown()
    }

    /// Hummingbird and the service group say what they do; operators want to hear what went wrong.
    private var quietLogger: Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    // MARK: Parts

    static func derivedKey(_ purpose: String, from masterKey: Secret<[UInt8]>) -> Secret<[UInt8]> {
        Secret(HMACSHA256.authenticate(key: masterKey.reveal(), Array(purpose.utf8)).bytes)
    }

    /// How M-Pesa is spoken to.
    static func curlSettings(_ settings: Settings) throws(GatewayError) -> CurlClient.Settings {
        var curl = CurlClient.Settings()
        curl.connectionsMax = settings.connectionsMax
        curl.userAgent = "mpesa-gateway/" + version
        curl.certificateFile = try settings.darajaAuthorities()
        return curl
    }

    private static func egressSettings(_ settings: Settings) throws(GatewayError) -> EgressSettings {
        var egress = EgressSettings()
        egress.certificates = try settings.certificates()
        if let url = settings.darajaURL { egress.bases = [.test: url, .live: url] }
        return egress
    }

    private static func makePluginHost(
        _ settings: Settings,
        _ folder: DataFolder,
        _ registry: ToolRegistry,
        _ store: Store,
        _ health: Health,
        _ entropy: Entropy,
        _ logger: Logger
    ) throws(GatewayError) -> PluginHost {
        var host = pluginHostSettings(folder: folder.path, trust: try settings.pluginTrust())
        host.services = PluginServices(data: store, records: store, entropy: entropy)
        return PluginHost(
            settings: host,
            registry: registry,
            repository: store,
            entropy: entropy,
            health: health,
            audit: store,
            logger: logger
        )
    }

    /// How plugins are run, keeping their copies in a folder.
    static func pluginHostSettings(folder: String, trust: TrustPolicy) -> PluginHost.Settings {
        var host = PluginHost.Settings(
            stateFolder: folder,
            version: version,
            trust: trust,
            abilities: Catalogue.HostAbilities(features: [], transforms: DarajaUpstream.transforms)
        )
        host.workerProgram = WorkerProgram.find()
        host.readableFolders = WorkerProgram.swiftRuntimeFolders()
        host.trial = PluginTrials.run
        return host
    }

    static func pluginFolder(_ settings: Settings) -> String {
        if let folder = settings.pluginFolder { return folder }
        let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        return executable.deletingLastPathComponent().path
    }
}

/// Something that runs until the service group stops.
private struct Background: Service {
    let work: @Sendable () async -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown { await work() }
    }
}
