import Daraja
import OrderedJSON
import PluginKit

/// Plans the question; it moves nothing, so it may be asked as often as the plan's rate allows.
func planBalance(_ input: PrepareInput) throws(Refusal) -> OperationPlan {
    let kind = input.arguments["account_type"]?.stringValue
    let isTill = kind.map { $0 == "TILL" } ?? (input.profile.shortCodeType == "till")
    return OperationPlan(
        body: AccountBalance.body(
            Initiator: try requireInitiatorName(input.profile),
            PartyA: input.profile.shortCode,
            IdentifierType: isTill ? "2" : "4"
        )
    )
}

/// What M-Pesa answered, or that it has not yet.
func showBalance(_ record: Record) -> JSON {
    var output: JSONObject = ["status": .string(record.status)]
    if record.state == "succeeded" {
        output["accounts"] = record.data?["accounts"]
        output["as_of"] = record.data?["as_of"]
    }
    output["result_code"] = record.code.map { .string($0) }
    output["result_desc"] = record.meaning.map { .string($0) }
    output["next"] =
        switch record.state {
        case "succeeded": "Nothing more to do."
        case "rejected", "no_answer", "failed": "M-Pesa did not tell. You may ask again."
        default: "M-Pesa has not answered yet. Ask again in a few seconds."
        }
    return .object(output)
}
