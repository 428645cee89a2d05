import Gateway
import OrderedJSON

/// What moved by an organization's calls on a day: a row for each scope that a limit counts, changed in the commit that lets
/// a call leave.
enum MoneyCounts {
    /// For how many days rows are kept after their own: what is given back later than that is given back nowhere.
    private static let daysKept: Int64 = 60

    /// Counts calls in the transaction that is open.
    ///
    /// - Throws: `Undo` with the outcome, where one would be past its limit.
    static func take(_ claims: [LimitClaim], in session: WriteSession) throws {
        // In the order of their scopes, so that two commits never wait for each other in a circle.
        for claim in claims.sorted(by: { $0.place.scope < $1.place.scope }) {
            guard try take(claim, in: session) else { throw Undo(outcome: CommitOutcome.limitReached(claim.place)) }
        }
    }

    /// What is counted at a place.
    static func moved(at place: LimitPlace, in sql: any SQLSession) throws -> (calls: Int64, amount: Int64) {
        try sql.first(
            """
            SELECT calls, amount FROM money_counts
            WHERE organization_id = $1 AND environment = $2 AND scope = $3 AND day = $4
            """,
            values(of: place)
        ) { ($0.integer(0) ?? 0, $0.integer(1) ?? 0) } ?? (0, 0)
    }

    private static func take(_ claim: LimitClaim, in session: WriteSession) throws -> Bool {
        guard claim.amount <= claim.amountMax, claim.countMax >= 1 else { return false }
        let moved = try session.sql.first(
            """
            INSERT INTO money_counts (organization_id, environment, scope, day, calls, amount)
            VALUES ($1, $2, $3, $4, 1, $5)
            ON CONFLICT (organization_id, environment, scope, day) DO UPDATE
            SET calls = money_counts.calls + 1, amount = money_counts.amount + excluded.amount
            WHERE money_counts.amount <= $6 AND money_counts.calls < $7
            RETURNING calls, amount
            """,
            values(of: claim.place) + [
                .integer(claim.amount), .integer(claim.amountMax - claim.amount), .integer(claim.countMax),
            ]
        ) { (calls: $0.integer(0) ?? 0, amount: $0.integer(1) ?? 0) }
        guard let moved else { return false }
        if moved.calls == 1 { try forget(before: claim.place, in: session) }
        for event in claim.told(after: moved.calls, moved.amount) {
            if try note(event, of: claim.place, in: session) { session.tell([event]) }
        }
        return true
    }

    /// Notes what is told of a day's limit, in a row beside its own, whose `calls` is how much was told of, in hundredths.
    ///
    /// - Returns: Whether it had not been told: what is given back and used again tells nothing anew.
    private static func note(_ event: FeedEvent, of place: LimitPlace, in session: WriteSession) throws -> Bool {
        try session.sql.first(
            """
            INSERT INTO money_counts (organization_id, environment, scope, day, calls, amount)
            VALUES ($1, $2, $3, $4, $5, 0)
            ON CONFLICT (organization_id, environment, scope, day) DO UPDATE SET calls = excluded.calls
            WHERE money_counts.calls < excluded.calls
            RETURNING calls
            """,
            values(of: place.told) + [.integer(Int64(event.version))]
        ) { _ in true } ?? false
    }

    /// Adds, whatever the limit.
    static func charge(_ charge: LimitCharge, in session: WriteSession) throws {
        try session.sql.execute(
            """
            UPDATE money_counts SET calls = calls + $1, amount = amount + $2
            WHERE organization_id = $3 AND environment = $4 AND scope = $5 AND day = $6
            """,
            [.integer(charge.calls), .integer(charge.amount)] + values(of: charge.place)
        )
    }

    /// The first call of a scope's day forgets its old days.
    private static func forget(before place: LimitPlace, in session: WriteSession) throws {
        for one in [place, place.told] {
            try session.sql.execute(
                """
                DELETE FROM money_counts WHERE organization_id = $1 AND environment = $2 AND scope = $3 AND day < $4
                """,
                values(of: one).dropLast() + [.integer(place.day - daysKept)]
            )
        }
    }

    private static func values(of place: LimitPlace) -> [SQLValue] {
        [
            .text(place.organization.description), .text(place.environment.rawValue), .text(place.scope),
            .integer(place.day),
        ]
    }
}

extension LimitPlace {
    /// Where it is noted what was told of this place's day; no limit counts there.
    fileprivate var told: LimitPlace {
        LimitPlace(organization: organization, environment: environment, scope: scope + "|told", day: day)
    }
}

// Where a record was counted, in its row.
extension RecordCoding {
    static func write(_ mark: LimitMark, to writer: inout JSONWriter) {
        writer.key("limited")
        writer.beginArray()
        writer.integer(mark.day)
        writer.bool(mark.isGivenBack)
        for scope in mark.scopes { writer.string(scope) }
        writer.endArray()
    }

    static func limited(_ detail: JSON) -> LimitMark? {
        guard let mark = detail["limited"]?.arrayValue, mark.count > 2, let day = mark[0].integerValue else {
            return nil
        }
        return LimitMark(
            day: day,
            scopes: mark.dropFirst(2).compactMap(\.stringValue),
            isGivenBack: mark[1] == true
        )
    }
}
