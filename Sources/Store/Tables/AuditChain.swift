import Cryptography
import Gateway

/// Chains audit lines by their hashes, per organization and writer: a line that is changed, taken out or put in
/// elsewhere breaks every later hash.
///
/// Used by one thread only, the writer's. Every call writes a line, so a line is put together in one buffer that is
/// used again: the bytes that are hashed are the bytes that are bound.
final class AuditChain {
    fileprivate struct Head {
        var sequence: Int64
        var hash: [UInt8]
    }

    /// Lines that belong to no organization stand under this one.
    static let nobody = AuditRecord.nobody

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
    /// Where chains end, as far as that is durable, or was read: the newest, and those before them.
    private var heads: [OrganizationID: Head] = [:]
    private var olderHeads: [OrganizationID: Head] = [:]
    private let headsMax: Int
    /// Whether the database may hold ends of chains under this name that are not known here.
    private var mayBeStored: Bool
    /// Where chains end that the open transaction has gone on with.
    private var moved: [OrganizationID: Head] = [:]
    /// The buffer that is used again; taken out while a line is put together, so that nothing is checked for sharing.
    private var spare = SQLRowBuffer()

    /// `isNew` says that nobody has written under this name before; `headsMax` ends of chains are kept in memory, and
    /// as many that came before them.
    init(writer: String, isNew: Bool = false, headsMax: Int = 10_000) {
        name = writer
        self.writer = writer
        self.headsMax = headsMax
        mayBeStored = !isNew
    }

    /// What the open transaction has written so far.
    struct Mark { fileprivate let moved: [OrganizationID: Head] }

    var mark: Mark { Mark(moved: moved) }

    /// Forgets what the open transaction has written since, because it was undone.
    func restore(_ mark: Mark) { moved = mark.moved }

    /// Forgets what the open transaction has written, because it did not hold.
    func forget() { moved.removeAll() }

    /// The open transaction is durable.
    func hold() {
        for (organization, head) in moved { remember(head, of: organization) }
        moved.removeAll(keepingCapacity: true)
    }

    /// Goes on as another writer, because a transaction may still hold, or not: whatever becomes of its lines, those
    /// that follow are not chained to them.
    func startAnew() {
        forget()
        heads.removeAll()
        olderHeads.removeAll()
        renamed += 1
        writer = "\(name)-\(renamed)"
    }

    private func remember(_ head: Head, of organization: OrganizationID) {
        if heads.count >= headsMax && heads[organization] == nil {
            // Those who wrote lately stay, and no list of who that was is kept.
            mayBeStored = mayBeStored || !olderHeads.isEmpty
            olderHeads = heads
            heads = [:]
        }
        heads[organization] = head
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
            guard try session.execute(AuditChain.insert, row, presuming: 1) == 1 else { continue }
            added += 1
            current = (organization, Head(sequence: sequence, hash: hash))
        }
        if let current { move(current.organization, to: current.head) }
        return added
    }

    private func move(_ organization: OrganizationID, to head: Head) {
        // Where no line was new, the chain ends where it did.
        let known = moved[organization] ?? heads[organization] ?? olderHeads[organization]
        guard head.sequence > 0, known?.sequence != head.sequence else { return }
        moved[organization] = head
    }

    private static let end = SQLStatement(
        """
        INSERT INTO audit_heads (organization_id, writer_id, sequence, hash) VALUES ($1, $2, $3, $4)
        ON CONFLICT (organization_id, writer_id) DO UPDATE
        SET sequence = excluded.sequence, hash = excluded.hash
        """
    )

    /// Keeps where each chain ends beside it, last in a transaction: the next process goes on from there, and lines
    /// that are cut off at the end are missed.
    func keepHeads(in session: any SQLSession) throws {
        var row = SQLRowBuffer()
        // In order, as everywhere: transactions that lock the same rows must lock them alike.
        for (organization, head) in moved.sorted(by: { $0.key.raw < $1.key.raw }) {
            row.begin()
            row.bind(organization)
            row.bind(writer)
            row.bind(head.sequence)
            row.bind(bytes: head.hash)
            try session.execute(AuditChain.end, row, presuming: nil)
        }
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
        if let known = moved[organization] ?? heads[organization] ?? olderHeads[organization] { return known }
        let none = Head(sequence: 0, hash: [UInt8](repeating: 0, count: 32))
        guard mayBeStored else { return none }
        let stored = try session.first(
            "SELECT sequence, hash FROM audit_heads WHERE organization_id = $1 AND writer_id = $2",
            [.text(organization.description), .text(writer)]
        ) { Head(sequence: $0.integer(0) ?? 0, hash: $0.bytes(1) ?? []) }
        if let stored { remember(stored, of: organization) }
        return stored ?? none
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
        var row = SQLRowBuffer()
        let lines = Array(self)
        // Their places are put in order, not the records, which are large.
        for place in lines.indices.sorted(by: { lines[$0].key.stands(before: lines[$1].key) }) {
            let (line, count) = lines[place]
            row.begin()
            row.bind(line.organization)
            row.bind(line.hour.milliseconds)
            row.bind(line.environment.rawValue)
            row.bind(line.tool)
            row.bind(line.counted)
            row.bind(line.subject)
            row.bind(line.caller?.rawValue ?? "")
            row.bind(line.account?.description ?? "")
            let units = line.isTakenBack ? -count : count
            row.bind(line.succeeded ? units : 0)
            row.bind(line.succeeded ? 0 : units)
            try session.execute(UsageStatements.addition, row, presuming: nil)
        }
    }
}

private enum UsageStatements {
    static let addition = SQLStatement(
        """
        INSERT INTO usage
            (organization_id, hour_ms, environment, tool, counted, subject, caller, account, succeeded, failed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (organization_id, hour_ms, environment, tool, counted, subject, caller, account) DO UPDATE
        SET succeeded = usage.succeeded + excluded.succeeded, failed = usage.failed + excluded.failed
        """
    )
}

extension UsageRecord {
    /// Where its row stands among others, and then which of its columns it counts in.
    fileprivate func stands(before other: UsageRecord) -> Bool {
        if organization != other.organization { return organization.raw < other.organization.raw }
        if hour != other.hour { return hour < other.hour }
        if environment != other.environment { return environment.rawValue < other.environment.rawValue }
        if tool != other.tool { return tool < other.tool }
        if counted != other.counted { return counted < other.counted }
        if subject != other.subject { return subject < other.subject }
        if caller != other.caller { return (caller?.rawValue ?? "") < (other.caller?.rawValue ?? "") }
        if account != other.account { return (account?.description ?? "") < (other.account?.description ?? "") }
        return (succeeded ? 0 : 1, isTakenBack ? 1 : 0) < (other.succeeded ? 0 : 1, other.isTakenBack ? 1 : 0)
    }
}
