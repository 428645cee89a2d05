import Foundation
import Testing

/// What every SQL statement of the store keeps, so that its tables can be distributed by their organization.
struct `A statement` {
    /// Tables that are no organization's.
    static let common: Set<String> = [
        "configuration", "feed_cursors", "host_lease", "host_probe", "information_schema", "migrations", "plans",
        "plugin_binaries",
        "plugin_versions",
        "plugins",
    ]

    /// Statements that name no organization, each by a part of it, and why.
    static let exceptions: [(part: String, reason: String)] = [
        ("FROM callbacks WHERE ended", "the inbox's, for every organization"),
        ("FROM plugin_timers WHERE due_at <= $1", "the timers', for every organization"),
        ("FROM tasks WHERE due_ms <= $1", "the tasks', for every organization"),
        ("FROM tasks WHERE expires_ms <= $1", "forgets what has expired, for every organization"),
        ("UPDATE tasks SET due_ms = due_ms", "a clock that was set back, for every organization"),
        ("FROM guards WHERE guard_key LIKE $1", "holds, when the store is opened, for every organization"),
        ("FROM exports WHERE expires_at <= $1", "the timers', for every organization"),
        ("WHERE \\(RecordCoding.isWaiting) AND state = $1", "what a restart settles, for every organization"),
        ("UPDATE batches SET \\(column) = \\(column)", "a clock that was set back, for every organization"),
        ("WHERE \\(condition) AND next_action_ms <= $1", "the sweeper's, for every organization"),
        ("WHERE \\(condition) AND next_action_ms > $2", "a clock that was set back, for every organization"),
        ("WHERE \\(condition) AND \\(column) > $2", "a clock that was set back, for every organization"),
        ("UPDATE plugin_timers SET due_at = due_at", "a clock that was set back, for every organization"),
        ("UPDATE webhook_deliveries SET due_ms = due_ms", "a clock that was set back, for every organization"),
        ("UPDATE webhook_progress SET paused_until_ms", "a clock that was set back, for every organization"),
        ("UPDATE callbacks SET received_ms", "a clock that was set back, for every organization"),
        ("WHERE \\(RecordCoding.isWaiting) AND updated_ms > $1", "where the clock was, for every organization"),
        ("FROM known_places WHERE seen_ms > $1", "who is known where, when a host starts, for every organization"),
        ("FROM answers WHERE expires_ms <= $1", "forgets what has expired, for every organization"),
        ("FROM logins JOIN users", "a log-in that names no organization"),
        ("WHERE \\(condition) AND plugin = $", "counts what is open, for every organization"),
        ("WHERE \\($0) GROUP BY plugin", "counts what is open, for every organization"),
        ("FROM feed WHERE lane = $1", "the feed's, whose readers read for every organization"),
        ("FROM balances WHERE at_ms < $1", "forgets what is old, for every organization"),
        ("FROM reports WHERE \\(condition) LIMIT $2", "forgets what has expired, for every organization's reports"),
        ("DELETE FROM rollups", "sums that are counted anew, for every organization"),
        ("WHERE \\(range) AND \\(hasEnded)", "a walk over all claims; its range begins with the organization"),
        ("WHERE \\(clauses.joined(separator: \" AND \"))", "the first of its clauses names the organization"),
        ("WHERE master_key_id <> $1", "data keys that an older master key wraps, of every organization"),
        ("(e.organization_id, e.endpoint_id) > ($1, $2)", "who is sent events, of every organization"),
        ("FROM webhook_replays WHERE ended_ms IS NULL ORDER", "what is asked for once more, of every organization"),
        ("FROM webhook_deliveries WHERE at_ms < $1 ORDER", "forgets what is old, for every organization"),
        ("WHERE ended_ms IS NOT NULL AND ended_ms < $1", "forgets what is old, for every organization"),
        ("FROM configuration_changes", "whose configuration was changed, for caches of every organization"),
        ("WHERE slug", "finds the organization, or lists all for operators"),
        ("FROM organizations", "its clause is a text of its own"),
        ("SELECT \\(DirectoryCoding.userColumns) FROM users", "its clause is a text of its own"),
        ("SELECT \\(DirectoryCoding.keyColumns) FROM api_keys", "its clause is a text of its own"),
    ]

    /// Interpolations that name the organization.
    static let names = [
        "organization_id", "\\(Store.itemPlace)", "\\(itemPlace)", "INSERT INTO records (\\(RecordCoding.columns)",
        "INSERT INTO reports (\\(Store.reportColumns)",
        "INSERT INTO batches (\\(BatchCoding.columns)",
        "INSERT INTO webhook_deliveries (\\(WebhookCoding.deliveryColumns)",
        "INSERT INTO webhook_replays (\\(WebhookCoding.replayColumns)",
        "INSERT INTO users (\\(DirectoryCoding.userColumns)", "INSERT INTO api_keys (\\(DirectoryCoding.keyColumns)",
    ]

