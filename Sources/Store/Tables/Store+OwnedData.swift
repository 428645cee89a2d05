import Cryptography
import Gateway
import OrderedJSON

extension Store: OwnedDataRepository {
    /// A table as it is handed out: what orders its rows within an organization, and what is shown of them.
    private struct Part {
        let name: String
        let key: [String]
        let shown: [String]
        /// Whether its key is an id that begins with the time.
        let isByTime: Bool
        /// How many rows a page has at most, whoever asks: those of large bodies are in memory together.
        let rowsMax: Int

        init(
            _ name: String,
            key: [String],
            _ shown: [String] = [],
            isByTime: Bool = false,
            rowsMax: Int = .max
        ) {
            self.name = name
            self.key = key
            self.shown = shown
            self.isByTime = isByTime
            self.rowsMax = rowsMax
        }

        var columns: [String] { key + shown }
    }

    /// Passwords, secrets and their hashes are nobody's to have; the audit has a file of its own.
    private static let parts = [
        Part("organizations", key: ["slug"], ["plan", "detail"]),
        Part("users", key: ["user_id"], ["username", "email", "role", "is_active"]),
        Part(
            "api_keys",
            key: ["key_id"],
            ["name", "prefix", "environment", "role", "scopes", "rules", "expires_ms", "revoked_ms"]
        ),
        Part("token_issuers", key: ["issuer_id"], ["url", "environment", "detail", "is_active"]),
        Part("accounts", key: ["environment", "account"], ["detail", "is_default", "retired_ms"]),
        Part(
            "records",
            key: ["record_id"],
            [
                "environment", "class", "plugin", "operation", "tool", "direction", "made_by", "amount", "party",
                "reference", "created_ms", "state", "receipt", "sent_ms", "updated_ms", "ended_ms", "account_name",
                "plan", "detail", "events",
            ],
            isByTime: true
        ),
        Part(
            "batches",
            key: ["batch_id"],
            [
                "environment", "state", "created_ms", "ended_ms", "detail", "decided_by", "released_by", "reason",
                "strikes",
            ],
            isByTime: true
        ),
        Part("batch_retries", key: ["batch_id", "record_id"], ["retry_id", "retry_batch_id"]),
        Part(
            "callbacks",
            key: ["callback_id"],
            ["environment", "record_id", "name", "received_ms", "ended", "status", "body"],
            isByTime: true,
            // Each may be as large as a callback may, 1 MiB.
            rowsMax: 16
        ),
        Part("plugin_items", key: ["environment", "plugin", "collection", "item_key"], ["value", "updated_at"]),
        Part("plugin_timers", key: ["timer_id"], ["environment", "plugin", "name", "data", "due_at"]),
        Part(
            "exports",
            key: ["export_id"],
            ["environment", "plugin", "name", "media_type", "expires_at", "bytes", "parts", "closed"]
        ),
        Part(
            "tasks",
            key: ["task_id"],
            [
                "environment", "plugin", "tool", "made_by", "state", "begun_ms", "updated_ms", "ended_ms", "expires_ms",
                "progress", "message", "arguments", "result",
            ],
            isByTime: true,
            // Each may hold a result of a megabyte.
            rowsMax: 16
        ),
        Part(
            "balances",
            key: ["environment", "account", "name", "at_ms", "record_id"],
            ["currency", "current_cents", "available_cents", "reserved_cents", "uncleared_cents"]
        ),
        Part(
            "reports",
            key: ["report_id"],
            ["environment", "kind", "from_day", "to_day", "made_by", "made_ms", "expires_ms", "document"]
        ),
        Part("webhook_endpoints", key: ["endpoint_id"], ["environment", "url", "detail", "off", "off_ms"]),
        Part(
            "webhook_deliveries",
            key: ["endpoint_id", "event_id"],
            ["kind", "position", "state", "due_ms", "at_ms", "attempts"],
            // Each may hold the beginnings of fifty answers.
            rowsMax: 100
        ),
        Part("feed", key: ["event_id"], ["kind", "subject", "subject_version", "at_ms", "payload"], isByTime: true),
        Part(
            "rollups",
            key: [
                "environment", "day", "account", "source", "direction", "tool", "made_by", "outcome", "hour",
            ],
            ["transactions", "amount", "fee_cents", "fees_stated"]
        ),
        Part(
            "usage",
            key: ["hour_ms", "environment", "tool", "counted", "subject", "caller", "account"],
            ["succeeded", "failed"]
        ),
        Part(
            "invoice_lines",
            key: ["month", "line"],
            ["kind", "tool", "counted", "description", "quantity", "unit_cents", "amount_cents", "made_ms"]
        ),
    ]

    /// Keys that are numbers.
    private static let numbers: Set<String> = ["hour_ms", "month", "line", "at_ms", "day", "hour"]

    package var ownedParts: [String] { Store.parts.map(\.name) }

