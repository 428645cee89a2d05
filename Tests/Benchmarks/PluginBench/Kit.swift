import OrderedJSON
import PluginKit

/// One tool written both ways, and what each costs: arguments from bytes, output to bytes.
enum Kit {
    static let direct = OperationTool(
        [:],
        prepare: { input throws(Refusal) in
            let arguments = input.arguments
            return OperationPlan(
                amount: arguments["amount"]?.integerValue,
                party: arguments["phone_number"]?.stringValue,
                reference: arguments["account_reference"]?.stringValue,
                description: arguments["transaction_desc"]?.stringValue,
                body: [:]
            )
        },
        render: { record in
            var output: JSONObject = ["transaction_id": .string(record.id), "status": .string(record.status)]
            output["amount"] = record.amount.map { .integer($0) }
            output["phone_number"] = record.party.map { .string($0) }
            output["account_reference"] = record.reference.map { .string($0) }
            output["transaction_desc"] = record.description.map { .string($0) }
            output["created_at_ms"] = .integer(record.createdMilliseconds)
            return .object(output)
        }
    )

    static let typed = OperationTool(
        [:],
        prepare: { (payment: Payment, _) throws(Refusal) in
            OperationPlan(
                amount: payment.amount,
                party: payment.phone_number,
                reference: payment.account_reference,
                description: payment.transaction_desc,
                body: [:]
            )
        },
        render: { record in
            Shown(
                transaction_id: record.id,
                status: record.status,
                amount: record.amount,
                phone_number: record.party,
                account_reference: record.reference,
                transaction_desc: record.description,
                created_at_ms: record.createdMilliseconds
            )
        }
    )

    private struct Payment: Decodable {
        var phone_number: String
        var amount: Int64
        var account_reference: String
        var transaction_desc: String
    }

    private struct Shown: Codable {
        var transaction_id: String
        var status: String
        var amount: Int64?
        var phone_number: String?
        var account_reference: String?
        var transaction_desc: String?
        var created_at_ms: Int64
    }

    private static let arguments = Array(
        #"""
        {"phone_number":"254712345678","amount":100,"account_reference":"INV-001","transaction_desc":"Invoice 1"}
        """#
        .utf8
    )
    private static let record = Record([
        "id": "0192f3c4-0000-7000-8000-000000000001", "state": "accepted", "status": "PENDING", "amount": 100,
        "party": "254712345678", "reference": "INV-001", "description": "Invoice 1", "created_ms": 1_790_000_000_000,
    ])

    /// Arguments of four members read, and output of seven written.
    static func measure(_ tool: OperationTool) async throws -> (reading: Samples, writing: Samples) {
        let profile = Profile([:])
        let reading = try await Samples.batches(of: 100_000) {
            let input = PrepareInput(
                arguments: try JSON(parsing: arguments),
                profile: profile,
                nowMilliseconds: 0,
                recordID: "r",
                originatorID: "o"
            )
            guard try tool.prepare(input).amount == 100 else { throw Refusal("invalid_argument", "amount") }
        }
        let writing = try await Samples.batches(of: 100_000) {
            guard tool.render(record).bytes.count > 100 else { throw Refusal("invalid_argument", "output") }
        }
        return (reading, writing)
    }
}
