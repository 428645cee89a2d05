import DarajaKit
import PluginKit

/// Giving money back that came in: the whole of a payment, or a part of it.
///
/// Data and pure functions: `Reversal` plans and asks, `Interpretation` reads what M-Pesa says, `ReversalView` shows, the
/// catalogue's entries stand in `Descriptors.swift`. Which payment it is, how much of it is left and whether another
/// reversal is open is the host's to find out: the payments are another plugin's, so it asks for `transactions`.
public let reversals = Plugin(
    id: "reversal",
    version: "0.1.0",
    title: "M-Pesa reversals",
    tools: [
        .operation(OperationTool(reversalDescriptor, reversing: planReversal, render: showReversal)),
        .operation(
            OperationTool(
                reversalStatusDescriptor,
                prepare: { _ throws(Refusal) in throw Refusal("not_supported", "This tool only looks up.") },
                render: showReversal
            )
        ),
    ],
    operations: [
        Operation(
            reversalOperation,
            original: OriginalPlace(
                "/transaction_id",
                namespaces: ["checkout_request_id"],
                unmoved: "/held_reversals"
            ),
            interpret: interpretReversal,
            query: planReversalQuery
        ),
        Operation(reversalQueryOperation, interpret: interpretReversalQuery),
    ],
    secrets: ["security_credential"],
    needs: Needs(services: ["transactions"])
)