    package func owned(
        _ part: String,
        of organization: OrganizationID,
        after place: [String]?,
        until moment: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> (rows: [String], next: [String]?) {
        guard let part = Store.parts.first(where: { $0.name == part }),
            place.map({ $0.count == part.key.count }) ?? true
        else { throw GatewayError(.notFound, "There is no such part, or it does not go on there.") }
        var values: [SQLValue] = [.text(organization.description)]
        var condition = ""
        if let place {
            let places = zip(part.key, place)
                .map { column, text -> String in
                    values.append(Store.numbers.contains(column) ? .integer(Int64(text) ?? 0) : .text(text))
                    return "$\(values.count)"
                }
            condition = "AND (\(part.key.joined(separator: ", "))) > (\(places.joined(separator: ", ")))"
        }
        if part.isByTime {
            values.append(.text(Identifier(at: moment, random: (.max, .max)).description))
            condition += " AND \(part.key[0]) <= $\(values.count)"
        }
        let limit = min(max(1, limit), part.rowsMax)
        values.append(.integer(Int64(limit)))
        let (all, key, range) = (values, part.key.joined(separator: ", "), condition)
        return try await read { sql in
            let rows = try sql.query(
                """
                SELECT \(part.columns.joined(separator: ", ")) FROM \(part.name)
                WHERE organization_id = $1 \(range) ORDER BY \(key) LIMIT $\(all.count)
                """,
                all
            ) { row in
                var document = JSONObject()
                for (index, column) in part.columns.enumerated() {
                    if column == "body" {
                        Store.add(row.bytes(index) ?? [], to: &document)
                        continue
                    }
                    document[column] =
                        Store.isNumber(column)
                        ? row.integer(index).map { .integer($0) }
                        : row.text(index).map { .string($0) }
                }
                return (JSON.object(document).text, part.key.indices.map { row.text($0) ?? "" })
            }
            return (rows.map(\.0), rows.count == limit ? rows.last?.1 : nil)
        }
    }

    /// M-Pesa's own bytes, as they came: `body`, or `body_base64` where they are no text.
    private static func add(_ body: [UInt8], to document: inout JSONObject) {
        if let text = String(validating: body, as: UTF8.self) {
            document["body"] = .string(text)
        } else {
            document["body_base64"] = .string(Base64.encode(body))
        }
    }

    package func ownedFile(
        _ export: String,
        part: Int,
        of organization: OrganizationID
    ) async throws(GatewayError) -> [UInt8]? {
        try await read { sql in
            try sql.first(
                "SELECT bytes FROM export_parts WHERE organization_id = $1 AND export_id = $2 AND part = $3",
                [.text(organization.description), .text(export), .integer(Int64(part))]
            ) { $0.bytes(0) ?? [] }
        }
    }

    private static func isNumber(_ column: String) -> Bool {
        numbers.contains(column) || column.hasSuffix("_ms") || column.hasSuffix("_cents")
            || [
                "amount", "is_active", "is_default", "updated_at", "expires_at", "succeeded", "failed", "quantity",
                "due_at", "from_day", "to_day", "bytes", "parts", "closed", "subject_version", "transactions",
                "fees_stated", "status", "position", "progress",
            ]
            .contains(column)
    }

    package func closeForErasing(_ organization: OrganizationID) async throws(GatewayError) -> Bool {
        // What is committed before this is seen here; what comes after sees that it is closed.
        try await write { [closings] session in
            let open = try session.sql.first(
                """
                SELECT record_id FROM records WHERE organization_id = $1
                    AND state IN (\(RecordCoding.claimingStates), 'manual') LIMIT 1
                """,
                [.text(organization.description)]
            ) { _ in true }
            guard open == nil else { return false }
            closings.note(organization)
            return true
        }
    }

    // MARK: Erasing

    /// What is taken away whole, each with the column by which it is taken away in slices.
    static let erased: [(table: String, key: String)] = [
        ("sessions", "user_id"), ("known_places", "user_id"), ("one_time_links", "link_id"),
        ("second_factors", "user_id"), ("api_keys", "key_id"),
        ("token_issuers", "issuer_id"), ("credentials", "field"), ("data_keys", "master_key_id"),
        ("accounts", "account"),
        ("plugin_items", "item_key"), ("plugin_timers", "timer_id"), ("export_parts", "export_id"),
        ("exports", "export_id"), ("tasks", "task_id"), ("callbacks", "callback_id"), ("logins", "user_id"),
        ("reports", "report_id"), ("balances", "record_id"), ("answers", "question_id"),
        ("webhook_endpoints", "endpoint_id"), ("webhook_progress", "endpoint_id"),
        ("webhook_deliveries", "event_id"), ("webhook_replays", "replay_id"),
    ]

    package func erase(_ organization: OrganizationID) async throws(GatewayError) {
        let owner: [SQLValue] = [.text(organization.description)]
        for (table, key) in Store.erased {
            while true {
                let last = try await read { sql in
                    try sql.first(
                        "SELECT \(key) FROM \(table) WHERE organization_id = $1 ORDER BY \(key) LIMIT 1 OFFSET 999",
                        owner
                    ) { $0.text(0) ?? "" }
                }
                try await change(of: organization, conflict: "The organization is being changed.") { sql in
                    if let last {
                        try sql.execute(
                            "DELETE FROM \(table) WHERE organization_id = $1 AND \(key) <= $2",
                            owner + [.text(last)]
                        )
                    } else {
                        try sql.execute("DELETE FROM \(table) WHERE organization_id = $1", owner)
                    }
                }
                if last == nil { break }
            }
        }
        try await change(of: organization, conflict: "The organization is being changed.") { sql in
            try sql.execute(
                """
                UPDATE users SET username = 'erased-' || user_id, email = 'erased-' || user_id, password_hash = '!',
                    is_active = 0, session_epoch = session_epoch + 1, version = version + 1
                WHERE organization_id = $1
                """,
                owner
            )
        }
    }
}
