import Gateway
import OrderedJSON

/// What a new record claims in the commit that makes it: its idempotency key, the slots of its guards, its unique keys.
///
/// Nothing is ever given back. A claim names its record, and counts for as long as that record's state says: whoever
/// claims next looks. So what ends a record writes one row. Claims that have ended are forgotten later (`ClaimSweeper`).
enum Claims {
    /// Claims all of it.
    ///
    /// - Throws: `Undo` with the outcome, when another record stands in the way.
    static func claim(_ new: NewRecord, holds: HoldWatch, in session: WriteSession) throws {
        try claimIdempotency(new, in: session)
        let all = LateClaims(guards: new.guards, unique: new.unique, at: new.record.createdAt)
        try claim(all, for: new.record, holds: holds, in: session)
        try MoneyCounts.take(new.limits, in: session)
    }

    /// Claims what a record that was held takes only now; what it has already counts from now on.
    ///
    /// - Throws: `Undo` with the outcome, when another record stands in the way.
    static func claim(for change: RecordChange, holds: HoldWatch, in session: WriteSession) throws {
        guard let claims = change.claims else { return }
        do {
            try claim(claims, for: change.record, holds: holds, isLate: true, in: session)
            try MoneyCounts.take(claims.limits, in: session)
        } catch let undo as Undo<CommitOutcome> {
            throw Undo(outcome: ApplyOutcome.refused(change.record.id, undo.outcome))
        }
    }

    private static func claim(
        _ claims: LateClaims,
        for record: Record,
        holds: HoldWatch,
        isLate: Bool = false,
        in session: WriteSession
    ) throws {
        try checkHold(record, at: claims.at, holds, in: session)
        // In the order of their keys, so that two records which claim the same ones never wait for each other in a circle.
        for (index, rule) in claims.guards.enumerated().sorted(by: { $0.element.key < $1.element.key }) {
            if isLate, try keepSlot(of: rule, for: record, at: claims.at, in: session) { continue }
            let isClaimed = try claimSlot(of: rule, for: record, at: claims.at, in: session)
            if !isClaimed { throw try guarded(index, rule, record, at: claims.at, in: session.sql) }
        }
        for (index, unique) in claims.unique.enumerated().sorted(by: { $0.element.key < $1.element.key }) {
            try claim(unique, at: index, for: record, in: session)
        }
    }

    // MARK: Idempotency

    private static let idempotency = SQLStatement(
        """
        INSERT INTO idempotency (organization_id, environment, idempotency_key, fingerprint, record_id, retention_ms,
            is_derived)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        """
    )

    private static let idempotencyAgain = SQLStatement(
        """
        UPDATE idempotency SET fingerprint = $1, record_id = $2, retention_ms = $3, is_derived = $4
        WHERE organization_id = $5 AND environment = $6 AND idempotency_key = $7 AND record_id = $8
        """
    )

    /// What stands behind a key, whether it counts or not.
    static func entry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment,
        in sql: any SQLSession
    ) throws -> IdempotencyEntry? {
        try sql.first(
            """
            SELECT i.fingerprint, i.retention_ms, i.is_derived, i.record_id, r.state, r.sent_ms, r.direction, r.created_ms,
                r.ended_ms, r.released_ms, r.detail
            FROM idempotency i JOIN records r ON r.organization_id = i.organization_id AND r.record_id = i.record_id
            WHERE i.organization_id = $1 AND i.environment = $2 AND i.idempotency_key = $3
            """,
            [.text(organization.description), .text(environment.rawValue), .text(key)]
        ) { row in
            guard let record = row.text(3).flatMap({ RecordID($0) }) else {
                throw SQLError(message: "an idempotency row is damaged")
            }
            let claim = IdempotencyClaim(
                key: key,
                fingerprint: row.bytes(0) ?? [],
                retention: .milliseconds(row.integer(1) ?? 0),
                isDerived: row.integer(2) == 1
            )
            return IdempotencyEntry(claim: claim, record: record, standing: try standing(row))
        }
    }

    private static func standing(_ row: any SQLRow) throws -> IdempotencyEntry.Standing {
        guard let state = row.text(4).flatMap(RecordState.init(rawValue:)),
            let direction = row.text(6).flatMap(OperationDirection.init(rawValue:))
        else { throw SQLError(message: "the record of an idempotency row is damaged") }
        return IdempotencyEntry.Standing(
            state: state,
            direction: direction,
            createdAt: Timestamp(milliseconds: row.integer(7) ?? 0),
            endedAt: row.integer(8).map { Timestamp(milliseconds: $0) },
            releasedAt: row.integer(9).map { Timestamp(milliseconds: $0) },
            wasSent: row.integer(5) != nil,
            isDisputed: !RecordCoding.disputes(try JSON(parsing: row.text(10) ?? "")).isEmpty
        )
    }

    private static func claimIdempotency(_ new: NewRecord, in session: WriteSession) throws {
        guard let claim = new.idempotency else { return }
        let record = new.record
        let claimed = try session.execute(idempotency, presuming: 1) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(claim.key)
            bind(claim, of: record, to: &row)
        }
        if claimed == 1 { return }
        let entry = try entry(
            claim.key,
            organization: record.organization,
            environment: record.environment,
            in: session.sql
        )
        guard let entry else { throw SQLError(message: "an idempotency row has no record", isTransient: true) }
        switch entry.answer(to: claim, at: record.createdAt) {
        case .free: break
        case .replay: throw Undo(outcome: CommitOutcome.replay(entry.record))
        case .reused: throw Undo(outcome: CommitOutcome.keyReused(entry.record))
        case .stillOpen: throw Undo(outcome: CommitOutcome.keyStillOpen(entry.record))
        }
        let taken = try session.execute(idempotencyAgain) { row in
            bind(claim, of: record, to: &row)
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(claim.key)
            row.bind(entry.record)
        }
        guard taken == 1 else { throw SQLError(message: "an idempotency key changed hands", isTransient: true) }
    }

    private static func bind(_ claim: IdempotencyClaim, of record: Record, to row: inout SQLRowBuffer) {
        row.bind(bytes: claim.fingerprint)
        row.bind(record.id)
        row.bind(claim.retention.wholeMilliseconds)
        row.bind(claim.isDerived ? 1 : 0)
    }
}
