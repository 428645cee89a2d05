import Gateway

/// A connection to PostgreSQL outside the group commit, reopened when it was lost: it reads, or renews the lease.
///
/// Used by its own thread alone.
final class PostgresWorker: ReadEngine {
    private let address: String
    private let settings: StoreSettings
    private var connection: PostgresConnection?

    init(address: String, settings: StoreSettings) {
        self.address = address
        self.settings = settings
    }

    func end() { connection = nil }

    /// Runs something that only reads; again, once, when the connection turns out to have been lost before.
    func read<Result>(until deadline: ContinuousClock.Instant, _ job: (any SQLSession) throws -> Result) throws
        -> Result
    { try again(until: deadline) { try job(connected(until: deadline)) } }

    /// Runs a transaction of its own; again, once, when the connection turns out to have been lost before its COMMIT
    /// was sent.
    @discardableResult
    func transaction<Result>(until deadline: ContinuousClock.Instant, _ job: (any SQLSession) throws -> Result) throws
        -> Result
    {
        try again(until: deadline) {
            let connection = try connected(until: deadline)
            do {
                try connection.command("BEGIN")
                let result = try job(connection)
                try connection.commit()
                return result
            } catch {
                undo()
                throw error
            }
        }
    }

    private func again<Result>(until deadline: ContinuousClock.Instant, _ job: () throws -> Result) throws -> Result {
        do { return try job() } catch let error as SQLError where error.isWorthAnotherTry && deadline > .now {
            return try job()
        }
    }

    private func undo() {
        guard let connection, connection.isAlive else {
            // The server rolls back what it finds abandoned.
            self.connection = nil
            return
        }
        connection.deadline = max(connection.deadline, .now + .seconds(1))
        do { try connection.command("ROLLBACK") } catch { self.connection = nil }
    }

    private func connected(until deadline: ContinuousClock.Instant) throws -> PostgresConnection {
        if let connection, connection.isAlive {
            connection.deadline = deadline
            return connection
        }
        connection = nil
        let opened = try PostgresConnection.open(address, settings: settings)
        opened.deadline = deadline
        connection = opened
        return opened
    }
}
