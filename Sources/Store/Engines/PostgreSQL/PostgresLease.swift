import Cryptography
import Gateway
import Logging
import Synchronization
import Threads

/// PostgreSQL's lease: a row that says who serves the database and until when, by the server's clock.
///
///     take --(renewed every second by a thread and a connection of its own)--> ... --> giveBack
///
/// Every taking has a number, higher than the last. Each transaction of a call first locks the row, if it still names
/// this host and number, against being taken over (`FOR KEY SHARE`, which renewals do not meet); so no commit of a
/// former holder can come after a successor has begun. `isHeld` ends before the lease does, counted from before the
/// last renewal was asked for, by this machine's steady clock.
///
/// Every renewal raises the row's beat. A database whose beat is lower than the holder has seen is an older copy, to
/// which the server failed over: what was sent since is not in it, so nothing more is sent. A row whose beat stands
/// still for a lease's length, by the newcomer's steady clock, has no holder, whatever the server's clock says. Nor has
/// one whose holder had to itself what the newcomer has (`StoreSettings.place`): it was killed on this machine.
final class PostgresLease: StoreLease, @unchecked Sendable {
    private struct State {
        var number: Int64?
        var heldUntil: ContinuousClock.Instant?
        /// The last beat that is known to be durable.
        var beat: Int64 = 0
        var isStopping = false
        var hasStopped = true
    }

    private static let part = "lease"
    private static let now = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    private let address: String
    private let settings: StoreSettings
    private let database: Database
    private let holder: String
    private let state = Mutex(State())
    private let bell = MonotonicCondition()
    private let health: Health
    private let logger: Logger

    init(address: String, settings: StoreSettings, database: Database, health: Health, logger: Logger) {
        self.address = address
        self.settings = settings
        let place = settings.place.map { String(SHA256.digest($0).hexadecimal.prefix(32)) + "." } ?? ""
        holder = place + Hexadecimal.encode(SecureRandom.bytes(16))
        self.database = database
        self.health = health
        self.logger = logger
    }

    var timeLeft: Duration? { state.withLock { $0.heldUntil }.map { ContinuousClock.now.duration(to: $0) } ?? .zero }

    // MARK: Taking

    func take() async throws {
        let end = ContinuousClock.now + settings.leaseLength + settings.leaseEvery
        var hasSaid = false
        // Who renews is there; who does not is waited for until it is known that nobody does.
        var isRenewed = false
        var seen: (row: Row, since: ContinuousClock.Instant)?
        while true {
            let asked = ContinuousClock.now
            let left: Int64
            do {
                let abandoned = seen.flatMap { asked - $0.since >= settings.leaseLength ? $0.row : nil }
                guard let other = try await tryOnce(takingFrom: abandoned) else { return begin(from: asked) }
                if seen?.row.isSame(as: other) != true {
                    isRenewed = seen != nil
                    seen = (other, .now)
                }
                left = other.left
            } catch let error as SQLError where error.isAway && asked < end {
                // A commit of the holder before may still hold the row.
                left = 100
            }
            guard ContinuousClock.now < end || !isRenewed else {
                throw GatewayError(
                    .conflict,
                    "Another gateway serves this database. Stop it, or use another one: many hosts on one database are not supported."
                )
            }
            if !hasSaid { logger.warning("waiting for the lease of the host before", metadata: ["ms": "\(left)"]) }
            hasSaid = true
            try await Task.sleep(for: min(.milliseconds(max(left, 20)), settings.leaseEvery))
        }
    }

    /// The lease as a newcomer sees it.
    private struct Row: Sendable {
        let number: Int64
        let beat: Int64
        /// Milliseconds by the server's clock.
        let left: Int64
        /// Who has it, or had it.
        let holder: String

        func isSame(as other: Row) -> Bool { number == other.number && beat == other.beat }
    }

    /// Whether another holder was a process that had to itself what this one has now: it sends nothing any more.
    private func isOfThisPlace(_ other: String) -> Bool {
        guard let end = holder.firstIndex(of: "."), other != holder else { return false }
        return other.hasPrefix(holder[...end])
    }

    /// Takes the lease, or answers who has it.
    ///
    /// - Parameter abandoned: A holder that has not renewed for a lease's length.
    private func tryOnce(takingFrom abandoned: Row?) async throws -> Row? {
        let (holder, length) = (holder, settings.leaseLength.wholeMilliseconds)
        let mayTake: @Sendable (Row) -> Bool = { [isOfThisPlace] row in
            row.left <= 0 || abandoned?.isSame(as: row) == true || isOfThisPlace(row.holder)
        }
        let (taken, other) = try await database.write(within: settings.openMax) { session -> (Row?, Row?) in
            let sql = session.sql
            try sql.execute(
                "INSERT INTO host_lease (name, holder, number, ends_ms) VALUES ('host', '', 0, 0) ON CONFLICT DO NOTHING",
                []
            )
            // Looked at first without a lock, so that whoever waits here holds up no payment of the other.
            let seen = try Self.row(in: sql)
            guard mayTake(seen) else { return (nil, seen) }
            // Waits for the commits of the holder before, which lock the row too.
            let found = try Self.row(in: sql, " FOR UPDATE")
            guard mayTake(found) else { return (nil, found) }
            try sql.execute(
                "UPDATE host_lease SET holder = $1, number = $2, ends_ms = \(Self.now) + $3 WHERE name = 'host'",
                [.text(holder), .integer(found.number + 1), .integer(length)]
            )
            return (Row(number: found.number + 1, beat: found.beat, left: 0, holder: holder), nil)
        }
        guard let taken else { return other }
        state.withLock { ($0.number, $0.beat) = (taken.number, taken.beat) }
        return nil
    }

