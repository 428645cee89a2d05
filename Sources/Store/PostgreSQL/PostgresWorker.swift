import Foundation
import Gateway

/// One thread's connection, reopened when it was lost.
///
/// Used by its own thread alone.
final class PostgresWorker {
    private let address: String
    private let settings: StoreSettings
    private let chain: AuditChain
    private var connection: PostgresConnection?

    init(address: String, settings: StoreSettings, writer: String) {
        self.address = address
        self.settings = settings
        chain = AuditChain(writer: writer)
    }

    /// Closes the connection.
    func end() { connection = nil }

    /// Runs something that only reads; again, once, when the connection turns out to have been lost before.
    func read<Result>(until deadline: ContinuousClock.Instant, _ job: (any SQLSession) throws -> Result) throws
        -> Result
    {
        do { return try job(connected(until: deadline)) } catch let error as SQLError where mayRetry(error, deadline) {
            return try job(connected(until: deadline))
        }
    }

    /// Runs a transaction, again when the engine asks for that or the connection was lost before its COMMIT was sent;
    /// never when a COMMIT's outcome is not known.
    ///
    /// `extras` are written in it too, and counted only where their lines are new.
    func transaction<Result>(
        until deadline: ContinuousClock.Instant,
        _ beginning: Beginning = Beginning(),
        extras: Extras = Extras(),
        _ job: (WriteSession) throws -> Result
    ) throws -> (result: Result, usage: [UsageRecord: Int64]) {
        var attempt = 1
        while true {
            do {
                let connection = try connected(until: deadline)
                try begin(connection, beginning)
                let session = WriteSession(connection)
                let result = try job(session)
                try chain.append(session.audit, in: connection)
                let added = try chain.append(extras.lines, in: connection)
                // Its lines are there: an earlier try, whose outcome was not known, held.
                if extras.lines.isEmpty || added > 0 { try extras.usage.add(in: connection) }
                try connection.commit()
                return (result, session.usage)
            } catch {
                undo(after: error)
                guard let error = error as? SQLError, mayRetry(error, deadline), attempt < settings.attemptsMax else {
                    throw error
                }
                attempt += 1
                Thread.sleep(forTimeInterval: Double.random(in: 0.001...0.01) * Double(attempt))
            }
        }
    }

    /// How a transaction begins.
    struct Beginning {
        /// Asked before anything else.
        var fence: PostgresFence?
        /// How long its statements may take, where that is not the connection's own limit.
        var limit: Duration?
    }

    /// In one round trip.
    private func begin(_ connection: PostgresConnection, _ beginning: Beginning) throws {
        var statements = ["BEGIN"]
        if let limit = beginning.limit?.wholeMilliseconds {
            statements += ["SET LOCAL statement_timeout = \(limit)", "SET LOCAL lock_timeout = \(limit)"]
        }
        if let fence = beginning.fence { statements.append(fence.statement) }
        let rows = try connection.command(statements.joined(separator: "; ")).rows
        if let fence = beginning.fence, rows != 1 { throw fence.refusal }
    }

    private func mayRetry(_ error: SQLError, _ deadline: ContinuousClock.Instant) -> Bool {
        (error.isTransient || error.isLost) && !error.isOutcomeUnknown && deadline > .now
    }

    private func undo(after error: any Error) {
        if (error as? SQLError)?.isOutcomeUnknown == true { chain.startAnew() } else { chain.forget() }
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

/// What every transaction of calls asks first: whether this host still holds the database.
struct PostgresFence: Sendable {
    /// Answers one row while it does, and locks it against whoever would take over.
    let statement: String

    /// What a transaction ends with when it does not.
    var refusal: SQLError {
        SQLError(message: "another gateway has taken this database over; this one must be stopped", isAway: true)
    }
}
