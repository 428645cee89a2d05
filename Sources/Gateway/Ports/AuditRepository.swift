/// The audit and usage, append only.
package protocol AuditRepository: Sendable {
    /// Appends lines and returns once they are durable.
    func append(_ records: [AuditRecord], usage: [UsageRecord]) async throws(GatewayError)

    /// Hands lines to the writer and returns at once; for calls that move nothing.
    /// - Throws: `unavailable` when the writer's queue is full: better to refuse a call than to leave it out.
    func enqueue(_ record: AuditRecord, usage: UsageRecord?) throws(GatewayError)

    /// The organization's lines, newest first.
    func records(
        organization: OrganizationID,
        before: Identifier?,
        limit: Int
    ) async throws(GatewayError) -> [AuditRecord]
}