    private static func row(in sql: any SQLSession, _ lock: String = "") throws -> Row {
        let found = try sql.first(
            "SELECT number, beat, ends_ms - \(now), holder FROM host_lease WHERE name = 'host'" + lock,
            []
        ) { row in
            Row(
                number: row.integer(0) ?? 0,
                beat: row.integer(1) ?? 0,
                left: row.integer(2) ?? 0,
                holder: row.text(3) ?? ""
            )
        }
        guard let found else { throw SQLError(message: "the lease's row is gone", isTransient: true) }
        return found
    }

    private func begin(from asked: ContinuousClock.Instant) {
        let number = state.withLock { state in
            state.heldUntil = asked + settings.leaseLength - settings.leaseMargin
            state.hasStopped = false
            return state.number ?? 0
        }
        raiseFence(number)
        NamedThread.start("store-lease") { self.renew(number) }
    }

    /// From now on every transaction of a call is written only where the row is this host's and as new as it knows it.
    private func raiseFence(_ number: Int64) {
        let beat = state.withLock { $0.beat }
        database.setFence(
            Fence(
                statement: """
                    SELECT number FROM host_lease
                    WHERE name = 'host' AND holder = '\(holder)' AND number = \(number) AND beat >= \(beat)
                    FOR KEY SHARE
                    """
            )
        )
    }

    // MARK: Renewing

    private func renew(_ number: Int64) {
        let worker = PostgresWorker(address: address, settings: settings)
        var isLost = false
        var isFailing = false
        while !state.withLock({ $0.isStopping }) {
            bell.withLock { _ = bell.wait(atMost: settings.leaseEvery) }
            if state.withLock({ $0.isStopping }) || isLost { continue }
            let asked = ContinuousClock.now
            do {
                // Given up early enough to try again before the lease ends.
                let deadline = asked + min(settings.waitMax, settings.leaseLength / 4)
                let beat = try prolong(number, worker, until: deadline)
                isLost = beat == nil
                if let beat { hold(number, beat, from: asked) } else { lose(number, worker, until: deadline) }
                if isFailing && !isLost { logger.notice("the lease on the database is renewed again") }
                isFailing = false
            } catch {
                let reason = (error as? SQLError)?.message ?? "\(error)"
                if !isFailing {
                    logger.warning("the lease on the database cannot be renewed", metadata: ["reason": "\(reason)"])
                }
                isFailing = true
                if !isHeld {
                    health.report(Self.part, .notReady, "The lease on the database could not be renewed: \(reason).")
                }
            }
        }
        if !isLost { try? release(number, worker) }
        worker.end()
        state.withLock { $0.hasStopped = true }
        bell.withLock { bell.broadcast() }
    }

    /// The new beat; nil when the row names somebody else, or is older than it was.
    private func prolong(
        _ number: Int64,
        _ worker: PostgresWorker,
        until deadline: ContinuousClock.Instant
    ) throws -> Int64? {
        let length = settings.leaseLength.wholeMilliseconds
        let known = state.withLock { $0.beat }
        return try worker.transaction(until: deadline) { sql in
            try sql.first(
                """
                UPDATE host_lease SET ends_ms = \(Self.now) + $1, beat = beat + 1
                WHERE name = 'host' AND holder = $2 AND number = $3 AND beat >= $4 RETURNING beat
                """,
                [.integer(length), .text(holder), .integer(number), .integer(known)]
            ) { $0.integer(0) } ?? nil
        }
    }

    private func hold(_ number: Int64, _ beat: Int64, from asked: ContinuousClock.Instant) {
        state.withLock { state in
            // A renewal that was on its way when the host began to end gives nothing back to it.
            guard !state.isStopping else { return }
            state.heldUntil = asked + settings.leaseLength - settings.leaseMargin
            state.beat = beat
        }
        raiseFence(number)
        health.clear(Self.part)
    }

    private func lose(_ number: Int64, _ worker: PostgresWorker, until deadline: ContinuousClock.Instant) {
        state.withLock { $0.heldUntil = nil }
        let isOurs = try? worker.transaction(until: deadline) { sql in
            try sql.first(
                "SELECT number FROM host_lease WHERE name = 'host' AND holder = $1 AND number = $2",
                [.text(holder), .integer(number)]
            ) { $0.integer(0) } != nil
        }
        let found =
            isOurs == true
            ? """
            The database is an older copy of the one that this gateway wrote to: what was sent since is missing in it.
            """ : "Another gateway has taken the database over, or it is another database now."
        logger.critical("\(found) Nothing is sent any more; stop this gateway")
        health.report(
            Self.part,
            .notReady,
            "\(found) Nothing is sent or written here any more; stop this gateway, and keep its data folder."
        )
    }

    // MARK: Giving back

    /// Ends the thread, which gives the lease back.
    func giveBack() {
        state.withLock { state in
            state.isStopping = true
            state.heldUntil = nil
        }
        let end = ContinuousClock.now + settings.waitMax
        bell.withLock {
            bell.broadcast()
            while !state.withLock({ $0.hasStopped }) && end > .now { bell.wait(until: end) }
        }
    }

    private func release(_ number: Int64, _ worker: PostgresWorker) throws {
        try worker.transaction(until: .now + .seconds(1)) { sql in
            _ = try sql.execute(
                "UPDATE host_lease SET holder = '', ends_ms = 0 WHERE name = 'host' AND holder = $1 AND number = $2",
                [.text(holder), .integer(number)]
            )
        }
    }
}
