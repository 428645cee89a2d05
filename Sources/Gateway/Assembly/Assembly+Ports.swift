import Cryptography
import Logging

extension Assembly {
    /// What Gateway needs of a store, a repository each.
    package struct Repositories: Sendable {
        /// Transactions and exchanges, and whose time has come.
        package let records: any RecordRepository & DueRepository
        /// The inbox of callbacks.
        package let callbacks: any CallbackRepository
        /// Claims that have ended.
        package let claims: any ClaimRepository
        /// Organizations, plans, people and keys.
        package let directory: any DirectoryRepository
        /// Plans, beyond the one that a call needs.
        package let plans: any PlanRepository
        /// What is used of a month's quotas.
        package let quotas: any QuotaRepository
        /// When keys were last used.
        package let uses: any KeyUseRepository
        /// The audit and usage.
        package let audit: any AuditRepository
        /// What is done once.
        package let once: any OnceRepository
        /// What plugins keep.
        package let data: any PluginDataRepository
        /// What has become true, and what is summed up of it.
        package let feed: any FeedRepository & RollupRepository & ReportRepository
        /// Payments that are made together.
        package let batches: any BatchRepository

        /// Gathers them.
        package init(
            records: any RecordRepository & DueRepository,
            callbacks: any CallbackRepository,
            claims: any ClaimRepository,
            directory: any DirectoryRepository,
            plans: any PlanRepository,
            quotas: any QuotaRepository,
            uses: any KeyUseRepository,
            audit: any AuditRepository,
            once: any OnceRepository,
            data: any PluginDataRepository,
            feed: any FeedRepository & RollupRepository & ReportRepository,
            batches: any BatchRepository
        ) {
            self.records = records
            self.callbacks = callbacks
            self.claims = claims
            self.directory = directory
            self.plans = plans
            self.quotas = quotas
            self.uses = uses
            self.audit = audit
            self.once = once
            self.data = data
            self.feed = feed
            self.batches = batches
        }

        /// All of one store.
        package init(
            _ store: some RecordRepository & DueRepository & CallbackRepository & ClaimRepository & DirectoryRepository
                & PlanRepository & QuotaRepository & KeyUseRepository & AuditRepository & OnceRepository
                & PluginDataRepository & FeedRepository & RollupRepository & ReportRepository & BatchRepository
        ) {
            self.init(
                records: store,
                callbacks: store,
                claims: store,
                directory: store,
                plans: store,
                quotas: store,
                uses: store,
                audit: store,
                once: store,
                data: store,
                feed: store,
                batches: store
            )
        }
    }

    /// The world around Gateway: all that it reads, writes, sends and waits by.
    package struct Ports: Sendable {
        /// The store.
        package var store: Repositories
        /// Where M-Pesa's answers go while the store is away.
        package var journal: any AnswerJournal
        /// The way out to M-Pesa.
        package var upstream: any Upstream
        /// What is loaded.
        package var registry: ToolRegistry
        /// Access tokens.
        package var tokens: any AccessTokens
        /// Passwords.
        package var passwords: any Passwords
        /// Clocks, waiting and chance.
        package var entropy: Entropy
        /// The log.
        package var logger: Logger
        /// For how long what was read of the configuration holds: one for all caches of it.
        package var configuration: ConfigurationWatch
        /// What people prove themselves by besides passwords; nil where nobody has a second factor.
        package var people: (any PeopleRepository)?
        /// What tokens of others are taken by; nil where none is.
        package var issued: IssuedTokenPorts?
        /// Where what is wrong is told.
        package var health = Health()
        /// What must wait for a person; nil where each organization's rules say so.
        package var approval: RequireApproval?
        /// Sends letters; nil where nobody has set up how.
        package var mailer: (any Mailer)?
        /// Where a test may end the process.
        package var failpoints = Failpoints.none

        /// Gathers them.
        package init(
            store: Repositories,
            journal: any AnswerJournal,
            upstream: any Upstream,
            registry: ToolRegistry,
            tokens: any AccessTokens,
            passwords: any Passwords,
            entropy: Entropy,
            logger: Logger
        ) {
            self.store = store
            self.journal = journal
            self.upstream = upstream
            self.registry = registry
            self.tokens = tokens
            self.passwords = passwords
            self.entropy = entropy
            self.logger = logger
            configuration = ConfigurationWatch(directory: store.directory, entropy: entropy)
        }
    }

