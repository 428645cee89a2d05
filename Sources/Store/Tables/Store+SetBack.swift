import Gateway

/// What follows a clock that was set back: the times that lie ahead.
///
/// What is open follows in one transaction, and with it is written that what has ended must follow. That is walked over in
/// slices, of which each is safe to repeat: what lies ahead by more than a write may take is of before, and after it has
/// followed it lies ahead no more.
extension Store {
    /// What bears a time of before lies ahead by more than this; what is written meanwhile does not.
    private static let slack: Duration = .seconds(30)
    /// How long before a moment a record was begun, at most, that may bear later times: 31 days, in milliseconds.
    private static let lookedBack: Int64 = 31 * 86_400_000
    /// How many organizations a slice looks at.
    private static let organizationsMax = 50

    package func bringForward(by duration: Duration, after moment: Timestamp) async throws(GatewayError) {
        let (by, after) = (SQLValue.integer(duration.wholeMilliseconds), SQLValue.integer(moment.milliseconds))
        let ahead = SQLValue.integer((moment + Store.slack).milliseconds)
        let recent = SQLValue.integer((moment + (.zero - Store.slack)).milliseconds)
        try await write { session in
            for condition in RecordCoding.open {
                try session.sql.execute(
                    "UPDATE records SET next_action_ms = next_action_ms - $1 WHERE \(condition) AND next_action_ms > $2",
                    [by, after]
                )
                // From these the ages of payments are counted.
                for column in ["sent_ms", "updated_ms", "released_ms", "held_until_ms"] {
                    try session.sql.execute(
                        "UPDATE records SET \(column) = \(column) - $1 WHERE \(condition) AND \(column) > $2",
                        [by, ahead]
                    )
                }
            }
            // A guard that was taken since is the new time's.
            try session.sql.execute(
                """
                UPDATE guards SET active_until_ms = active_until_ms - $1 WHERE active_until_ms > $2 AND NOT EXISTS (
                    SELECT 1 FROM records
                    WHERE records.organization_id = guards.organization_id AND records.record_id = guards.record_id
                        AND records.created_ms BETWEEN $3 AND $4)
                """,
                [by, after, recent, ahead]
            )
            for column in ["until_ms", "next_ms"] {
                try session.sql.execute(
                    "UPDATE batches SET \(column) = \(column) - $1 WHERE ended_ms IS NULL AND \(column) > $2",
                    [by, after]
                )
            }
            try session.sql.execute(
                "UPDATE webhook_deliveries SET due_ms = due_ms - $1 WHERE due_ms IS NOT NULL AND due_ms > $2",
                [by, after]
            )
            try session.sql.execute(
                "UPDATE webhook_progress SET paused_until_ms = paused_until_ms - $1 WHERE paused_until_ms > $2",
                [by, after]
            )
            try session.sql.execute("UPDATE plugin_timers SET due_at = due_at - $1 WHERE due_at > $2", [by, after])
            try session.sql.execute(
                "UPDATE tasks SET due_ms = due_ms - $1, until_ms = until_ms - $2 WHERE due_ms > $3",
                [by, by, after]
            )
            // What waits for another version of its plugin is read again too. Two indexes, so two statements.
            for condition in ["ended IS NULL", "ended = 'quarantined'"] {
                try session.sql.execute(
                    "UPDATE callbacks SET received_ms = $1 WHERE \(condition) AND received_ms > $2",
                    [after, after]
                )
            }
            // The next process goes on from here, and moves nothing of this once more.
            try Store.keep(moment, in: session)
            try Store.set("set_back_by", duration.wholeMilliseconds, in: session)
            try Store.set("set_back_at", moment.milliseconds, in: session)
        }
    }

    package func bringEndedForward(
        after place: RecordPlace?,
        now: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> RecordPlace? {
        try await write { session in
            let walk = ["set_back_by", "set_back_at"]
            let known = try walk.compactMap { name in
                try session.sql.first("SELECT value FROM configuration WHERE name = $1", [.text(name)]) {
                    $0.integer(0)
                }
            }
            guard known.count == 2, let by = known[0], let at = known[1] else { return nil }
            // Ids begin with the moment at which their record was begun.
            let oldest = Identifier(high: UInt64(max(0, at - Store.lookedBack)) << 16, low: 0).description
            var place = try place ?? Store.next(after: "", from: oldest, in: session.sql)
            for _ in 0..<Store.organizationsMax {
                guard let here = place else { break }
                let last = try Store.bring(by, after: here, ahead: now + Store.slack, limit: limit, in: session.sql)
                if let last { return RecordPlace(organization: here.organization, record: last) }
                place = try Store.next(after: here.organization, from: oldest, in: session.sql)
            }
            guard place == nil else { return place }
            for name in walk {
                try session.sql.execute("DELETE FROM configuration WHERE name = $1", [.text(name)])
            }
            return nil
        }
    }

    /// Brings a slice of one organization's records forward.
    ///
    /// - Returns: The last record of the slice; nil when it reaches the end.
    private static func bring(
        _ milliseconds: Int64,
        after place: RecordPlace,
        ahead: Timestamp,
        limit: Int,
        in sql: any SQLSession
    ) throws -> String? {
        let (organization, first) = (SQLValue.text(place.organization), SQLValue.text(place.record))
        let last = try sql.first(
            """
            SELECT record_id FROM records WHERE organization_id = $1 AND record_id > $2
            ORDER BY record_id LIMIT 1 OFFSET $3
            """,
            [organization, first, .integer(Int64(max(1, limit) - 1))]
        ) { $0.text(0) ?? "" }
        for column in ["sent_ms", "updated_ms", "ended_ms", "released_ms"] {
            try sql.execute(
                """
                UPDATE records SET \(column) = \(column) - $1
                WHERE organization_id = $2 AND record_id > $3 AND record_id <= $4 AND \(column) > $5
                """,
                [
                    .integer(milliseconds), organization, first, .text(last ?? Store.lastID),
                    .integer(ahead.milliseconds),
                ]
            )
        }
        return last
    }

    /// After every id.
    private static let lastID = "~"

    /// The beginning of the next organization's records; nil when there is none.
    private static func next(
        after organization: String,
        from oldest: String,
        in sql: any SQLSession
    ) throws -> RecordPlace? {
        try sql.first(
            "SELECT organization_id FROM organizations WHERE organization_id > $1 ORDER BY organization_id LIMIT 1",
            [.text(organization)]
        ) { RecordPlace(organization: $0.text(0) ?? "", record: oldest) }
    }

    private static func set(_ name: String, _ value: Int64, in session: WriteSession) throws {
        try session.sql.execute(
            """
            INSERT INTO configuration (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """,
            [.text(name), .integer(value)]
        )
    }
}
