import OrderedJSON

/// An item of a batch as its organization sees it: its place, what was sent of it, and what became of it.
package enum BatchItemDocument {
    /// Of an item.
    package static let schema: JSON = [
        "type": "object", "required": ["sequence", "row", "transaction"],
        "properties": [
            "sequence": ["type": "integer", "minimum": 1, "description": "Its place among the batch's payments."],
            "row": ["type": "integer", "minimum": 1, "description": "The row that it stands for."],
            "retry_of": ["type": "string", "description": "The failed payment that it tries again."],
            "confirmed_by": ["type": "string", "description": "Who confirmed that it repeats a payment."],
            "arguments": ["type": "object", "description": "As they were sent."],
            "transaction": TransactionDocument.schema,
        ],
    ]

    static func write(_ item: Record, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.optional("sequence", item.batch.map { Int64($0.sequence) })
        writer.optional("row", item.batch.map { Int64($0.row) })
        writer.optional("retry_of", item.batch?.retryOf?.description)
        writer.optional("confirmed_by", item.batch?.confirmedBy)
        if let arguments = item.hold?.arguments {
            writer.key("arguments")
            writer.value(arguments)
        }
        writer.key("transaction")
        PluginDocuments.write(item, to: &writer)
        writer.endObject()
    }
}

/// A batch's result as CSV (RFC 4180), safe to open in a spreadsheet.
enum BatchResult {
    private static let columns = [
        "transaction_id", "status", "state", "mpesa_receipt_number", "result_code", "result_desc", "ended_at",
        "retry_of",
    ]

    /// A line for each item, the input's columns first.
    static func csv(of items: [Record]) -> [UInt8] {
        var names: [String] = []
        for item in items {
            for name in item.hold?.arguments.objectValue?.keys ?? [] where !names.contains(name) { names.append(name) }
        }
        var bytes: [UInt8] = []
        append(["row"] + names + columns, to: &bytes)
        for item in items { append(cells(of: item, names), to: &bytes) }
        return bytes
    }

    private static func cells(of item: Record, _ names: [String]) -> [String] {
        let arguments = item.hold?.arguments
        let given = names.map { name -> String in
            guard let value = arguments?[name] else { return "" }
            return value.stringValue ?? value.text
        }
        return [item.batch.map { "\($0.row)" } ?? ""] + given + [
            item.id.description, item.state.status, item.state.rawValue, item.receipt ?? "", item.code ?? "",
            item.meaning ?? "", item.endedAt?.description ?? "", item.batch?.retryOf?.description ?? "",
        ]
    }

    private static func append(_ cells: [String], to bytes: inout [UInt8]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += Array(written(cell).utf8)
        }
        bytes += Array("\r\n".utf8)
    }

    /// A cell that no spreadsheet takes for a formula, in quotes where it must be.
    static func written(_ text: String) -> String {
        var text = text
        if let first = text.unicodeScalars.first, "=+-@\t\r\n".unicodeScalars.contains(first) { text = "'" + text }
        // By scalars: a line end in two of them is one character.
        guard text.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
