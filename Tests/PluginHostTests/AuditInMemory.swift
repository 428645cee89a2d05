import Gateway
import OrderedJSON

/// An audit that forgets with the test, and can be out of reach.
actor AuditInMemory: AuditRepository {
    private(set) var lines: [AuditRecord] = []
    private var isAway = false

    /// Takes nothing from now on, or again.
    func setAway(_ isAway: Bool) { self.isAway = isAway }

    func append(_ records: [AuditRecord], usage: [UsageRecord]) throws(GatewayError) {
        if isAway { throw GatewayError(.unavailable, "The database is away.") }
        lines += records
    }

    nonisolated func enqueue(_ record: AuditRecord, usage: UsageRecord?) throws(GatewayError) {
        throw GatewayError(.notSupported, "What happens to plugins is waited for.")
    }

    func records(
        organization: OrganizationID,
        before: Identifier?,
        limit: Int
    ) -> [AuditRecord] { [] }

    /// Who did what, with one fact of it each.
    func told(_ fact: String) -> [String] {
        lines.map { line in
            let value = (try? JSON(parsing: line.detail ?? ""))?[fact]
            let text = value?.stringValue ?? value?.integerValue.map { "\($0)" } ?? "-"
            return "\(line.subject) \(line.action) \(text)"
        }
    }
}
