import PluginKit

/// M-Pesa Express: ask a customer's phone to pay, and say what became of it.
///
/// Data and pure functions: `PushTool` plans and shows, `STKInterpretation` reads what M-Pesa says, the catalogue's
/// entries stand in `Descriptors.swift`.
public let stkPush = Plugin(
    id: "stk-push",
    version: "0.1.0",
    title: "M-Pesa Express (STK push)",
    tools: [
        .operation(OperationTool(pushDescriptor, prepare: planPush, render: showPayment)),
        .operation(
            OperationTool(
                statusDescriptor,
                prepare: { _ throws(Refusal) in throw Refusal("not_supported", "This tool only looks up.") },
                render: showPayment
            )
        ),
    ],
    operations: [
        Operation(pushOperation, interpret: interpretPush, query: planQuery),
        Operation(queryOperation, interpret: interpretQuery),
    ],
    secrets: ["stk_password"]
)
