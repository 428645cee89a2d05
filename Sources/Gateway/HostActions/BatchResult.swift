import OrderedJSON
import Sheets

/// An item of a batch as its organization sees it: its place, what was sent of it, and what became of it.
package enum BatchItemDocument {
    /// Of an item.
    package static let schema: JSON = [
        "type": "object", "required": ["sequence", "transaction"],
        "properties": [
            "sequence": ["type": "integer", "minimum": 1, "description": "Its place among the batch's payments."],
            "row": [
                "type": "integer", "minimum": 1,
                "description": "The row that it stands for; not there where the store can no longer read that.",
            ],
            "retry_of": ["type": "string", "description": "The payment that it tries again, which ended unpaid."],
            "retry_of_batch": ["type": "string", "description": "That one's batch, where it is another."],
            "retried_by": ["type": "string", "description": "The payment of another batch that tries it again."],
            "retried_by_batch": ["type": "string", "description": "That one's batch."],
            "confirmed_by": ["type": "string", "description": "Who confirmed that it repeats a payment."],
            "arguments": ["type": "object", "description": "As they were sent."],
            "transaction": TransactionDocument.schema,
        ],
    ]

    static func write(_ item: Record, retriedBy retry: BatchRetry?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.optional("sequence", item.batch.map { Int64($0.sequence) })
        writer.optional("row", item.batch.flatMap { $0.row > 0 ? Int64($0.row) : nil })
        writer.optional("retry_of", item.batch?.retryOf?.description)
        writer.optional("retry_of_batch", item.batch?.retryOfBatch?.description)
        writer.optional("retried_by", retry?.retry.description)
        writer.optional("retried_by_batch", retry?.batch.description)
        writer.optional("confirmed_by", item.batch?.confirmedBy)
        if let arguments = item.hold?.arguments, arguments.objectValue != nil {
            writer.key("arguments")
            writer.value(arguments)
        }
        writer.key("transaction")
        PluginDocuments.write(item, to: &writer)
        writer.endObject()
    }
}

/// A batch's result as a file: what was sent of each payment, then what became of it.
struct BatchResult: Sendable {
    private static let columns = [
        "transaction_id", "status", "state", "mpesa_receipt_number", "result_code", "result_desc", "ended_at",
        "retry_of", "retried_by",
    ]

    private let format: RowFile.Format
    /// Columns of the file that it came in and that were not read.
    private var beside: [String] = []
    private var arguments: [String] = []

    init(format: RowFile.Format) { self.format = format }

    /// Notes which columns an item has.
    mutating func note(_ item: Record) {
        for name in item.hold?.beside?.objectValue?.keys ?? [] where !beside.contains(name) { beside.append(name) }
        for name in item.hold?.arguments.objectValue?.keys ?? [] where !arguments.contains(name) {
            arguments.append(name)
        }
    }

    /// Of all columns.
    var header: [String] { ["row"] + beside + arguments + BatchResult.columns }

    /// An item's row.
    func cells(of item: Record, retriedBy retry: BatchRetry?) -> [WrittenCell] {
        let hold = item.hold
        let ended = item.endedAt.map { format == .csv ? $0.description : NairobiTime.text($0) }
        let ours = [
            item.id.description, item.state.status, item.state.rawValue, item.receipt, item.code, item.meaning, ended,
            item.batch?.retryOf?.description, retry?.retry.description,
        ]
        return [item.batch.flatMap { $0.row > 0 ? .number(Int64($0.row)) : nil } ?? .empty]
            + beside.map { BatchResult.cell(hold?.beside?[$0]) }
            + arguments.map { BatchResult.cell(hold?.arguments[$0]) }
            + ours.map { $0.map { .text($0) } ?? .empty }
    }

    private static func cell(_ value: JSON?) -> WrittenCell {
        guard let value else { return .empty }
        if let number = value.integerValue { return .number(number) }
        return .text(value.stringValue ?? value.text)
    }
}
