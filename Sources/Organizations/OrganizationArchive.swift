import Gateway
import OrderedJSON

/// Writes everything that an organization owns as one archive, while it is read: a page at a time, asked before each
/// whether it may go on.
///
///     records/000001.jsonl     a line of JSON a row, about a megabyte a member; one folder for each part
///     files/ID                 what plugins made for it, as exports/ names it
///     audit/000001.jsonl       the lines of its audit, as audit.export has them, where its plan has that
///     manifest.json            how many rows each part has, and up to which line of each chain the audit goes: the last
///                              member, so that what was cut off has none
///
/// What is ordered by time ends where it ended when the archive was begun: a busy organization makes more than a slow reader
/// takes.
struct OrganizationArchive: Sendable {
    /// How large a member gets before the next is begun: what is held in memory at once, with one page more.
    static let memberBytesMax = 1 << 20
    /// How many rows a question reads.
    static let pageMax = 200

    let data: any OwnedDataRepository
    /// Where the audit is read; nil where it is left out.
    let audit: (any AuditReading)?
    let use: Action.Use
    let now: Timestamp

    /// Writes the named parts, or all.
    ///
    /// - Returns: How many rows each part has.
    func write(
        _ parts: [String],
        to write: FileStream.Write
    ) async throws(GatewayError) -> [(part: String, rows: Int)] {
        var counts: [(part: String, rows: Int)] = []
        let pages = parts.contains(Self.audit) ? audit.map { AuditPages(reading: $0, use: use) } : nil
        let end = try await pages?.end(at: now)
        for part in parts where part != Self.audit { counts.append((part, try await self.write(part, write))) }
        if let pages, let end { counts.append((Self.audit, try await writeAudit(pages, until: end, to: write))) }
        try await use.mayGoOn()
        var manifest: JSONObject = [
            "organization_id": .string(use.principal.organization.description),
            "slug": .string(use.membership.organization.slug), "at": .string(now.description),
            "rows": .object(JSONObject(counts.map { ($0.part, .integer(Int64($0.rows))) })),
        ]
        manifest["audit_ends"] = end.map { AuditPages.ends($0) }
        try await write(TarArchive.member("manifest.json", JSON.object(manifest).bytes, at: now) + TarArchive.end)
        return counts
    }

    /// The part that is no table of the organization's own.
    static let audit = "audit"

    private func write(_ part: String, _ write: FileStream.Write) async throws(GatewayError) -> Int {
        var members = Members(part, at: now)
        var place: [String]?
        repeat {
            try await use.mayGoOn()
            let page = try await data.owned(
                part,
                of: use.principal.organization,
                after: place,
                until: now,
                limit: Self.pageMax
            )
            for row in page.rows {
                if let member = members.add(row) { try await write(member) }
                if part == "exports" { try await writeFile(row, to: write) }
            }
            place = page.next
        } while place != nil
        if let member = members.rest() { try await write(member) }
        return members.rows
    }

    private func writeAudit(
        _ pages: AuditPages,
        until end: AuditPages.End,
        to write: FileStream.Write
    ) async throws(GatewayError) -> Int {
        var members = Members(Self.audit, at: now)
        try await pages.forEach(until: end) { line throws(GatewayError) in
            if let member = members.add(line) { try await write(member) }
        }
        if let member = members.rest() { try await write(member) }
        return members.rows
    }

    /// What a plugin made, whole: part by part, each at most as large as a plugin may append at once.
    private func writeFile(_ row: String, to write: FileStream.Write) async throws(GatewayError) {
        guard let export = try? JSON(parsing: row), let id = export["export_id"]?.stringValue,
            let bytes = export["bytes"]?.integerValue, let parts = export["parts"]?.integerValue,
            export["closed"] == 1, let expires = export["expires_at"]?.integerValue, expires > now.milliseconds
        else { return }
        try await write(TarArchive.header("files/" + id, bytes: Int(bytes), at: now))
        var written = 0
        for part in 0..<Int(parts) {
            try await use.mayGoOn()
            guard let piece = try await data.ownedFile(id, part: part, of: use.principal.organization) else { break }
            written += piece.count
            try await write(piece)
        }
        guard written == Int(bytes) else {
            throw GatewayError(.conflict, "The file \(id) expired while it was being saved. Begin again.")
        }
        try await write(TarArchive.padding(after: written))
    }

    /// Gathers lines into members.
    private struct Members {
        private let part: String
        private let moment: Timestamp
        private var bytes: [UInt8] = []
        private var count = 0
        private(set) var rows = 0

        init(_ part: String, at moment: Timestamp) {
            self.part = part
            self.moment = moment
        }

        /// Adds a line; answers a member once one is full.
        mutating func add(_ line: String) -> [UInt8]? {
            bytes.append(contentsOf: line.utf8)
            bytes.append(UInt8(ascii: "\n"))
            rows += 1
            return bytes.count < OrganizationArchive.memberBytesMax ? nil : rest()
        }

        /// What has been gathered; nil when that is nothing.
        mutating func rest() -> [UInt8]? {
            guard !bytes.isEmpty else { return nil }
            count += 1
            defer { bytes = [] }
            let number = String(count)
            let name = String(repeating: "0", count: max(0, 6 - number.utf8.count)) + number
            return TarArchive.member("\(part)/\(name).jsonl", bytes, at: moment)
        }
    }
}
