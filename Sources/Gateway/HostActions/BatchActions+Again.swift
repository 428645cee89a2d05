import OrderedJSON

// What ended unpaid, once more.
extension BatchActions {
    var retry: Action {
        var arguments = BatchArguments.schemas
        arguments["release"] = nil
        arguments["id"] = BatchActions.id
        arguments["rows"] = [
            "type": "array", "items": ["type": "integer", "minimum": 1], "minItems": 1, "maxItems": 10_000,
            "uniqueItems": true,
            "description": "These rows alone, which ended unpaid or never left; otherwise all that failed.",
        ]
        arguments["withdrawn"] = [
            "type": "boolean", "description": "Without rows: what never left, too.",
        ]
        return Action(
            ActionRules("batches.retry", auditAction: "BATCH_RETRIED", bucket: "money"),
            title: "Try a batch's unpaid payments again",
            summary: """
                Makes a new batch of payments that ended unpaid in another one, which runs no longer: those that failed, \
                or the rows that are named. It is checked, asked about and counted as any batch is, by the rules and limits \
                of now, and waits until a person releases it. What is undecided, was paid, or is tried again already is refused.
                """,
            route: Route("POST", "/batches/{id}/retry"),
            arguments: arguments,
            output: .data(BatchDocument.schema),
            target: "batch_id"
        ) { [batches] use throws(GatewayError) in
            .data(try await batches.retry(use.text("id") ?? "", for: use))
        }
    }
}
