import Cryptography

/// The schema's history.
///
/// A migration that has been released is never changed; its checksum is kept to prove it.
///
/// One text for every engine; they differ in two words: `{bytes}`, and `{clustered}`, by which SQLite keeps a table's
/// rows in its key's own tree, so that a row is one page to write instead of two. The organization leads every key, so
/// that the tables can be distributed by it.
enum Migrations {
    static let all: [[String]] = [
        first, plugins, pluginData, clustered, probation, wholeRecords, endsAndReceipts, people, lists,
        administration, usage, factors, changes, accounts, places, refreshes, callers, held, feed, reports, sought,
        settling, moneyCounts, uncounted, batches, told, batchTurns, compared, webhooks, issuers,
        stoppedReplays, tasks, feedColumns, keptOnce, batchItems, doubts, agents, batchRetries, strikes,
    ]

    /// Brings the schema up to date, or, for tests, up to an older number.
    static func run(on database: Database, upTo newest: Int = all.count) async throws {
        let words = database.words
        try await database.write(within: nil) { session in
            let sql = session.sql
            try sql.execute(
                "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, checksum TEXT NOT NULL)",
                []
            )
            let done = try sql.query("SELECT number, checksum FROM migrations ORDER BY number", []) { row in
                (Int(row.integer(0) ?? 0), row.text(1) ?? "")
            }
            if let last = done.last?.0, last > all.count {
                throw SQLError(
                    message: "the database has schema \(last), this gateway knows \(all.count): run a newer gateway"
                )
            }
            for (number, checksum) in done where checksum != self.checksum(all[number - 1]) {
                throw SQLError(message: "migration \(number) is not the one that this database was made with")
            }
            for (index, statements) in all.prefix(newest).enumerated().dropFirst(done.count) {
                for statement in statements {
                    try sql.execute(words.filled(into: statement), [])
                }
                try sql.execute(
                    "INSERT INTO migrations (number, checksum) VALUES ($1, $2)",
                    [.integer(Int64(index + 1)), .text(self.checksum(statements))]
                )
            }
        }
    }

    private static func checksum(_ statements: [String]) -> String {
        SHA256.digest(Array(statements.joined(separator: ";").utf8)).hexadecimal
    }
}
