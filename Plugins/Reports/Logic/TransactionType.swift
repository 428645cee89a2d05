/// The seed's words for what a transaction is, and the gateway's behind them.
enum TransactionType: String, CaseIterable {
    case stkPush = "STK_PUSH"
    case c2b = "C2B"
    case b2c = "B2C"
    case reversal = "REVERSAL"

    /// The kind of operation whose transactions are called so.
    var operation: String {
        switch self {
        case .stkPush: "stk_push"
        case .c2b: "c2b"
        case .b2c: "payout"
        case .reversal: "reversal"
        }
    }

    /// What transactions of an operation are called; those of a plugin that this one does not know by its own word.
    static func name(ofOperation operation: String) -> String {
        allCases.first { $0.operation == operation }?.rawValue ?? operation.uppercased()
    }

    /// What transactions of a tool are called.
    static func name(ofTool tool: String) -> String {
        switch tool {
        case "mpesa_stk_push": stkPush.rawValue
        case "mpesa_b2c_payment", bulkTool: b2c.rawValue
        case "mpesa_reverse_transaction": reversal.rawValue
        default: tool.uppercased()
        }
    }

    /// The tool that pays many at once.
    static let bulkTool = "mpesa_bulk_payment"
}
