import Gateway
import OrderedJSON

/// Writes events in the order of the commits: positions without a gap, which an aborted transaction takes none of.
///
/// Used by one thread only, the writer's. The lane is the database's: whoever holds the database writes it, so the last
/// position is read once and then known.
final class FeedWriter {
    private static let insertion = SQLStatement(
        """
        INSERT INTO feed (organization_id, event_id, kind, subject, subject_version, at_ms, payload, lane, position)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
        """
    )

    private let lane = Int64(FeedReader.lane)
    /// The last position that is durable; nil until it was read.
    private var durable: Int64?
    /// The last one that the open transaction has written.
    private var written: Int64?

    /// Appends events in the transaction that is open.
    func append(_ events: [FeedEvent], in session: any SQLSession) throws {
        guard !events.isEmpty else { return }
        var position = try last(in: session)
        for event in events {
            position += 1
            var row = SQLRowBuffer()
            row.begin()
            row.bind(event.organization)
            row.bind(event.id.description)
            row.bind(event.kind.rawValue)
            row.bind(event.subject)
            row.bind(Int64(event.version))
            row.bind(event.at.milliseconds)
            row.bind(text: event.payload.bytes)
            row.bind(lane)
            row.bind(position)
            guard try session.execute(Self.insertion, row, presuming: 1) == 1 else {
                // Somebody else's position, or event, was not known here: it is read again.
                durable = nil
                throw SQLError(message: "a place in the feed is taken", isTransient: true)
            }
        }
        written = position
    }

    private func last(in session: any SQLSession) throws -> Int64 {
        if let known = written ?? durable { return known }
        let found = try session.first("SELECT MAX(position) FROM feed WHERE lane = $1", [.integer(lane)]) {
            $0.integer(0)
        }
        let last = (found ?? nil) ?? 0
        durable = last
        return last
    }

    /// How far the open transaction is.
    var mark: Int64? { written }

    /// Forgets what the open transaction has written since, because it was undone.
    func restore(_ mark: Int64?) { written = mark }

    /// Forgets what the open transaction has written; where nobody knows whether it held, all that was known.
    func forget(isOutcomeUnknown: Bool = false) {
        written = nil
        if isOutcomeUnknown { durable = nil }
    }

    /// The open transaction is durable.
    func hold() {
        durable = written ?? durable
        written = nil
    }
}
