import OrderedJSON

/// An output schema in so many bytes: every model that may call a tool reads it whole, whatever it is about to do.
///
/// What is left out makes it weaker and never stricter: an answer of the whole schema is one of the short one too. First
/// go the insides of members, then words, then of members that need not be there all but their names, and those too; at
/// last only the names are left of what must be there. The whole one is what REST shows.
enum ShortSchema {
    /// So long a tool is at most, with its schemas: 600 tokens, of four bytes each as a tokenizer reads such texts.
    static let toolBytesMax = 2_380

    /// How much is shown.
    private struct Step {
        /// How deep members are shown.
        let depth: Int
        /// How members are shown that need not be there.
        let others: Others
    }

    /// How much is shown of a member.
    private enum Others {
        case described, shaped, named, left
    }

    private static let steps = [
        Step(depth: 3, others: .described), Step(depth: 2, others: .described), Step(depth: 2, others: .shaped),
        Step(depth: 1, others: .shaped), Step(depth: 1, others: .named), Step(depth: 2, others: .left),
        Step(depth: 1, others: .left),
    ]

    /// The schema, or as much of it as there is room for.
    static func of(_ schema: JSON, bytesMax: Int) -> JSON {
        if schema.bytes.count <= bytesMax { return schema }
        for step in steps {
            let short = root(schema) { shaped($0, step, step.depth, isDescribed: true) }
            if short.bytes.count <= bytesMax { return short }
        }
        return [["type", "required", "description"], ["type", "required"]].lazy
            .map { names in root(schema, others: names) { .object(kept(of: $0, ["type", "required"])) } }
            .first { $0.bytes.count <= bytesMax } ?? common(schema, bytesMax: bytesMax)
    }

    /// What a tool itself answers in short, beside the host's own words of what else may be answered, which come last and
    /// without their members.
    private static func root(
        _ schema: JSON,
        others names: [String] = ["type", "required", "description"],
        _ short: (JSON) -> JSON
    ) -> JSON {
        guard let choices = schema["anyOf"]?.arrayValue, let own = choices.first else { return short(schema) }
        let others = choices.dropFirst().map { JSON.object(kept(of: $0, names)) }
        return ["type": "object", "anyOf": .array([short(own)] + others)]
    }

    /// What every answer has, whichever it is.
    private static func common(_ schema: JSON, bytesMax: Int) -> JSON {
        let choices = schema["anyOf"]?.arrayValue ?? [schema]
        let required = choices.map { $0["required"]?.arrayValue ?? [] }
        let shared = (required.first ?? []).filter { name in required.allSatisfy { $0.contains(name) } }
        let short: JSON = ["type": "object", "required": .array(shared)]
        return shared.isEmpty || short.bytes.count > bytesMax ? ["type": "object"] : short
    }

    private static func shaped(_ schema: JSON, _ step: Step, _ depth: Int, isDescribed: Bool) -> JSON {
        guard schema.objectValue != nil else { return schema }
        let isDeep = depth <= 0
        var short = kept(of: schema, isDescribed ? ["type", "enum", "description"] : ["type", "enum"])
        if let items = schema["items"], !isDeep {
            short["items"] = shaped(items, step, depth, isDescribed: isDescribed)
        }
        guard let properties = schema["properties"]?.objectValue, !isDeep else { return .object(short) }
        let required = schema["required"]?.arrayValue ?? []
        var (members, isWhole) = (JSONObject(), schema["patternProperties"] == nil)
        for (name, member) in properties {
            let isRequired = required.contains(.string(name))
            guard isRequired || step.others != .left else {
                isWhole = false
                continue
            }
            // Whatever it is, it is of a schema that says nothing.
            members[name] =
                isRequired || step.others != .named
                ? shaped(member, step, depth - 1, isDescribed: isRequired || step.others == .described) : [:]
        }
        if !required.isEmpty { short["required"] = .array(required) }
        short["properties"] = .object(members)
        if isWhole, schema["additionalProperties"] == false { short["additionalProperties"] = false }
        return .object(short)
    }

    private static func kept(of schema: JSON, _ names: [String]) -> JSONObject {
        JSONObject(names.compactMap { name in schema[name].map { (name, $0) } })
    }
}
