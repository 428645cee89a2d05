/// Finds a transaction by whatever somebody has of it: our id, one of M-Pesa's, its receipt, or the idempotency key that
/// it was asked for with.
struct RecordSearch: Sendable {
    /// By what a transaction was found.
    enum Found: String, CaseIterable {
        case id, externalID = "external_id", receipt, idempotencyKey = "idempotency_key"
    }

    let records: any RecordRepository
    let registry: ToolRegistry
    let directory: DirectoryCache

    /// The transaction that a text names, and as what; nil where there is none that the principal may see.
    ///
    /// In this order, the first that is there: a text of the form of our ids is one, and nothing else is looked for.
    func find(_ text: String, for principal: Principal) async throws(GatewayError) -> (record: Record, by: Found)? {
        if let id = RecordID(text) { return seen(try await record(id, principal), .id, by: principal) }
        for namespace in registry.snapshot.namespaces {
            let named = try await records.record(
                externalID: text,
                namespace: namespace,
                organization: principal.organization,
                environment: principal.environment
            )
            if let found = seen(named, .externalID, by: principal) { return found }
        }
        let paid = try await records.record(
            // Receipts are written in capitals, and pasted as people please.
            receipt: text.uppercased(),
            accounts: directory.accounts(of: principal.organization, in: principal.environment).shortCodes,
            organization: principal.organization,
            environment: principal.environment
        )
        if let found = seen(paid, .receipt, by: principal) { return found }
        let entry = try await records.idempotencyEntry(
            IdempotencyClaim.key(givenAs: text),
            organization: principal.organization,
            environment: principal.environment
        )
        guard let entry else { return nil }
        return seen(try await record(entry.record, principal), .idempotencyKey, by: principal)
    }

    private func record(_ id: RecordID, _ principal: Principal) async throws(GatewayError) -> Record? {
        try await records.record(id, of: principal)
    }

    /// What somebody may not see is to them as if it were not there.
    private func seen(_ record: Record?, _ by: Found, by principal: Principal) -> (record: Record, by: Found)? {
        record.flatMap { principal.sees($0) ? ($0, by) : nil }
    }
}
