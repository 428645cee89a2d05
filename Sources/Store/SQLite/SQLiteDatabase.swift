import Gateway

/// The embedded engine: one writer thread that commits whatever is queued, and some readers.
///
/// Group commit without timers: while one transaction is being made durable, the next calls queue up, and all of them
/// become the next transaction. A job that fails takes nobody with it: see `SQLiteWriter.commit`.
final class SQLiteDatabase: Database {
    let words = SQLWords(bytes: "BLOB", clustered: "WITHOUT ROWID", joined: "group_concat", json: "json_quote")
    let settings: StoreSettings
    private let writer: SQLiteWriter
    private let readers: SQLiteReaders
    private let watch: DeadlineWatch

    init(path: String, settings: StoreSettings, state: StoreState) throws {
        self.settings = settings
        let open = { try SQLiteConnection.open(path: path, isReader: $0, settings: settings) }
        writer = try SQLiteWriter(connection: open(false), settings: settings, state: state)
        readers = try SQLiteReaders(settings: settings) { try open(true) }
        watch = DeadlineWatch { state.failed("the disk has not answered for \(settings.waitMax)", times: $0) }
        writer.start()
        readers.start()
    }

    func write<Result: Sendable>(
        within limit: Duration?,
        _ job: @escaping @Sendable (WriteSession) throws -> Result
    ) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            let reply = Reply(continuation, within: limit)
            let queued = SQLiteWriter.Job(
                begin: { reply.begin() },
                run: { session in
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

    func read<Result: Sendable>(
        within limit: Duration,
        _ job: @escaping @Sendable (any SQLSession) throws -> Result
    ) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            let reply = Reply(continuation, within: limit, changesNothing: true)
            let isTaken = readers.submit { session in
                guard reply.begin() else { return }
                reply.resume(Swift.Result { try job(session) })
            }
            guard isTaken else {
                return reply.resume(.failure(SQLError(message: "too many reads are waiting", isAway: true)))
            }
            watch.add(reply)
        }
    }

    func enqueue(audit: AuditRecord, usage: UsageRecord?) -> Bool { writer.enqueue(audit: audit, usage: usage) }

    func shutdown() {
        readers.stop()
        writer.stop()
        watch.stop()
    }
}
