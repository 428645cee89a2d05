import Gateway
import OrderedJSON

/// Ceilings, as answers show them and arguments set them.
enum CeilingDocuments {
    static let counted: JSON = [
        "pattern": "^[a-z][a-z_]{0,31}$", "description": "What is counted, such as money or read.",
    ]

    /// Of the ceilings of a plan, or of an organization's own.
    static let schema: JSON = [
        "type": "object", "additionalProperties": false,
        "properties": [
            "quotas": [
                "type": "object", "maxProperties": 16, "propertyNames": counted,
                "additionalProperties": ["type": "integer", "minimum": 1, "maximum": 1_000_000_000_000],
                "description": "Calls in a month of Nairobi, by what is counted: money, administration, read.",
            ],
            "amounts": [
                "type": "object", "additionalProperties": false,
                "properties": ["in": amount, "out": amount, "reverse": amount],
                "description": "The largest amount of one call by direction, in shillings.",
            ],
            "day_amounts": [
                "type": "object", "additionalProperties": false,
                "properties": ["in": dayAmount, "out": dayAmount, "reverse": dayAmount],
                "description":
                    "The largest sum of a day in Nairobi by direction, in shillings, whatever limits it sets itself.",
            ],
            "users_max": [
                "type": "integer", "minimum": 1, "maximum": 100_000, "description": "People who are active.",
            ],
            "keys_max": ["type": "integer", "minimum": 1, "maximum": 100, "description": "Keys that are in force."],
            "batches_max": [
                "type": "integer", "minimum": 1, "maximum": 1000, "description": "Batches that have not ended.",
            ],
            "calls_max": [
                "type": "integer", "minimum": 1, "maximum": 100_000, "description": "Calls of tools that run at once.",
            ],
            "webhooks_max": [
                "type": "integer", "minimum": 1, "maximum": 100,
                "description": "Webhook endpoints of an environment; 20 where it is left out.",
            ],
        ],
        "description": "What may be had and used up at most; what is left out has no limit.",
    ]

    private static let amount: JSON = ["type": "integer", "minimum": 1, "maximum": 1_000_000_000]

    private static let dayAmount: JSON = ["type": "integer", "minimum": 0, "maximum": 1_000_000_000_000]

    /// Reads what the schema has let pass.
    static func read(_ value: JSON) -> Ceilings {
        var ceilings = Ceilings(
            usersMax: value["users_max"]?.integerValue.map(Int.init),
            keysMax: value["keys_max"]?.integerValue.map(Int.init),
            batchesMax: value["batches_max"]?.integerValue.map(Int.init),
            callsMax: value["calls_max"]?.integerValue.map(Int.init),
            webhooksMax: value["webhooks_max"]?.integerValue.map(Int.init)
        )
        for (counted, limit) in value["quotas"]?.objectValue ?? JSONObject() {
            ceilings.quotas[counted] = limit.integerValue.map(Int.init)
        }
        for (text, amount) in value["amounts"]?.objectValue ?? JSONObject() {
            guard let direction = OperationDirection(rawValue: text) else { continue }
            ceilings.amounts[direction] = amount.integerValue.flatMap { Shillings($0) }
        }
        for (text, amount) in value["day_amounts"]?.objectValue ?? JSONObject() {
            guard let direction = OperationDirection(rawValue: text) else { continue }
            ceilings.dayAmounts[direction] = amount.integerValue
        }
        return ceilings
    }

    static func document(_ ceilings: Ceilings) -> JSON {
        var document = JSONObject()
        if !ceilings.quotas.isEmpty {
            document["quotas"] = .object(
                JSONObject(ceilings.quotas.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) })
            )
        }
        if !ceilings.amounts.isEmpty {
            let amounts = ceilings.amounts.sorted { $0.key.rawValue < $1.key.rawValue }
            document["amounts"] = .object(
                JSONObject(amounts.map { ($0.key.rawValue, .integer($0.value.amount)) })
            )
        }
        if !ceilings.dayAmounts.isEmpty {
            let amounts = ceilings.dayAmounts.sorted { $0.key.rawValue < $1.key.rawValue }
            document["day_amounts"] = .object(JSONObject(amounts.map { ($0.key.rawValue, .integer($0.value)) }))
        }
        document["users_max"] = ceilings.usersMax.map { .integer(Int64($0)) }
        document["keys_max"] = ceilings.keysMax.map { .integer(Int64($0)) }
        document["batches_max"] = ceilings.batchesMax.map { .integer(Int64($0)) }
        document["calls_max"] = ceilings.callsMax.map { .integer(Int64($0)) }
        document["webhooks_max"] = ceilings.webhooksMax.map { .integer(Int64($0)) }
        return .object(document)
    }
}
