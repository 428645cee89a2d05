/// The audit, searched and handed out.
package protocol AuditReading: Sendable {
    /// A page of an organization's lines, newest first.
    func page(_ filter: AuditFilter, organization: OrganizationID) async throws(GatewayError) -> AuditPage
    /// How often each action was done since a moment, of at most so many lines.
    func counts(
        since moment: Timestamp,
        organization: OrganizationID,
        linesMax: Int
    ) async throws(GatewayError) -> [AuditCount]
    /// Lines of one writer's chain as a file has them, in its order, each a JSON document that proves itself: those
    /// behind a number, up to a head.
    func lines(
        of organization: OrganizationID,
        after sequence: Int64,
        through head: AuditHead,
        limit: Int
    ) async throws(GatewayError) -> [String]
    /// How far each writer's chain had come by a line: of its own chain exactly, of others as their lines' ids tell.
    ///
    /// Nil when there is no such line.
    func places(of line: Identifier, organization: OrganizationID) async throws(GatewayError) -> [String: Int64]?
    /// Where each writer's chain of an organization ends now.
    func heads(organization: OrganizationID) async throws(GatewayError) -> [AuditHead]
}

/// Which lines of the audit are wanted.
package struct AuditFilter: Sendable {
    /// By this subject.
    package var subject: String?
    /// One of these actions; none for any.
    package var actions: [String] = []
    /// Of this outcome.
    package var outcome: AuditRecord.Outcome?
    /// Of this tool.
    package var tool: String?
    /// Written then or later.
    package var from: Timestamp?
    /// Written before that.
    package var until: Timestamp?
    /// Older than the line with this id.
    package var before: Identifier?
    /// So many of those that match are left out.
    package var offset = 0
    /// At most so many.
    package var limit: Int

    /// All lines.
    package init(limit: Int) { self.limit = limit }
}

/// A page of the audit.
package struct AuditPage: Sendable {
    /// What it holds, newest first.
    package let lines: [AuditRecord]
    /// What the next page is asked for as `before`; nil when there is none.
    package let next: Identifier?

    /// Gathers them.
    package init(lines: [AuditRecord], next: Identifier?) {
        self.lines = lines
        self.next = next
    }
}

/// How often an action was done.
package struct AuditCount: Sendable, Equatable {
    /// The audit's word for it.
    package let action: String
    /// What came of it.
    package let outcome: AuditRecord.Outcome
    /// How often.
    package let count: Int64

    /// States it.
    package init(action: String, outcome: AuditRecord.Outcome, count: Int64) {
        self.action = action
        self.outcome = outcome
        self.count = count
    }
}

/// What a file of the audit begins with: one line of JSON, an object of this one member, that is no line of the audit.
///
/// It says where the file begins (`after`), where each chain ended when it was begun (`ends`), and whether it was to have
/// fewer lines (`limit`). Nobody has signed it: it tells a file that broke off from a whole one, and signed heads tell the rest.
package enum AuditExport {
    /// The member.
    package static let member = "audit_export"
}

/// Where a chain ends.
package struct AuditHead: Sendable, Equatable {
    /// Whose chain.
    package let writer: String
    /// The number of its last line.
    package let sequence: Int64
    /// That line's hash, in hexadecimal.
    package let hash: String

    /// States it.
    package init(writer: String, sequence: Int64, hash: String) {
        self.writer = writer
        self.sequence = sequence
        self.hash = hash
    }
}
