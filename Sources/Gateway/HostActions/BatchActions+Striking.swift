import OrderedJSON

// Rows that are not wanted, before a batch leaves.
extension BatchActions {
    /// How many rows are struck at once: each is written in the commit that strikes it.
    private static let rowsMax = 1_000

    var strike: Action {
        Action(
            BatchActions.deciding("batches.strike", "BATCH_STRUCK"),
            title: "Strike rows of a batch",
            summary: """
                Takes rows out of a batch that waits for a decision, for good: they end as withdrawn. Whoever may release or \
                resume it may do this. What others have agreed to was the whole of it: everybody who is asked is asked anew \
                about the rest.
                """,
            route: Route("POST", "/batches/{id}/strike"),
            arguments: [
                "id": BatchActions.id, "reason": BatchActions.reason,
                "rows": [
                    "type": "array", "items": ["type": "integer", "minimum": 1], "minItems": 1,
                    "maxItems": .integer(Int64(BatchActions.rowsMax)), "uniqueItems": true,
                    "description": "Rows that have not left.",
                ],
            ],
            required: ["rows", "reason"],
            output: .data(BatchDocument.schema),
            target: "batch_id"
        ) { [batches, self] use throws(GatewayError) in
            let rows = (use.arguments["rows"]?.arrayValue ?? []).compactMap { $0.integerValue.map(Int.init) }
            return try await shown(
                try await batches.strike(
                    use.text("id") ?? "",
                    rows: Set(rows),
                    by: use.principal,
                    because: use.text("reason") ?? ""
                )
            )
        }
    }
}
