/// Everything that an organization owns: handed out whole, and erased as far as it may be.
package protocol OwnedDataRepository: Sendable {
    /// What there is, by name, in the order in which it is handed out.
    var ownedParts: [String] { get }
    /// A page of a part's rows as JSON, in the order of their keys, without what is secret.
    ///
    /// - Parameters:
    ///   - place: Where the page before ended; nil for the first.
    ///   - moment: Of what is ordered by the time that it was begun, that which was begun by then.
    /// - Returns: The rows, and where the next page begins; nil when there is none.
    /// - Throws: `notFound` for a part that there is not.
    func owned(
        _ part: String,
        of organization: OrganizationID,
        after place: [String]?,
        until moment: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> (rows: [String], next: [String]?)
    /// A part of a file that a plugin made, numbered from 0 as its row says; nil when it is gone.
    func ownedFile(
        _ export: String,
        part: Int,
        of organization: OrganizationID
    ) async throws(GatewayError) -> [UInt8]?
    /// Lets no transaction of the organization begin any more, if all have ended: a call that was admitted before the
    /// organization was closed may be about to commit its own, and nothing would be left to ask about it with.
    ///
    /// For longer than any call takes; what is admitted after that knows that the organization is closed.
    /// - Returns: Whether all have ended. If not, nothing has changed.
    func closeForErasing(_ organization: OrganizationID) async throws(GatewayError) -> Bool
    /// Erases what no law asks to be kept: secrets, keys, sessions, settings, plugins' data, files, raw callbacks, and
    /// people's names and addresses.
    ///
    /// Transactions, usage, invoices and the audit stay. In slices, so that others are not kept waiting; safe to call again.
    func erase(_ organization: OrganizationID) async throws(GatewayError)
}
