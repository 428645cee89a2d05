import OrderedJSON

/// An output schema in so many bytes: every model that may call a tool reads it whole, whatever it is about to do.
///
/// What is left out makes it weaker and never stricter: an answer of the whole schema is one of the short one too. First
/// go the insides of members, then words, then members that need not be there. The whole one is what REST shows.
enum ShortSchema {
    /// So long a tool is at most, with its schemas: about 600 tokens, of four bytes and a little each.
    static let toolBytesMax = 2_400

    /// How much is shown.
    private struct Step {
        /// How deep members are shown.
        let depth: Int
        /// Whether members that need not be there are described, or only those that must.
        let describesAll: Bool
        /// Whether members that need not be there are shown.
        let showsAll: Bool
    }

    private static let steps = [
        Step(depth: 3, describesAll: true, showsAll: true), Step(depth: 2, describesAll: true, showsAll: true),
        Step(depth: 2, describesAll: false, showsAll: true), Step(depth: 1, describesAll: false, showsAll: true),
        Step(depth: 2, describesAll: false, showsAll: false), Step(depth: 1, describesAll: false, showsAll: false),
        Step(depth: 0, describesAll: false, showsAll: false),
    ]

    /// The schema, or as much of it as there is room for.
    static func of(_ schema: JSON, bytesMax: Int) -> JSON {
        if schema.bytes.count <= bytesMax { return schema }
        for step in steps {
            let short = root(schema, step)
            if short.bytes.count <= bytesMax { return short }
        }
        return ["type": "object"]
    }

    /// The host's own words of what else may be answered, which come last, are said without their members.
    private static func root(_ schema: JSON, _ step: Step) -> JSON {
        guard let choices = schema["anyOf"]?.arrayValue, let own = choices.first else {
            return shaped(schema, step, step.depth, isDescribed: true)
        }
        let others = choices.dropFirst().map { kept(of: $0, ["type", "required", "description"]) }
            .map(JSON.object)
        return ["type": "object", "anyOf": .array([shaped(own, step, step.depth, isDescribed: true)] + others)]
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
            guard isRequired || step.showsAll else {
                isWhole = false
                continue
            }
            members[name] = shaped(member, step, depth - 1, isDescribed: isRequired || step.describesAll)
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
