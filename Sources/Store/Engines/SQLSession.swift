import Gateway

/// A value that both engines know.
package enum SQLValue: Equatable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])

    /// Text, or null.
    static func optional(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }
    /// A number, or null.
    static func optional(_ integer: Int64?) -> SQLValue { integer.map { .integer($0) } ?? .null }
    /// A truth value as 0 or 1.
    static func flag(_ value: Bool) -> SQLValue { .integer(value ? 1 : 0) }
}

/// One row while it is being read; columns count from 0.
///
/// Only valid within the closure that is given it.
package protocol SQLRow {
    func integer(_ column: Int) -> Int64?
    func text(_ column: Int) -> String?
    func bytes(_ column: Int) -> [UInt8]?
    /// Whether a column of numbers holds one, or nothing: an engine may keep what is damaged under the type of a number.
    func isWhole(_ column: Int) -> Bool
}

/// Why the engine refused.
struct SQLError: Error, Sendable {
    /// What the engine said; holds no values.
    let message: String
    /// Whether the whole transaction may simply be tried again.
    var isTransient = false
    /// Whether a unique key was violated.
    var isUniqueViolation = false
    /// Whether the engine cannot serve now: it is away, stuck, full or read-only, whatever it is asked.
    var isAway = false
    /// Whether the connection is gone; a transaction whose COMMIT had not been sent then did not happen.
    var isLost = false
    /// Whether the transaction may have become durable, or may still do so.
    var isOutcomeUnknown = false

    /// Whether the transaction did not happen, and may happen when it is simply run again at once.
    var isWorthAnotherTry: Bool { (isLost || isTransient && !isAway) && !isOutcomeUnknown }

    /// U+0000, which ends a text for one engine and is a character to the other.
    static let nullCharacter = GatewayError(
        .invalidArgument,
        "A text holds the character U+0000, which is not kept. Leave it out."
    )
}

/// A transaction in progress, on the thread that owns the connection.
///
/// Placeholders are `$1`, `$2` … in both engines.
protocol SQLSession: AnyObject {
    /// Runs a statement; answers how many rows it changed.
    @discardableResult
    func execute(_ sql: String, _ values: [SQLValue]) throws -> Int
    /// Runs a statement on a row that stands in one buffer; answers how many rows it changed.
    @discardableResult
    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Int
    /// Runs a question and reads its rows.
    func query<Element>(_ sql: String, _ values: [SQLValue], _ read: (any SQLRow) throws -> Element) throws -> [Element]
    /// Runs a statement that nearly always changes so many rows, or whose rows nobody counts (nil); answers how many it
    /// changed, or is presumed to change: see `WriteEngine`.
    @discardableResult
    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer, presuming count: Int?) throws -> Int
    /// Whether a question has no rows, as it nearly always has; it may be presumed.
    func findsNothing(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Bool
}

extension SQLSession {
    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Int {
        try execute(statement.text, row.values)
    }

    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer, presuming count: Int?) throws -> Int {
        try execute(statement, row)
    }

    func findsNothing(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Bool {
        try query(statement.text, row.values) { _ in }.isEmpty
    }

    /// The first row of a question's answer.
    func first<Element>(
        _ sql: String,
        _ values: [SQLValue],
        _ read: (any SQLRow) throws -> Element
    ) throws -> Element? {
        try query(sql, values, read).first
    }
}

/// A transaction that writes, with the audit lines, usage and events that its commit takes along.
final class WriteSession {
    private(set) var sql: any SQLSession
    private(set) var audit: [AuditRecord] = []
    private(set) var usage: [UsageRecord: Int64] = [:]
    private(set) var told: [FeedEvent] = []
    private let scratch: SQLRowScratch

    /// `scratch` is the thread's own, used again by each of its transactions.
    init(_ sql: any SQLSession, scratch: SQLRowScratch = SQLRowScratch()) {
        self.sql = sql
        self.scratch = scratch
    }

    /// Runs a statement on the values that `fill` binds, in the placeholders' order; answers how many rows it changed.
    @discardableResult
    func execute(_ statement: SQLStatement, _ fill: (inout SQLRowBuffer) -> Void) throws -> Int {
        try sql.execute(statement, filled(by: fill))
    }

    /// The same for a statement that nearly always changes so many rows; a job that says so costs no journey to the
    /// engine, and is run again where it was not so.
    func execute(
        _ statement: SQLStatement,
        presuming count: Int,
        _ fill: (inout SQLRowBuffer) -> Void
    ) throws -> Int {
        try sql.execute(statement, filled(by: fill), presuming: count)
    }

    /// The same for a statement of which nobody counts the rows.
    func send(_ statement: SQLStatement, _ fill: (inout SQLRowBuffer) -> Void) throws {
        try sql.execute(statement, filled(by: fill), presuming: nil)
    }

    /// Whether a question has no rows, as it nearly always has.
    func findsNothing(_ statement: SQLStatement, _ fill: (inout SQLRowBuffer) -> Void) throws -> Bool {
        try sql.findsNothing(statement, filled(by: fill))
    }

    private func filled(by fill: (inout SQLRowBuffer) -> Void) -> SQLRowBuffer {
        scratch.row.begin()
        fill(&scratch.row)
        return scratch.row
    }

    /// Counts the statements from here on.
    func count(into counts: StatementCounts) { sql = counts.counting(sql) }

    func add(_ lines: [AuditRecord]) { audit.append(contentsOf: lines) }

    func tell(_ events: [FeedEvent]) { told.append(contentsOf: events) }

    func add(_ line: UsageRecord) { usage[line, default: 0] += 1 }
}

/// The words in which the engines' DDL differs.
struct SQLWords: Sendable, Equatable {
    /// The type of a column of bytes.
    let bytes: String
    /// What keeps a table's rows in its key's own tree.
    let clustered: String
    /// The aggregate that joins texts.
    let joined: String
    /// The function that writes a value as JSON.
    let json: String
    /// The type of a JSON text whose members are read.
    let document: String
    /// What makes a question go by an index, before its name; empty where the engine's statistics see to that.
    let indexed: String

    static let sqlite = SQLWords(
        bytes: "BLOB",
        clustered: "WITHOUT ROWID",
        joined: "group_concat",
        json: "json_quote",
        document: "TEXT",
        indexed: " INDEXED BY "
    )
    static let postgres = SQLWords(
        bytes: "BYTEA",
        clustered: "",
        joined: "string_agg",
        json: "to_json",
        document: "JSON",
        indexed: ""
    )

    /// What stands after a table's name where a question goes by this index.
    func index(_ name: String) -> String { indexed.isEmpty ? "" : indexed + name }

    /// A statement with its `{words}` filled in.
    func filled(into statement: String) -> String {
        [
            ("{bytes}", bytes), ("{clustered}", clustered), ("{joined}", joined), ("{json}", json),
            ("{document}", document),
        ]
        .reduce(statement) { text, word in
            text.split(separator: word.0, omittingEmptySubsequences: false).joined(separator: word.1)
        }
    }
}
