import Cryptography
import Gateway

/// Chains audit lines by their hashes, per organization and writer: a line that is changed, taken out or put in
/// elsewhere breaks every later hash.
///
/// Used by one thread only, the writer's. Every call writes a line, so a line is put together in one buffer that is
/// used again: the bytes that are hashed are the bytes that are bound.
final class AuditChain {
    private struct Head {
        var sequence: Int64
        var hash: [UInt8]
    }

    /// Lines that belong to no organization stand under this one.
    static let nobody = OrganizationID(Identifier(high: 0, low: 0))

    /// The line's columns, without those of the chain.
    static let columns = """
        audit_id, at_ms, call_id, subject, action, tool, door, outcome, code, record_id, environment, address, detail
        """

    private static let insert = SQLStatement(
        """
        INSERT INTO audit (organization_id, writer_id, sequence, previous_hash, hash, \(columns))
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
        ON CONFLICT DO NOTHING
        """
    )

    private let name: String
    private var renamed = 0
    private var writer: String
    private var heads: [OrganizationID: Head] = [:]
    private var moved: Set<OrganizationID> = []
    private let headsMax = 10_000
    /// The buffer that is used again; taken out while a line is put together, so that nothing is checked for sharing.
    private var spare = SQLRowBuffer()

    init(writer: String) {
        name = writer
        self.writer = writer
    }

    /// Forgets what it knows of the last lines, because a transaction did not hold.
    func forget() {
        heads.removeAll()
        moved.removeAll()
    }

    /// Goes on as another writer, because a transaction may still hold, or not: whatever becomes of its lines, those
    /// that follow are not chained to them.
    func startAnew() {
        forget()
        renamed += 1
        writer = "\(name)-\(renamed)"
    }

    /// Appends lines in the transaction that is open; a line that is there already is left as it is.
    ///
    /// - Returns: How many were new.
    @discardableResult
    func append(_ lines: [AuditRecord], in session: any SQLSession) throws -> Int {
        var added = 0
        var row = spare
        spare = SQLRowBuffer()
        defer { spare = row }
        // Lines of one organization often follow each other: its head is put back when another's turn comes.
        var current: (organization: OrganizationID, head: Head)?
        for line in lines {
            let organization = line.organization ?? AuditChain.nobody
            if current?.organization != organization {
                if let current { move(current.organization, to: current.head) }
                current = (organization, try head(of: organization, in: session))
            }
            guard let head = current?.head else { continue }
            let sequence = head.sequence + 1
            let hash = AuditChain.hash(line, organization, sequence, after: head.hash, in: &row)
            row.place(writer, at: 1)
            row.place(head.hash, at: 3)
            row.place(hash, at: 4)
            guard try session.execute(AuditChain.insert, row) == 1 else { continue }
            added += 1
            current = (organization, Head(sequence: sequence, hash: hash))
        }
        if let current { move(current.organization, to: current.head) }
        try keepHeads(in: session)
        return added
    }

    private func move(_ organization: OrganizationID, to head: Head) {
        // Where no line was new, the chain ends where it did.
        guard head.sequence > 0, heads[organization]?.sequence != head.sequence else { return }
        heads[organization] = head
        moved.insert(organization)
    }

    /// Keeps where each chain ends beside it: the next process goes on from there, and lines that are cut off at the
    /// end are missed.
    private func keepHeads(in session: any SQLSession) throws {
        // In order, as everywhere: transactions that lock the same rows must lock them alike.
        for organization in moved.sorted(by: { $0.raw < $1.raw }) {
            guard let head = heads[organization] else { continue }
            try session.execute(
                """
                INSERT INTO audit_heads (organization_id, writer_id, sequence, hash) VALUES ($1, $2, $3, $4)
                ON CONFLICT (organization_id, writer_id) DO UPDATE
                SET sequence = excluded.sequence, hash = excluded.hash
                """,
                [.text(organization.description), .text(writer), .integer(head.sequence), .bytes(head.hash)]
            )
        }
        moved.removeAll(keepingCapacity: true)
    }

    /// Fills the row's fields in the order of their columns and hashes the previous hash and all of them, but for the
    /// chain's own, each with its kind and length, so that no two rows read alike.
    private static func hash(
        _ line: AuditRecord,
        _ organization: OrganizationID,
        _ sequence: Int64,
        after previous: [UInt8],
        in row: inout SQLRowBuffer
    ) -> [UInt8] {
        row.begin(with: previous)
        row.append(organization.raw)
        row.skip()
        row.append(sequence)
        row.skip()
        row.skip()
        row.append(line.id)
        row.append(line.at.milliseconds)
        row.append(line.call.raw)
        row.append(line.subject)
        row.append(line.action)
        row.append(line.tool)
        row.append(line.door)
        row.append(line.outcome.rawValue)
        row.append(line.code)
        if let record = line.record { row.append(record.raw) } else { row.appendNull() }
        row.append(line.environment?.rawValue)
        row.append(line.address)
        row.append(line.detail)
        return SHA256.digest(row.bytes).bytes
    }

    private func head(of organization: OrganizationID, in session: any SQLSession) throws -> Head {
        if let known = heads[organization] { return known }
        if heads.count >= headsMax {
            try keepHeads(in: session)
            heads.removeAll()
        }
        let stored = try session.first(
            "SELECT sequence, hash FROM audit_heads WHERE organization_id = $1 AND writer_id = $2",
            [.text(organization.description), .text(writer)]
        ) { Head(sequence: $0.integer(0) ?? 0, hash: $0.bytes(1) ?? []) }
        let head = stored ?? Head(sequence: 0, hash: [UInt8](repeating: 0, count: 32))
        heads[organization] = head
        return head
    }

    /// The hash that a stored line must have, from its fields as they were read; written apart from `append`, so that
    /// each proves the other.
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

extension [UsageRecord: Int64] {
    /// Adds the counts to the hours they belong to.
    ///
    /// In the order of their keys: two transactions that lock the same rows in different orders wait for each other.
    func add(in session: any SQLSession) throws {
        for (line, count) in sorted(by: { $0.key.place < $1.key.place }) {
            try session.execute(
                """
                INSERT INTO usage (organization_id, environment, tool, hour_ms, succeeded, failed)
                VALUES ($1, $2, $3, $4, $5, $6)
                ON CONFLICT (organization_id, environment, tool, hour_ms) DO UPDATE
                SET succeeded = usage.succeeded + excluded.succeeded, failed = usage.failed + excluded.failed
                """,
                [
                    .text(line.organization.description), .text(line.environment.rawValue), .text(line.tool),
                    .integer(line.hour.milliseconds), .integer(line.succeeded ? count : 0),
                    .integer(line.succeeded ? 0 : count),
                ]
            )
        }
    }
}

extension UsageRecord {
    /// Where its row stands among others, and then which of its columns it counts in.
    fileprivate var place: (String, String, String, Int64, Int) {
        (organization.description, environment.rawValue, tool, hour.milliseconds, succeeded ? 0 : 1)
    }
}
