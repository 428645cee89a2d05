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
        except accounts: Set<Dispatcher.Account>
    ) async throws(GatewayError) -> [Record]

    /// Keeps the moment, from which the next process goes on.
    func keep(moment: Timestamp) async throws(GatewayError)

    /// The latest moment that is kept, or at which something happened to a record that is open; nil when there is none.
    func newestMoment() async throws(GatewayError) -> Timestamp?

    /// Brings every appointment after a moment forward, because the clock was set back; with them what ages and ends are
    /// counted from: sendings, ends, guards, timers and what waits in the inbox.
    func bringForward(by duration: Duration, after moment: Timestamp) async throws(GatewayError)

    /// Puts a record off that nothing could be done about, unless it has changed meanwhile.
    func postpone(_ record: Record, until moment: Timestamp) async throws(GatewayError)
}
