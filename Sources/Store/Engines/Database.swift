import Cryptography
import Gateway

/// Where transactions run: an engine's writer and its readers.
///
/// Callers are answered within `StoreSettings.waitMax`, whatever the engine is stuck in.
final class Database: Sendable {
    /// The words of its DDL.
    let words: SQLWords
    /// What bounds it.
    let settings: StoreSettings
    private let state: StoreState
    private let writer: GroupCommit
    private let readers: Readers
    private let watch: DeadlineWatch
    /// What happens on the way here and back; nil but in simulations.
    private let way: StoreWay?

    /// The same engine at the end of another way.
    private init(_ other: Database, _ way: StoreWay) {
        words = other.words
        settings = other.settings
        state = other.state
        writer = other.writer
        readers = other.readers
        watch = other.watch
        self.way = way
    }

    func along(_ way: StoreWay) -> Database { Database(self, way) }

    private init(
        _ words: SQLWords,
        _ settings: StoreSettings,
        _ state: StoreState,
        writer: GroupCommit,
        readers: [any ReadEngine]
    ) {
        self.words = words
        self.settings = settings
        self.state = state
        self.writer = writer
        self.readers = Readers(readers, settings: settings)
        way = nil
        watch = DeadlineWatch { state.failed("it has not answered for \(settings.waitMax)", times: $0) }
        writer.start()
        self.readers.start()
    }

    /// The embedded engine, with its file open.
    static func sqlite(path: String, settings: StoreSettings, state: StoreState) throws -> Database {
        let open = { try SQLiteConnection.open(path: path, isReader: $0, settings: settings) }
        let writer = try GroupCommit(
            engine: SQLiteWriter(open(false)),
            chain: AuditChain(writer: "sqlite"),
            settings: settings,
            state: state
        )
        let readers = try (0..<settings.readers).map { _ in try open(true) }
        return Database(.sqlite, settings, state, writer: writer, readers: readers)
    }

    /// A server; each thread connects when it has something to do.
    static func postgres(address: String, settings: StoreSettings, state: StoreState) -> Database {
        let writer = GroupCommit(
            engine: PostgresWriter(address: address, settings: settings),
            chain: AuditChain(writer: "pg-\(Hexadecimal.encode(SecureRandom.bytes(4)))", isNew: true),
            settings: settings,
            state: state
        )
        let readers = (0..<settings.connections).map { _ in PostgresWorker(address: address, settings: settings) }
        return Database(.postgres, settings, state, writer: writer, readers: readers)
    }

    /// How many jobs wait for a transaction.
    var waiting: Int { writer.waiting }

    /// From now on every transaction of calls asks first whether this host still holds the database.
    func setFence(_ fence: Fence) { writer.setFence(fence) }

    /// Runs a job as one durable transaction, together with others, though it is undone alone if it throws; it may be
    /// run more than once.
    ///
    /// `limit` is how long the caller waits; nil for as long as it takes.
    func write<Result: Sendable>(
        within limit: Duration?,
        _ job: @escaping @Sendable (WriteSession) throws -> Result
    ) async throws -> Result {
        try await way?.before(true)
        let result = try await commit(within: limit, job)
        try await way?.after()
        return result
    }

    private func commit<Result: Sendable>(
        within limit: Duration?,
        _ job: @escaping @Sendable (WriteSession) throws -> Result
    ) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            let reply = Reply(continuation, within: limit)
            let queued = GroupCommit.Job(
                limit: limit == settings.waitMax ? nil : limit ?? settings.migrationMax,
                begin: { reply.begin() },
                run: { session in
                    if let counts = self.settings.statements { session.count(into: counts) }
                    do {
                        let result = try job(session)
                        return (nil, { reply.resume($0.map { .failure($0) } ?? .success(result)) })
                    } catch {
                        return (error, { _ in reply.resume(.failure(error)) })
                    }
                },
                fail: { reply.resume(.failure($0)) }
            )
            guard writer.submit(queued) else {
                return reply.resume(.failure(SQLError(message: "too many writes are waiting", isAway: true)))
            }
            watch.add(reply)
        }
    }

    /// Runs a job as one durable transaction, within the time that callers wait.
    func write<Result: Sendable>(_ job: @escaping @Sendable (WriteSession) throws -> Result) async throws -> Result {
        try await write(within: settings.waitMax, job)
    }

    /// Runs a job that only reads; the caller waits for `limit` at most.
    func read<Result: Sendable>(
        within limit: Duration,
        _ job: @escaping @Sendable (any SQLSession) throws -> Result
    ) async throws -> Result {
        try await way?.before(false)
        return try await withUnsafeThrowingContinuation { continuation in
            let reply = Reply(continuation, within: limit, changesNothing: true)
            let isTaken = readers.submit { engine in
                guard reply.begin() else { return }
                do {
                    let result = try engine.read(until: reply.deadline ?? .now + limit) { session in
                        try job(self.settings.statements.map { $0.counting(session) } ?? session)
                    }
                    reply.resume(.success(result))
                } catch {
                    if let error = error as? SQLError, error.isAway { self.state.failed(error.message) }
                    reply.resume(.failure(error))
                }
            }
            guard isTaken else {
                return reply.resume(.failure(SQLError(message: "too many reads are waiting", isAway: true)))
            }
            watch.add(reply)
        }
    }

    /// Runs a job that only reads, within the time that callers wait.
    func read<Result: Sendable>(_ job: @escaping @Sendable (any SQLSession) throws -> Result) async throws -> Result {
        try await read(within: settings.waitMax, job)
    }

    /// Hands over what the next transaction takes along; false when too much is waiting already.
    func enqueue(audit: AuditRecord, usage: UsageRecord?) -> Bool { writer.enqueue(audit: audit, usage: usage) }

    /// Writes what is queued and ends its threads; waits at most `StoreSettings.shutdownMax`.
    func shutdown() {
        readers.stop()
        writer.stop()
        watch.stop()
    }
}
