import Gateway
import Synchronization

/// Organizations that are being erased, for which no transaction is begun any more.
///
/// One host serves a database, and its writes are one after the other: so what is noted here by one write is known to every
/// write after it, without a statement. A process that ends takes the calls along that this is for.
final class Closings: Sendable {
    /// How long a closing is felt: longer than any call takes, from its admission to its commit.
    static let feltFor: Duration = .seconds(900)

    private let ends = Mutex<[OrganizationID: ContinuousClock.Instant]>([:])

    /// No transaction of the organization begins from now on.
    func note(_ organization: OrganizationID, at now: ContinuousClock.Instant = .now) {
        ends.withLock { ends in
            ends = ends.filter { now < $0.value }
            ends[organization] = now + Self.feltFor
        }
    }

    /// Whether the organization is being erased.
    func isClosed(_ organization: OrganizationID, at now: ContinuousClock.Instant = .now) -> Bool {
        ends.withLock { ends in ends[organization].map { now < $0 } ?? false }
    }
}
