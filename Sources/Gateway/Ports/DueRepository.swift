/// What the sweeper needs of a store: whose time has come.
///
/// Names no organization's data to anyone. Implemented by `Store`.
package protocol DueRepository: Sendable {
    /// Any organization's records whose `nextActionAt` has come, earliest first, but for those of some accounts.
    ///
    /// Who has as many in hand as it may is left out, or a long backlog of one would hide everybody else's.
    func due(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record]

    /// Any organization's records that are held, or were let go and have not left, whose `nextActionAt` has come; as
    /// `due(at:limit:except:)`, which has none of them. Items of a batch leave with it, and are not among them.
    func dueHeld(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record]

    /// Organizations of which something is held, items of batches too: those after one, in an order of their own.
    func organizationsHolding(after organization: OrganizationID?, limit: Int) async throws(GatewayError)
        -> [OrganizationID]

    /// Keeps the moment, from which the next process goes on.
    func keep(moment: Timestamp) async throws(GatewayError)

    /// The latest moment that is kept, or at which something happened to a record that is open, or a callback came that
    /// waits; nil when there is none.
    func newestMoment() async throws(GatewayError) -> Timestamp?

    /// Brings every appointment after a moment forward, because the clock was set back; with them what the ages of open
    /// records are counted from, guards, timers and what waits in the inbox.
    ///
    /// What has ended follows in slices, by `bringEndedForward`, also after a restart: there may be millions.
    func bringForward(by duration: Duration, after moment: Timestamp) async throws(GatewayError)

    /// Brings the ends of some more records forward, if a clock that was set back has left any that bear later times.
    ///
    /// Safe to do again from the beginning.
    /// - Parameters:
    ///   - place: Where the slice before ended; nil for the first.
    ///   - now: What is later than this by more than a write may take was written before the clock was set back.
    /// - Returns: Where the next slice begins; nil when nothing is left.
    func bringEndedForward(after place: RecordPlace?, now: Timestamp, limit: Int) async throws(GatewayError)
        -> RecordPlace?

    /// Puts a record off that nothing could be done about, unless it has changed meanwhile.
    func postpone(_ record: Record, until moment: Timestamp) async throws(GatewayError)
}

/// How far a walk over all records has come: organization and record, as they are stored.
package struct RecordPlace: Sendable, Equatable {
    /// Whose records are walked over.
    package let organization: String
    /// The last one seen.
    package let record: String

    /// Names a place.
    package init(organization: String, record: String) {
        self.organization = organization
        self.record = record
    }
}
