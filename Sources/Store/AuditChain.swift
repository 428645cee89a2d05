import Cryptography
import Gateway

/// An audit line as a row, before it has its place in the chain.
struct AuditLine: Sendable {
    let organization: String
    let fields: [SQLValue]

    /// Lines that belong to no organization stand under this one.
    static let nobody = "00000000-0000-0000-0000-000000000000"

    init(_ record: AuditRecord) {
        organization = record.organization?.description ?? AuditLine.nobody
        fields = [
            .text(record.id.description), .integer(record.at.milliseconds), .text(record.call.description),
            .text(record.subject), .text(record.action), .optional(record.tool), .text(record.door),
            .text(record.outcome.rawValue), .optional(record.code), .optional(record.record?.description),
            .optional(record.environment?.rawValue), .optional(record.address), .optional(record.detail),
        ]
    }

    /// The line's columns, without those of the chain.
    static let columns = """
        audit_id, at_ms, call_id, subject, action, tool, door, outcome, code, record_id, environment, address, detail
        """
}

/// Chains audit lines by their hashes, per organization and writer: a line that is changed, taken out or put in
/// elsewhere breaks every later hash.
///
/// Used by one thread only, the writer's.
final class AuditChain {
    private struct Head {
        var sequence: Int64
        var hash: [UInt8]
    }

    private let writer: String
    private var heads: [String: Head] = [:]
    private let headsMax = 10_000

    init(writer: String) { self.writer = writer }

    /// Forgets what it knows of the last lines, because a transaction did not hold.
    func forget() { heads.removeAll() }

    /// Appends lines in the transaction that is open.
    func append(_ lines: [AuditLine], in session: any SQLSession) throws {
        for line in lines {
            let head = try head(of: line.organization, in: session)
            let sequence = head.sequence + 1
            let hash = AuditChain.hash(
                line.fields,
                organization: line.organization,
                sequence: sequence,
                after: head.hash
            )
            try session.execute(
                """
                INSERT INTO audit (organization_id, writer_id, sequence, previous_hash, hash, \(AuditLine.columns))
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
                """,
                [.text(line.organization), .text(writer), .integer(sequence), .bytes(head.hash), .bytes(hash)]
                    + line.fields
            )
            heads[line.organization] = Head(sequence: sequence, hash: hash)
        }
    }

    private func head(of organization: String, in session: any SQLSession) throws -> Head {
        if let known = heads[organization] { return known }
        if heads.count >= headsMax { heads.removeAll() }
        let stored = try session.first(
            """
            SELECT sequence, hash FROM audit WHERE organization_id = $1 AND writer_id = $2
            ORDER BY sequence DESC LIMIT 1
            """,
            [.text(organization), .text(writer)]
        ) { Head(sequence: $0.integer(0) ?? 0, hash: $0.bytes(1) ?? []) }
        let head = stored ?? Head(sequence: 0, hash: [UInt8](repeating: 0, count: 32))
        heads[organization] = head
        return head
    }

    /// SHA-256 over the previous hash and every field with its length, so that no two rows read alike.
    static func hash(_ fields: [SQLValue], organization: String, sequence: Int64, after previous: [UInt8]) -> [UInt8] {
        var bytes = previous
        for field in [.text(organization), .integer(sequence)] + fields {
            switch field {
            case .null: bytes.append(0)
            case .integer(let integer):
                bytes.append(1)
                bytes.append(contentsOf: "\(integer);".utf8)
            case .text(let text):
                bytes.append(2)
                bytes.append(contentsOf: "\(text.utf8.count):".utf8)
                bytes.append(contentsOf: text.utf8)
            case .bytes(let raw):
                bytes.append(3)
                bytes.append(contentsOf: "\(raw.count):".utf8)
                bytes.append(contentsOf: raw)
            }
        }
        return SHA256.digest(bytes).bytes
    }
}

/// What usage is counted by.
struct UsageLine: Sendable, Hashable {
    let organization: String
    let environment: String
    let tool: String
    let hour: Int64
    let succeeded: Bool

    init(_ record: UsageRecord) {
        organization = record.organization.description
        environment = record.environment.rawValue
        tool = record.tool
        hour = record.hour.milliseconds
        succeeded = record.succeeded
    }

    /// Adds counts to the hours they belong to.
    static func add(_ counts: [UsageLine: Int64], in session: any SQLSession) throws {
        for (line, count) in counts {
            try session.execute(
                """
                INSERT INTO usage (organization_id, environment, tool, hour_ms, succeeded, failed)
                VALUES ($1, $2, $3, $4, $5, $6)
                ON CONFLICT (organization_id, environment, tool, hour_ms) DO UPDATE
                SET succeeded = usage.succeeded + excluded.succeeded, failed = usage.failed + excluded.failed
                """,
                [
                    .text(line.organization), .text(line.environment), .text(line.tool), .integer(line.hour),
                    .integer(line.succeeded ? count : 0), .integer(line.succeeded ? 0 : count),
                ]
            )
        }
    }
}