    static var statements: [(path: String, text: String)] {
        `The house`.files(in: ["Sources/Store"], ending: [".swift"])
            .filter { !$0.path.contains("/Migrations") }
            .flatMap { file in
                literals(in: file.lines.joined(separator: "\n")).filter(isStatement).map { (file.path, $0) }
            }
    }

    @Test func `inserts what it is given, and asks nothing meanwhile`() {
        let all = Self.statements

        #expect(all.count > 80)
        for (path, text) in all { #expect(!Self.hasSubqueryInInsert(text), "\(path): \(text)") }
        #expect(
            Self.hasSubqueryInInsert(
                "INSERT INTO a VALUES ($1) ON CONFLICT DO UPDATE SET b = 1 WHERE EXISTS (SELECT 1)"
            )
        )
    }

    /// SQLite counts `$2` as the second name that it meets, whatever number it bears.
    @Test func `meets its parameters in the order of their numbers`() throws {
        let parameter = /\$([0-9]+)/
        func isInOrder(_ text: String) -> Bool {
            var highest = 0
            // What an interpolation holds may bring parameters of its own.
            for part in text.split(separator: "\\(") {
                var isFirst = true
                for number in part.matches(of: parameter).compactMap({ Int($0.1) }) {
                    if !isFirst, number > highest + 1 { return false }
                    highest = max(highest, number)
                    isFirst = false
                }
            }
            return true
        }

        for (path, text) in Self.statements { #expect(isInOrder(text), "\(path): \(text)") }
        #expect(!isInOrder("UPDATE a SET b = b - $1 WHERE c = $3 AND d > $2"))
        #expect(isInOrder("UPDATE a SET b = $1 WHERE c = $2 AND d > $1"))
    }

    @Test func `names its organization, or stands on the list with its reason`() {
        let all = Self.statements

        for (path, text) in all {
            #expect(Self.namesOrganization(text) || Self.exception(for: text) != nil, "\(path): \(text)")
        }
        for exception in Self.exceptions {
            #expect(all.contains { Self.exception(for: $0.text) == exception.reason }, "nothing is \(exception.part)")
        }
        #expect(!Self.namesOrganization("SELECT organization_id FROM records WHERE state = $1"))
        #expect(!Self.namesOrganization("UPDATE plans SET a = 1 FROM records WHERE b = 2"))
        #expect(Self.exception(for: "DELETE FROM records") == nil)
    }

    // MARK: Reading

    static func isStatement(_ text: String) -> Bool {
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "WHERE "].contains { text.hasPrefix($0) }
    }

    static func hasSubqueryInInsert(_ text: String) -> Bool { text.hasPrefix("INSERT") && text.contains("SELECT") }

    static func exception(for text: String) -> String? { exceptions.first { text.contains($0.part) }?.reason }

    static func namesOrganization(_ text: String) -> Bool {
        let tables = text.matches(of: /(?:FROM|INTO|JOIN|^UPDATE) ([a-z_]+)/).map { String($0.output.1) }
        if !tables.isEmpty && common.isSuperset(of: tables) { return true }
        // What is only shown keeps nobody's rows apart.
        let start = text.hasPrefix("INSERT") ? text.startIndex : text.range(of: "WHERE")?.upperBound ?? text.endIndex
        return names.contains { text[start...].contains($0) }
    }

    /// The text literals of a source, white space as one space.
    static func literals(in source: String) -> [String] {
        var found: [String] = []
        var rest = Substring(source)
        while let start = rest.firstIndex(where: { $0 == "\"" || $0 == "/" }) {
            rest = rest[start...]
            if rest.hasPrefix("//") {
                rest = rest[(rest.firstIndex(of: "\n") ?? rest.endIndex)...]
            } else if rest.hasPrefix("\"\"\"") {
                let body = rest.dropFirst(3)
                let end = body.range(of: "\"\"\"")?.lowerBound ?? body.endIndex
                found.append(String(body[..<end]))
                rest = body[end...].dropFirst(3)
            } else if rest.hasPrefix("\"") {
                let body = rest.dropFirst()
                let end = endOfLiteral(body)
                found.append(String(body[..<end]))
                rest = body[end...].dropFirst()
            } else {
                rest = rest.dropFirst()
            }
        }
        return found.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    }

    /// Where a literal of one line ends; quotation marks within its interpolations do not end it.
    private static func endOfLiteral(_ body: Substring) -> Substring.Index {
        var depth = 0
        var index = body.startIndex
        while index < body.endIndex {
            let next = body.index(after: index)
            switch body[index] {
            case "\\" where next < body.endIndex:
                if body[next] == "(" { depth += 1 }
                index = body.index(after: next)
                continue
            case "(" where depth > 0: depth += 1
            case ")" where depth > 0: depth -= 1
            case "\"" where depth == 0: return index
            default: break
            }
            index = next
        }
        return index
    }
}