    /// The keys that Gateway signs and seals with, 32 bytes each.
    package struct Keys: Sendable {
        /// Authenticates callback addresses.
        package let callbacks: Secret<[UInt8]>
        /// Seals tools' questions.
        package let questions: Secret<[UInt8]>
        /// Hides what a change was asked for, under whose key it is done once.
        package let actions: Secret<[UInt8]>
        /// Authenticates refresh tokens.
        package let refreshTokens: Secret<[UInt8]>
        /// Seals what second factors show codes of.
        package let factors: Secret<[UInt8]>
        /// Hides places in the feed.
        package let places: Secret<[UInt8]>
        /// Seals sessions of MCP.
        package let conversations: Secret<[UInt8]>
        /// Seals sessions of the host's pages.
        package let pages: Secret<[UInt8]>

        /// Derives them from a master key.
        package init(master: Secret<[UInt8]>) {
            callbacks = Self.derived("callbacks", from: master)
            questions = Self.derived("questions", from: master)
            actions = Self.derived("action-keys", from: master)
            refreshTokens = Self.derived("refresh-tokens", from: master)
            factors = Self.derived("second-factors", from: master)
            places = Self.derived("feed-places", from: master)
            conversations = Self.derived("mcp-sessions", from: master)
            pages = Self.derived("page-sessions", from: master)
        }

        /// A key for one purpose, from which the master key and other purposes' keys cannot be told.
        package static func derived(_ purpose: String, from master: Secret<[UInt8]>) -> Secret<[UInt8]> {
            Secret(HMACSHA256.authenticate(key: master.reveal(), Array(purpose.utf8)).bytes)
        }
    }

    /// What bounds the parts; each says what its defaults are.
    package struct Settings: Sendable {
        /// Where M-Pesa reaches this gateway.
        package var publicURL: String
        /// Requests on their way.
        package var requests = Dispatcher.Settings()
        /// Questions on their way.
        package var questions = Dispatcher.Settings.questions
        /// The sweeper.
        package var sweeper = Sweeper.Settings()
        /// What is let go.
        package var drafts = Drafts.Settings()
        /// The sending of it.
        package var releases = Releases.Settings()
        /// Payments that are made together.
        package var batches = Batches.Settings()
        /// The sending of them.
        package var batchRunner = BatchRunner.Settings()
        /// What is summed up.
        package var rollups = RollupReader.Settings()
        /// How long what is old is kept.
        package var forgetting = Forgetting.Settings()
        /// What plugins ask the host for.
        package var services = PluginServices.Settings()
        /// What plugins offer beside their tools and may ask about.
        package var contexts = ContextCalls.Settings()
        /// Letters about what waits for people.
        package var approvalLetters = ApprovalLetters.Settings()
        /// Calls that wait for what is decided on the host's page.
        package var confirmations = Confirmations.Settings()
        /// Who listens.
        package var news = FeedNews.Settings()
        /// The inbox of callbacks.
        package var inbox = CallbackInbox.Settings()
        /// The walk over claims.
        package var claims = ClaimSweeper.Settings()
        /// Plugins' timers.
        package var timers = TimerRunner.Settings()
        /// What may go on after its call was answered.
        package var begunTasks = BeginTask.Settings()
        /// The work on it.
        package var tasks = TaskRunner.Settings()
        /// Callers that are refused again and again.
        package var refusals = PaceRefusals.Settings()
        /// Failed log-ins.
        package var throttle = AttemptLimit.Settings()
        /// Sessions.
        package var logIns = LogIns.Settings()

        /// The defaults.
        package init(publicURL: String = "") { self.publicURL = publicURL }
    }
}

extension Authenticate {
    /// Makes the stage of what the house is made of.
    convenience init(_ ports: Assembly.Ports, uses: KeyUses) {
        self.init(
            directory: ports.store.directory,
            tokens: ports.tokens,
            entropy: ports.entropy,
            configuration: ports.configuration,
            uses: uses,
            issued: ports.issued
        )
    }
}

extension ApprovalLetters {
    /// Makes it; nil where nobody has set up how people are written to.
    init?(_ ports: Assembly.Ports, _ settings: Assembly.Settings) {
        guard let mailer = ports.mailer else { return nil }
        self.init(
            mailer: mailer,
            feed: ports.store.feed,
            records: ports.store.records,
            batches: ports.store.batches,
            directory: ports.store.directory,
            entropy: ports.entropy,
            logger: ports.logger,
            settings: settings.approvalLetters,
            base: settings.publicURL
        )
    }
}
