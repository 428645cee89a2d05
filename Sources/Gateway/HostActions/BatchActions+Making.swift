import OrderedJSON
import Sheets

// Making batches, of a list or of a file.
extension BatchActions {
    var create: Action {
        var arguments = BatchArguments.schemas
        arguments["tool"] = [
            "type": "string", "maxLength": 64,
            "description": "The tool whose payments they are; may be left out where there is one.",
        ]
        arguments["items"] = [
            "type": "array", "minItems": 1, "maxItems": 10_000,
            "description": "The payments, each as the tool lists them.", "items": ["type": "object"],
        ]
        arguments["account"] = AccountName.schema("Which M-Pesa account; the default one unless said.")
        return Action(
            ActionRules("batches.create", auditAction: "BATCH_CREATED", bucket: "money"),
            title: "Make a batch",
            summary: """
                Makes many payments of one tool together. Every row is checked before anything is kept; rows that may be \
                payments made before are asked about. It waits until a person releases it, unless release says \
                otherwise and no rule asks for a person. A file of rows may come in the place of the items, CSV or XLSX; \
                its arguments then stand in the query, and rows are those that a spreadsheet shows.
                """,
            route: Route("POST", "/batches"),
            arguments: arguments,
            required: ["items"],
            file: file,
            output: .data(BatchDocument.schema),
            sensitive: [JSONPointer(tokens: ["items"])],
            target: "batch_id"
        ) { [batches] use throws(GatewayError) in
            let tool = try batches.tool(for: use)
            // A short file came whole before anybody asked.
            if use.file != nil { try batches.checkMayMake(use) }
            let order =
                if let file = use.file {
                    try await batches.order(of: file, tool: tool, for: use)
                } else {
                    BatchOrder(items: use.arguments["items"]?.arrayValue ?? [], arguments: use.arguments)
                }
            return .data(try await batches.make(order, tool: tool, for: use))
        }
    }

    private var file: FileInput {
        FileInput(
            mediaTypes: RowFile.Format.allCases.map { String($0.mediaType.prefix { $0 != ";" }) },
            bytesMax: SheetLimits().bytesMax,
            replaces: "items",
            arguments: [
                "sheet": [
                    "type": "string", "minLength": 1, "maxLength": 64,
                    "description": "The sheet of an XLSX by its name; needed where it shows more than one.",
                ],
                "columns": [
                    "type": "object", "maxProperties": 32,
                    "additionalProperties": ["type": "string", "minLength": 1, "maxLength": 200],
                    "description": """
                    Which header stands for which member of a payment, such as phone_number:Line,amount:Net pay, where the \
                    headers do not say it.
                    """,
                ],
            ]
        ) { [batches] use throws(GatewayError) in try batches.checkMayMake(use) }
    }
}
