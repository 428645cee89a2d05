import Gateway

// Which items that ended unpaid are tried again by other batches: each once.
extension Store {
    /// Notes which items of other batches these try again; false where one of those is tried again already.
    static func noteRetries(_ items: [Record], in sql: any SQLSession) throws -> Bool {
        for item in items {
            guard let place = item.batch, let failed = place.retryOf, let batch = place.retryOfBatch else { continue }
            let changed = try sql.execute(
                """
                INSERT INTO batch_retries (organization_id, batch_id, record_id, retry_id, retry_batch_id)
                VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                """,
                [
                    .text(item.organization.description), .text(batch.description), .text(failed.description),
                    .text(item.id.description), .text(place.batch.description),
                ]
            )
            guard changed == 1 else { return false }
        }
        return true
    }

    package func retries(
        of id: BatchID,
        organization: OrganizationID,
        between ids: ClosedRange<String>?
    ) async throws(GatewayError) -> [BatchRetry] {
        let range = ids.map { [SQLValue.text($0.lowerBound), .text($0.upperBound)] } ?? []
        return try await read { sql in
            try sql.query(
                """
                SELECT record_id, retry_id, retry_batch_id FROM batch_retries
                WHERE organization_id = $1 AND batch_id = $2
                    \(range.isEmpty ? "" : "AND record_id >= $3 AND record_id <= $4")
                ORDER BY record_id
                """,
                [.text(organization.description), .text(id.description)] + range
            ) { row in
                guard let item = row.text(0).flatMap({ RecordID($0) }),
                    let retry = row.text(1).flatMap({ RecordID($0) }),
                    let batch = row.text(2).flatMap({ BatchID($0) })
                else { throw SQLError(message: "a batch's retry is damaged") }
                return BatchRetry(item: item, retry: retry, batch: batch)
            }
        }
    }
}
