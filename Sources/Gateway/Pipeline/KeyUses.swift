import Logging
import Synchronization

/// Where it is kept when keys were last used.
package protocol KeyUseRepository: Sendable {
    /// Notes when keys were last used; a moment before the one that is known changes nothing.
    func note(_ uses: [KeyUses.Use]) async throws(GatewayError)
}

/// When keys were last used: noted where a key is looked up, so that a busy key costs one note a second, and written at
/// most once a minute a key.
///
/// What was noted since the last writing is lost when the process is killed.
package final class KeyUses: Sendable {
    /// One key's last use.
    package struct Use: Sendable, Equatable {
        /// Whose key.
        package let organization: OrganizationID
        /// Which.
        package let key: APIKeyID
        /// When.
        package let at: Timestamp

        /// States a use.
        package init(organization: OrganizationID, key: APIKeyID, at: Timestamp) {
            self.organization = organization
            self.key = key
            self.at = at
        }
    }

    /// What bounds it.
    package struct Settings: Sendable {
        /// How often uses are written.
        ///
        /// Default a minute.
        package var period: Duration = .seconds(60)
        /// How many keys' uses wait at a time; past that others are left out until the next writing.
        ///
        /// Default 10,000.
        package var keysMax = 10_000

        /// The defaults.
        package init() {}
    }

    private let repository: any KeyUseRepository
    private let settings: Settings
    private let sleep: Sleep
    private let logger: Logger
    private let waiting = Mutex<[APIKeyID: Use]>([:])

    /// Makes it over where uses are kept.
    package init(
        repository: any KeyUseRepository,
        settings: Settings = Settings(),
        sleep: Sleep = .real,
        logger: Logger
    ) {
        self.repository = repository
        self.settings = settings
        self.sleep = sleep
        self.logger = logger
    }

    /// Notes a use.
    package func note(_ key: APIKeyID, of organization: OrganizationID, at now: Timestamp) {
        waiting.withLock { waiting in
            guard waiting.count < settings.keysMax || waiting[key] != nil else { return }
            waiting[key] = Use(organization: organization, key: key, at: now)
        }
    }

    /// Writes what was noted; what cannot be written now waits, unless the key is used again meanwhile.
    package func flush() async {
        let uses = waiting.withLock { waiting in
            defer { waiting.removeAll(keepingCapacity: true) }
            return waiting
        }
        guard !uses.isEmpty else { return }
        do throws(GatewayError) {
            try await repository.note(uses.values.sorted { $0.key.raw < $1.key.raw })
        } catch {
            logger.warning("when keys were last used could not be written", metadata: ["reason": "\(error.message)"])
            waiting.withLock { $0.merge(uses) { newer, _ in newer } }
        }
    }

    /// Writes until it is cancelled, and once more then.
    package func run() async {
        await sleep.repeating(every: settings.period, pausesFirst: true) { await flush() }
    }
}
