import OrderedJSON

/// `transaction.…`: the organization's own records, to read.
extension PluginServices {
    /// By `id`, or by `external_id` of a `namespace`.
    func findTransaction(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try demand("transactions", of: request)
        let (organization, environment) = (request.principal.organization, request.principal.environment)
        let found: Record?
        if let id = try request.optionalText("id") {
            guard let id = RecordID(id) else { throw request.wrong("id", "a transaction id") }
            found = try await records.record(id, organization: organization, environment: environment)
        } else {
            found = try await records.record(
                externalID: try request.text("external_id"),
                namespace: try request.text("namespace"),
                organization: organization,
                environment: environment
            )
        }
        guard let found, request.principal.sees(found) else {
            throw GatewayError(.notFound, "The organization has no such transaction.")
        }
        return document(found)
    }

    /// Newest first; `before` is the last id of the page before.
    func listTransactions(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try demand("transactions", of: request)
        var filter = RecordFilter(limit: Int(try request.whole("limit", 1...100, default: 100)))
        filter.madeBy = request.principal.maker
        filter.accounts = request.principal.accounts
        filter.operation = try request.optionalText("operation")
        filter.party = try request.optionalText("party")
        if let before = try request.optionalText("before") {
            guard let id = RecordID(before) else { throw request.wrong("before", "a transaction id") }
            filter.before = id
        }
        let found = try await records.records(
            matching: filter,
            organization: request.principal.organization,
            environment: request.principal.environment
        )
        return ["transactions": .array(found.map(document))]
    }

    private func document(_ record: Record) -> JSON {
        var writer = JSONWriter(capacity: 512)
        PluginDocuments.write(record, to: &writer, forPlugin: true)
        return (try? JSON(parsing: writer.bytes)) ?? .null
    }
}
