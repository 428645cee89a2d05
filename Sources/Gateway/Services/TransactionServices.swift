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

    /// What moves money, newest first; `before` is the last id of the page before.
    func listTransactions(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try demand("transactions", of: request)
        var filter = RecordFilter(limit: Int(try request.whole("limit", 1...100, default: 100)))
        filter.recordClass = .transaction
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

    /// A page of one class, by whatever narrows it; `next` goes into `cursor`.
    ///
    /// What is begun after the first page moves nothing of the further ones. A page may be short, or empty, and go on.
    func pageTransactions(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try demand("transactions", of: request)
        let principal = request.principal
        let page = try await records.page(
            matching: try filter(request),
            organization: principal.organization,
            environment: principal.environment
        )
        var answer: JSONObject = ["transactions": .array(page.records.map(document))]
        answer["next"] = page.next.map { .string($0.description) }
        return .object(answer)
    }

    private func filter(_ request: ServiceRequest) throws(GatewayError) -> RecordFilter {
        let principal = request.principal
        var filter = RecordFilter(limit: Int(try request.whole("limit", 1...100, default: 100)))
        filter.recordClass = try request.word("class", RecordClass.self) ?? .transaction
        filter.madeBy = principal.maker
        filter.accounts = principal.accounts
        if let name = try request.optionalText("account") {
            guard let name = AccountName(name) else { throw request.wrong("account", "an account's name") }
            filter.accounts = Set([name]).intersection(principal.accounts ?? [name])
        }
        filter.direction = try request.word("direction", OperationDirection.self)
        let statuses = Set(RecordState.allCases.map(\.status))
        filter.status = try request.optionalText("status")
        if let status = filter.status, !statuses.contains(status) {
            throw request.wrong("status", "one of \(statuses.sorted().joined(separator: ", "))")
        }
        filter.operation = try request.optionalText("operation")
        filter.party = try request.optionalText("party")
        filter.reference = try request.optionalText("reference")
        // Receipts are written in capitals, and pasted as people please.
        filter.receipt = try request.optionalText("receipt")?.uppercased()
        filter.amountMin = try request.optionalWhole("amount_min", 0...Int64.max)
        filter.amountMax = try request.optionalWhole("amount_max", 0...Int64.max)
        filter.from = try request.optionalWhole("from_ms", 0...Timestamp.latest).map { Timestamp(milliseconds: $0) }
        filter.until = try request.optionalWhole("until_ms", 0...Timestamp.latest).map { Timestamp(milliseconds: $0) }
        if let cursor = try request.optionalText("cursor") {
            guard let id = RecordID(cursor) else { throw request.wrong("cursor", "the next of a page") }
            filter.before = id
        }
        return filter
    }

    func document(_ record: Record) -> JSON {
        var writer = JSONWriter(capacity: 512)
        PluginDocuments.write(record, to: &writer, forPlugin: true)
        return (try? JSON(parsing: writer.bytes)) ?? .null
    }
}
