import PluginKit

/// Acting as an organization's operator: pay one customer, and ask what the accounts hold.
///
/// Data and pure functions: `Payout` plans and shows payouts, `Balance` balances, `Interpretation` reads what M-Pesa says,
/// the catalogue's entries stand in `Descriptors.swift`.
public let b2c = Plugin(
    id: "b2c",
    version: "0.1.0",
    title: "M-Pesa payouts and balances",
    tools: [
        .operation(OperationTool(payoutDescriptor, prepare: planPayout, render: showPayout)),
        .operation(
            OperationTool(bulkPaymentDescriptor, items: "/payments", prepare: planBulkItem, render: showPayout)
        ),
        .operation(
            OperationTool(
                payoutStatusDescriptor,
                prepare: { _ throws(Refusal) in throw Refusal("not_supported", "This tool only looks up.") },
                render: showPayout
            )
        ),
        .operation(OperationTool(balanceDescriptor, prepare: planBalance, render: showBalance)),
    ],
    operations: [
        Operation(payoutOperation, interpret: interpretPayout, query: planPayoutQuery),
        Operation(payoutQueryOperation, interpret: interpretPayoutQuery),
        Operation(balanceOperation, interpret: interpretBalance),
    ],
    secrets: ["security_credential"]
)
