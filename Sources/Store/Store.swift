import Cryptography
import Gateway
import Logging
import Synchronization

/// The one truth: every repository of the house over one database.
///
/// `Store.swift` opens it; `Tables/` hold the SQL, `Engines/` run it, `Schema/` is its history.
package final class Store: Sendable {
    let database: Database
    let state: StoreState
    let parties: PartyDigests
    /// What keeps a second host away.
    package let lease: any HostLease
    private let ownLease: any StoreLease
    let holds: HoldWatch
    let closings = Closings()
    let rooms = Rooms()
    /// The try that is under way, so that many who ask at once cause one.
    private let probe = Mutex<Task<Void, any Error>?>(nil)

    private init(
        database: Database,
        state: StoreState,
        parties: PartyDigests,
        lease: any StoreLease,
        holds: HoldWatch
    ) {
        self.database = database
        self.parties = parties
        self.holds = holds
        self.state = state
        self.lease = lease
        ownLease = lease
    }

    /// Opens the database for this host alone, bringing its schema up to date.
    ///
    /// Waits for the lease of a host that was killed, at most `StoreSettings.leaseLength`. `health` is told as `store`
    /// and `lease` what is wrong with it later. `parties` finds records by phone: under the key of the host's.
    /// - Throws: `unavailable` with a sentence for the operator; `conflict` when another host serves the database.
    package static func open(
        _ url: DatabaseURL,
        settings: StoreSettings = StoreSettings(),
        parties: PartyDigests = .open,
        health: Health = Health(),
        logger: Logger = Logger(label: "store") { _ in SwiftLogNoOpLogHandler() }
    ) async throws(GatewayError) -> Store {
        let state = StoreState(logger: logger, health: health)
        do {
            let (database, lease) = try engineAndLease(url, settings, state, health, logger)
            do {
                try await HostTables.make(on: database)
                try await lease.take()
                try await Migrations.run(on: database)
                try await PartyIndex.bringUpToDate(parties, on: database)
                let holds = HoldWatch(latest: try await HoldWatch.latest(in: database))
                return Store(database: database, state: state, parties: parties, lease: lease, holds: holds)
            } catch {
                database.shutdown()
                lease.giveBack()
                throw error
            }
        } catch let error as SQLError {
            throw GatewayError(.unavailable, "The database cannot be opened.", detail: error.message)
        } catch {
            throw Store.unavailable(error)
        }
    }

    /// The engine behind a URL, its schema as it stands, and nobody kept away.
    static func engine(_ url: DatabaseURL, settings: StoreSettings, state: StoreState) throws -> Database {
        switch url {
        case .sqlite(let path): try .sqlite(path: path, settings: settings, state: state)
        case .postgres(let address): .postgres(address: address.reveal(), settings: settings, state: state)
        }
    }

    private static func engineAndLease(
        _ url: DatabaseURL,
        _ settings: StoreSettings,
        _ state: StoreState,
        _ health: Health,
        _ logger: Logger
    ) throws -> (Database, any StoreLease) {
        switch url {
        case .sqlite(let path):
            // The lock first: SQLite must not have the file open when it is tried.
            let lease = try SQLiteLease(path: path)
            do { return (try engine(url, settings: settings, state: state), lease) } catch {
                lease.giveBack()
                throw error
            }
        case .postgres(let address):
            let address = address.reveal()
            let database = Database.postgres(address: address, settings: settings, state: state)
            let lease = PostgresLease(
                address: address,
                settings: settings,
                database: database,
                health: health,
                logger: logger
            )
            return (database, lease)
        }
    }

    /// The same store at the end of another way: for simulations, whose hosts have one each.
    package func along(_ way: StoreWay) -> Store {
        Store(database: database.along(way), state: state, parties: parties, lease: ownLease, holds: holds)
    }

    /// Writes what is queued, closes the database and gives the lease back.
    package func shutdown() {
        database.shutdown()
        ownLease.giveBack()
    }

    // MARK: Whether it can be relied on

    /// What it has counted.
    package var counts: StoreCounts { state.counts }

    /// Whether a transaction can be made durable now: the last one was, a moment ago, or one that is tried is.
    ///
    /// Where only payments cannot be written, as when their table's disk is full, it says so for a while after each that
    /// could not. Answers within `StoreSettings.waitMax`, as every call does.
    package func canWrite() async -> Bool {
        guard lease.isHeld, !state.isFailingPayments else { return false }
        if state.hasWritten(within: database.settings.probeEvery) { return true }
        let task = probe.withLock { known in
            if let known { return known }
            let new = Task { [database] in
                let bytes = SecureRandom.bytes(database.settings.probeBytes)
                _ = try await database.write { session in
                    try session.sql.execute(
                        """
                        INSERT INTO host_probe (name, value) VALUES ('host', $1)
                        ON CONFLICT (name) DO UPDATE SET value = excluded.value
                        """,
                        [.bytes(bytes)]
                    )
                }
            }
            known = new
            return new
        }
        let result = await task.result
        probe.withLock { if $0 == task { $0 = nil } }
        guard case .failure(let error) = result else { return true }
        // Also what is no fault of the disk or the server, such as a right that was taken away.
        state.failed((error as? SQLError)?.message ?? "\(error)")
        return false
    }

    @discardableResult
    func write<Result: Sendable>(
        within limit: Duration? = nil,
        _ job: @escaping @Sendable (WriteSession) throws -> Result
    ) async throws(GatewayError) -> Result {
        do { return try await database.write(within: limit ?? database.settings.waitMax, job) } catch {
            throw Store.unavailable(error)
        }
    }

    func read<Result: Sendable>(
        within limit: Duration? = nil,
        _ job: @escaping @Sendable (any SQLSession) throws -> Result
    ) async throws(GatewayError) -> Result {
        do { return try await database.read(within: limit ?? database.settings.waitMax, job) } catch {
            throw Store.unavailable(error)
        }
    }

    /// Reads all that a job asks as of one moment, whatever is written meanwhile.
    func readAtOnce<Result: Sendable>(
        _ job: @escaping @Sendable (any SQLSession) throws -> Result
    ) async throws(GatewayError) -> Result {
        // SQLite's transactions see one state of the file from their first question on.
        let isPostgres = database.words == .postgres
        let beginning = isPostgres ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN"
        return try await read { sql in
            try sql.execute(beginning, [])
            let result = Swift.Result { try job(sql) }
            do { try sql.execute("ROLLBACK", []) } catch {
                // What failed before says more; a connection that is lost has ended its transaction.
                if case .failure(let first) = result { throw first }
                throw error
            }
            return try result.get()
        }
    }

    static func unavailable(_ error: any Error) -> GatewayError {
        if let error = error as? GatewayError { return error }
        let known = error as? SQLError
        let reason = known?.message ?? "\(error)"
        if known?.isOutcomeUnknown == true {
            var error = GatewayError(
                .unavailable,
                "The gateway's store has not answered in time. What becomes of this is not known yet: ask for its status before anything is repeated.",
                detail: reason,
                retryAfter: .seconds(5)
            )
            error.isOutcomeUnknown = true
            return error
        }
        guard known?.isAway == true || known?.isTransient == true else {
            return GatewayError(
                .internalFault,
                "The gateway's store refused this. Trying again does not help; an operator finds the reason in the log.",
                detail: reason
            )
        }
        return GatewayError(
            .unavailable,
            "The gateway's store is not available now. Nothing was decided; try again in a moment.",
            detail: reason,
            retryAfter: .seconds(1)
        )
    }
}

/// Where the data is: `sqlite:PATH` or `postgres://…`.
package enum DatabaseURL: Sendable {
    /// A file of the embedded engine.
    case sqlite(path: String)
    /// A server, as libpq writes addresses; it may hold a password.
    case postgres(Secret<String>)

    /// Reads the text of the setting.
    ///
    /// - Throws: `invalidArgument`, which never repeats the text: it may hold a password.
    package init(_ text: String) throws(GatewayError) {
        if text.hasPrefix("sqlite:"), text.utf8.count > 7 {
            self = .sqlite(path: String(text.dropFirst(7)))
        } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            self = .postgres(Secret(text))
        } else {
            throw GatewayError(.invalidArgument, "GATEWAY_DATABASE_URL must be sqlite:PATH or postgres://….")
        }
    }
}
