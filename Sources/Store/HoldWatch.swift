import Gateway
import Synchronization

/// Until when any customer may be held at the longest, so that a push asks the database only while one may be.
///
/// One host serves a database, so it has heard of every hold: of those before it when the store was opened, of its own
/// before they are written.
final class HoldWatch: Sendable {
    private let latest: Atomic<Int64>

    init(latest: Int64) { self.latest = Atomic(latest) }

    /// A hold is about to be written.
    func note(_ hold: PartyHold) { latest.max(hold.until.milliseconds, ordering: .releasing) }

    /// Whether a customer may be held at a moment.
    func mayHold(at moment: Timestamp) -> Bool { moment.milliseconds < latest.load(ordering: .acquiring) }

    /// The end of the latest hold that a database knows.
    static func latest(in database: Database) async throws -> Int64 {
        // As long as it takes, like everything else that opens a store.
        try await database.write(within: nil) { session in
            try session.sql.first(
                "SELECT MAX(active_until_ms) FROM guards WHERE guard_key LIKE $1",
                [.text(Claims.holdPrefix + "%")]
            ) { $0.integer(0) ?? 0 } ?? 0
        }
    }
}
