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
import Webhooks

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
    let gateway: Assembly
    let desk: Reception
    /// Hands the audit's heads outside; nil where nobody has said where.
    let heads: AuditHeadKeeper?
    /// Sends events to their receivers.
    let webhooks: WebhookRunner
    var entropy: Entropy { gateway.ports.entropy }
    var logger: Logger { gateway.ports.logger }

    static let version = "0.1.0"

    /// Opens the store, loads the plugins and settles what the last process left.
    ///
    /// Nothing listens yet.
    static func build(_ settings: Settings, folder: DataFolder, makesMasterKey: Bool) async throws -> App {
        let (level, random) = (settings.logLevel, RandomWords())
        let logger = Logger(label: "mpesa-gateway") { JSONLogHandler(logLevel: level, label: $0) }
        let clock = SteadyClock(wall: { .now }, uptime: { .now })
        let entropy = Entropy(steady: clock, uptime: { .now }, wall: { .now }, random: { random.next() })
        let started = Timestamp.now
        let keys = try folder.masterKeys(folder.masterKeyFiles(settings.masterKeyFile), makes: makesMasterKey)
        let masterKey = keys.root
        let health = Health()
        var storing = StoreSettings()
        storing.place = folder.place
        // From here on this host alone serves the database: only then may it settle what another has left.
        let opened = try await Store.open(
            DatabaseURL(settings.effectiveDatabaseURL),
            settings: storing,
            parties: PartyDigests(key: Assembly.Keys.derived("parties", from: masterKey)),
            health: health,
            logger: logger
        )
        let (store, failpoints) = opened.reaching(settings.failpoint)
        try await clock.resume(from: store)
        let registry = ToolRegistry()
        let configuration = ConfigurationWatch(directory: store, entropy: entropy, settings: settings.configuration)
        let (credentials, keyChanges) = try await openSecrets(keys, in: store, configuration, entropy, failpoints)
        let client = CurlClient(settings: try curlSettings(settings))
        let daraja = DarajaUpstream(
            client: client,
            credentials: credentials,
            entropy: entropy,
            settings: try egressSettings(settings),
            logger: logger
        )
        let upstream = LeasedUpstream(upstream: daraja, lease: store.lease, entropy: entropy)
        let tokens = await JWTAccessTokens(key: Assembly.Keys.derived("access-tokens", from: masterKey))
        let passwords = ScryptPasswords()
        var ports = Assembly.Ports(
            store: Assembly.Repositories(store),
            journal: AnswerFolder(path: folder.path + "/answers"),
            upstream: upstream,
            registry: registry,
            tokens: tokens,
            passwords: passwords,
            entropy: entropy,
            logger: logger
        )
        (ports.configuration, ports.health) = (configuration, health)
        (ports.people, ports.issued) = (store, issuedTokens(settings))
        (ports.failpoints, ports.mailer) = (failpoints, try settings.mail.mailer(client, entropy, logger))
        let gateway = Assembly(ports, keys: Assembly.Keys(master: masterKey), settings: settings.gateway)
        let plugins = try makePluginHost(settings, folder, gateway, store)
        try await plugins.start(pluginsFile: settings.pluginsFile, folder: pluginFolder(settings))
        let outside = Outside(
            safe: DarajaCredentialSafe(credentials: credentials, upstream: daraja, entropy: entropy),
            prober: CallbackProber(client: client, entropy: entropy, settings: proberSettings(settings)),
            letters: settings.mail.letters(ports.mailer, base: settings.effectivePublicURL)
        )
        let administration = try makeAdministration(gateway, store, folder, outside)
        let webhooks = makeWebhooks(settings, gateway, store, credentials)
        try await gateway.settleAfterRestart()
        let desk = Reception(administration, failures: gateway.failures, settings: settings.registration)
        let sources = CallbackSources(settings.door.callbackSources, entropy: entropy, logger: logger)
        let main = GatewayResponder(
            GatewayResponder.Parts(
                mode: settings.mode,
                version: version,
                publicURL: settings.effectivePublicURL,
                mcp: settings.door.mcp,
                gateway: gateway,
                actions: ActionRegistry(
                    gateway.actions + administration.actions + webhookActions(settings, gateway, store, credentials)
                ),
                desk: desk,
                sources: sources
            )
        )
        let management = ManagementResponder(
            health: health,
            isReady: { await store.canWrite() },
            metrics: {
                metricsText(gateway, sources, webhooks, store, plugins, started)
            },
            plugins: PluginChanges(plugins: plugins),
            masterKey: keyChanges,
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
            gateway: gateway,
            desk: desk,
            heads: try headKeeper(settings, ports, store, folder),
            webhooks: webhooks
        )
    }

    /// Serves until it is told to stop; what is under way is finished first.
    func run(onReady: @escaping @Sendable () async -> Void) async throws {
        let (server, manager) = listeners(onReady: onReady)
        let (plugins, desk, news, heads, webhooks) = (plugins, desk, gateway.news, heads, webhooks)
        let tasks = gateway.tasks
        // They stop in reverse: whoever listens is told that it ends, and then the doors close. Tasks are left while somebody
        // still watches whether plugins' callers may go on: that ends the calls that they are in.
        let group = ServiceGroup(
            services: gateway.runners.map { Background(work: $0) }
                + [
                    Background { await plugins.watch() }, Background { await desk.run() },
                    Background { await tasks.run() }, Background { await webhooks.run() }, manager, server,
                    Background { await news.run() },
                ] + (heads.map { heads in [Background { await heads.run() }] } ?? []),
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: quietLogger
        )
        try await group.run()
        store.shutdown()
    }

    /// NIO and the service group say what they do; operators want to hear what went wrong.
    private var quietLogger: Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    // MARK: Parts

    /// What opens organizations' secrets, and changes the key that they hang on; one that was being changed is changed
    /// first.
    private static func openSecrets(
        _ keys: MasterKeyFiles.Keys,
        in store: Store,
        _ configuration: ConfigurationWatch,
        _ entropy: Entropy,
        _ failpoints: Failpoints
    ) async throws(GatewayError) -> (Credentials, MasterKeyChanges) {
        let masters = MasterKeys(keys.newest, older: keys.older)
        let credentials = Credentials(
            directory: store,
            webhooks: store,
            masters: masters,
            configuration: configuration
        )
        let changes = MasterKeyChanges(
            files: keys.files,
            credentials: credentials,
            masters: masters,
            audit: store,
            entropy: entropy,
            failpoints: failpoints
        )
        try await changes.resume()
        return (credentials, changes)
    }

    /// What there is to count, as Prometheus reads it.
    private static func metricsText(
        _ gateway: Assembly,
        _ sources: CallbackSources,
        _ webhooks: WebhookRunner,
        _ store: Store,
        _ plugins: PluginHost,
        _ started: Timestamp
    ) -> String {
        PrometheusText.make(
            calls: gateway.metrics.all,
            evidence: gateway.evidence.all,
            refusedCallbacks: sources.refused,
            webhooks: webhooks.metrics.all,
            store: store.counts,
            plugins: plugins,
            started: started
        )
    }

    /// How M-Pesa is spoken to.
    static func curlSettings(_ settings: Settings) throws(GatewayError) -> CurlClient.Settings {
        var curl = CurlClient.Settings()
        curl.connectionsMax = settings.connectionsMax
        curl.userAgent = "mpesa-gateway/" + version
        curl.certificateFile = try settings.darajaAuthorities()
        return curl
    }

    private static func proberSettings(_ settings: Settings) -> CallbackProber.Settings {
        var prober = CallbackProber.Settings()
        prober.reachable = settings.door.callbackCheckPrivate
        return prober
    }

    /// What tokens of organizations' own issuers are taken by.
    private static func issuedTokens(_ settings: Settings) -> IssuedTokenPorts {
        var guarded = GuardedSender.Settings()
        guarded.reachable = settings.door.issuerPrivate
        guarded.ownPorts = [settings.port, settings.managementPort]
        guarded.userAgent = "mpesa-gateway/" + version
        return IssuedTokenPorts(
            resource: ProtectedResource(base: settings.effectivePublicURL, owner: settings.door.plainOwner),
            documents: IssuerFetcher(settings: guarded),
            keys: IssuerVerification()
        )
    }

    private static func egressSettings(_ settings: Settings) throws(GatewayError) -> EgressSettings {
        var egress = EgressSettings()
        egress.certificates = try settings.certificates()
        if let url = settings.darajaURL { egress.bases = [.test: url, .live: url] }
        return egress
    }

    /// What administration reaches beyond the house.
    private struct Outside {
        let safe: DarajaCredentialSafe
        let prober: CallbackProber
        let letters: Letters?
    }

    private static func makeAdministration(
        _ gateway: Assembly,
        _ store: Store,
        _ folder: DataFolder,
        _ outside: Outside
    ) throws(GatewayError) -> Administration {
        Administration(
            Administration.Parts(
                gateway,
                credentials: outside.safe,
                usage: store,
                people: store,
                reading: store,
                owned: store,
                signer: try signer(folder),
                prober: outside.prober,
                letters: outside.letters
            )
        )
    }

    private static func headKeeper(
        _ settings: Settings,
        _ ports: Assembly.Ports,
        _ store: Store,
        _ folder: DataFolder
    ) throws(GatewayError) -> AuditHeadKeeper? {
        guard let file = settings.auditHeadsFile.map({ HeadsFile(path: $0) }) else { return nil }
        return AuditHeadKeeper(ports, reading: store, signer: try signer(folder), settings: settings.auditHeads) {
            (lines) async throws(GatewayError) in try await file.append(lines)
        }
    }

    private static func signer(_ folder: DataFolder) throws(GatewayError) -> AuditSigner {
        AuditSigner(try folder.auditKey()) { AuditFile.statement($0, organization: $1, at: $2) }
    }

    private static func makePluginHost(
        _ settings: Settings,
        _ folder: DataFolder,
        _ gateway: Assembly,
        _ store: Store
    ) throws(GatewayError) -> PluginHost {
        var host = pluginHostSettings(folder: folder.path, trust: try settings.pluginTrust())
        host.services = gateway.services
        return PluginHost(
            settings: host,
            registry: gateway.ports.registry,
            repository: store,
            entropy: gateway.ports.entropy,
            health: gateway.ports.health,
            audit: store,
            logger: gateway.ports.logger
        )
    }

    /// How plugins are run, keeping their copies in a folder.
    static func pluginHostSettings(folder: String, trust: TrustPolicy) -> PluginHost.Settings {
        var host = PluginHost.Settings(
            stateFolder: folder,
            version: version,
            trust: trust,
            abilities: Catalogue.HostAbilities(transforms: DarajaUpstream.transforms)
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
