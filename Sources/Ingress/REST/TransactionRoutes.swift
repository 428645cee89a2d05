import Gateway
import OrderedJSON

/// `/transactions` and `/transactions/{id}`: the organization's own, with every step of their lives.
struct TransactionRoutes: Sendable {
    let records: any RecordRepository
    let pipeline: Pipeline
    let pageMax = 100

    func list(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let action = try reader.action(call)
        return try await pipeline.perform(.readTransactions, action) { principal, _ throws(GatewayError) in
            try await list(principal, reader.request)
        }
    }

    /// The role `user` sees what it asked for itself; every other, what anybody of the organization did.
    private func maker(_ principal: Principal) -> String? {
        principal.role == .user ? principal.subjectText : nil
    }

    private func list(_ principal: Principal, _ request: Request) async throws(GatewayError) -> [UInt8] {
        var filter = try filter(request)
        filter.madeBy = maker(principal)
        let found = try await records.records(
            matching: filter,
            organization: principal.organization,
            environment: principal.environment
        )
        var writer = JSONWriter(capacity: 4096)
        writer.beginObject()
        writer.key("success")
        writer.bool(true)
        writer.key("data")
        writer.beginArray()
        for record in found { PluginDocuments.write(record, to: &writer) }
        writer.endArray()
        writer.key("count")
        writer.integer(Int64(found.count))
        if found.count == filter.limit { writer.optional("next_before", found.last?.id.description) }
        writer.endObject()
        return writer.bytes
    }

    func show(_ reader: RequestReader, id: Substring, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let action = try reader.action(call)
        return try await pipeline.perform(.readTransactions, action) { principal, _ throws(GatewayError) in
            try await show(principal, id)
        }
    }

    private func show(_ principal: Principal, _ id: Substring) async throws(GatewayError) -> [UInt8] {
        let missing = GatewayError(.notFound, "There is no transaction with this id.")
        guard let id = RecordID(String(id)) else { throw missing }
        let found = try await records.record(
            id,
            organization: principal.organization,
            environment: principal.environment
        )
        guard let record = found, maker(principal).map({ $0 == record.madeBy }) ?? true else { throw missing }
        let events = try await records.events(of: id, organization: principal.organization, limit: 1000)
        var writer = JSONWriter(capacity: 4096)
        writer.beginObject()
        writer.key("success")
        writer.bool(true)
        writer.key("data")
        writer.beginObject()
        writer.key("transaction")
        PluginDocuments.write(record, to: &writer)
        writer.key("events")
        writer.beginArray()
        for event in events { PluginDocuments.write(event, to: &writer) }
        writer.endArray()
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    private func filter(_ request: Request) throws(GatewayError) -> RecordFilter {
        var filter = RecordFilter(limit: pageMax)
        filter.recordClass = .transaction
        for (name, value) in request.queryParameters {
            if let expectation = PlainText.name.expectation(for: value) { throw wrong(name, expectation) }
            switch name {
            case "limit":
                guard let limit = Int(value), (1...pageMax).contains(limit) else {
                    throw wrong("limit", "a whole number from 1 to \(pageMax)")
                }
                filter.limit = limit
            case "status":
                guard RecordState.allCases.contains(where: { $0.status == value }) else {
                    throw wrong("status", "PENDING, SUCCESS, FAILED, CANCELLED or REVERSED")
                }
                filter.status = value
            case "before":
                guard let id = RecordID(value) else { throw wrong("before", "a transaction's id") }
                filter.before = id
            case "phone_number": filter.party = value
            case "operation": filter.operation = value
            default: throw wrong(name, "one of limit, status, before, phone_number, operation")
            }
        }
        return filter
    }

    private func wrong(_ name: String, _ expected: String) -> GatewayError {
        GatewayError(
            .invalidArgument,
            "\(name): expected \(expected).",
            errors: [.init(pointer: "/" + name, message: "expected \(expected).")]
        )
    }
}
