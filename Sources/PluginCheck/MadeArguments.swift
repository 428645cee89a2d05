import Gateway
import JSONSchema
import OrderedJSON

/// Arguments that a tool's input schema allows, and that its author may not have thought of: both ends of every range,
/// every optional member there and not there, the longest texts, odd characters, and what is nested deep.
///
/// The schema's own checker decides what is allowed, so nothing is made that a caller could not send.
struct MadeArguments {
    /// How many a tool is tried with.
    private static let countMax = 160
    /// How many are held against the schema to find them.
    private static let candidatesMax = 2_000
    /// How deep a schema is followed.
    private static let depthMax = 8
    /// How long a text becomes whose length has no limit, and a list.
    private static let lengthMax = 16_384
    private static let itemsMax = 300
    /// The host takes no longer arguments (rule M5).
    private static let bytesMax = 1 << 20

    private let document: JSON

    /// What one tool is tried with, its own examples left out; of a tool with items, one of them.
    static func values(for tool: ToolDescriptor) -> [JSON] {
        let maker = MadeArguments(document: tool.items?.schema ?? tool.inputSchema)
        let validator = tool.items?.validator ?? tool.inputValidator
        let examples = tool.examples.flatMap { Samples.prepared(tool, $0.arguments) }
        var seen = Set(examples)
        var values: [JSON] = []
        for candidate in maker.candidates(from: examples).prefix(candidatesMax) where values.count < countMax {
            guard seen.insert(candidate).inserted, validator.accepts(candidate) else { continue }
            if candidate.bytes.count <= bytesMax { values.append(candidate) }
        }
        return values
    }

    private func candidates(from examples: [JSON]) -> [JSON] {
        let made = objects(resolved(document), 0)
        var all: [JSON] = []
        // The examples first, one member changed each time: most of them are allowed.
        let lists = (examples + made.prefix(1)).map { variations(of: $0, resolved(document), 0) }
        for index in 0..<(lists.map(\.count).max() ?? 0) {
            for list in lists where index < list.count { all.append(list[index]) }
        }
        return made + all
    }

    // MARK: Schemas

    private func resolved(_ schema: JSON) -> JSON {
        var schema = schema
        for _ in 0..<MadeArguments.depthMax {
            guard let reference = schema["$ref"]?.stringValue, reference.hasPrefix("#"),
                let pointer = try? JSONPointer(parsing: String(reference.dropFirst())),
                let target = document.value(at: pointer)
            else { break }
            schema = target
        }
        guard let parts = schema["allOf"]?.arrayValue else { return schema }
        return parts.reduce(schema) { merged($0, resolved($1)) }
    }

    /// One schema that asks for what both ask for, as far as members go.
    private func merged(_ schema: JSON, _ other: JSON) -> JSON {
        var merged = schema.objectValue ?? [:]
        for (name, value) in other.objectValue ?? [:] {
            if let both = merged[name]?.objectValue, let added = value.objectValue {
                merged[name] = .object(added.reduce(into: both) { $0[$1.0] = $1.1 })
            } else if let both = merged[name]?.arrayValue, let added = value.arrayValue {
                merged[name] = .array(both + added)
            } else {
                merged[name] = value
            }
        }
        return .object(merged)
    }

    private func alternatives(_ schema: JSON, _ depth: Int) -> [JSON] {
        let schema = resolved(schema)
        guard depth < MadeArguments.depthMax, let list = (schema["anyOf"] ?? schema["oneOf"])?.arrayValue else {
            return [schema]
        }
        var base = schema.objectValue ?? [:]
        base["anyOf"] = nil
        base["oneOf"] = nil
        return list.flatMap { alternatives(merged(.object(base), resolved($0)), depth + 1) }
    }

    private static func types(_ schema: JSON) -> [String] {
        if let type = schema["type"]?.stringValue { return [type] }
        if let types = schema["type"]?.arrayValue { return types.compactMap(\.stringValue) }
        if schema["properties"] != nil { return ["object"] }
        if schema["items"] != nil { return ["array"] }
        return ["string", "integer", "number", "boolean", "null", "array", "object"]
    }

    // MARK: Values

    /// Values to try in the place of a schema, an ordinary one first.
    private func values(_ schema: JSON, _ depth: Int) -> [JSON] {
        guard depth < MadeArguments.depthMax else { return [] }
        return alternatives(schema, 0)
            .flatMap { schema -> [JSON] in
                let stated = (schema["examples"]?.arrayValue ?? []) + (schema["default"].map { [$0] } ?? [])
                if let value = schema["const"] { return [value] }
                if let values = schema["enum"]?.arrayValue { return values }
                return stated + MadeArguments.types(schema).flatMap { values(schema, type: $0, depth) }
            }
    }

    private func values(_ schema: JSON, type: String, _ depth: Int) -> [JSON] {
        switch type {
        case "string": MadeTexts.texts(schema, lengthMax: MadeArguments.lengthMax).map { .string($0) }
        case "integer": MadeArguments.integers(schema)
        case "number": MadeArguments.integers(schema) + MadeArguments.fractions(schema)
        case "boolean": [true, false]
        case "null": [.null]
        case "array": lists(schema, depth)
        case "object": objects(schema, depth)
        default: []
        }
    }

    private static func integers(_ schema: JSON) -> [JSON] {
        let least = schema["minimum"]?.integerValue ?? schema["exclusiveMinimum"]?.integerValue.map { $0 &+ 1 }
        let most = schema["maximum"]?.integerValue ?? schema["exclusiveMaximum"]?.integerValue.map { $0 &- 1 }
        let step = schema["multipleOf"]?.integerValue ?? 1
        let ends: [Int64] = [least ?? .min, least.map { $0 &+ step } ?? -1, most.map { $0 &- step } ?? 1, most ?? .max]
        let odd: [Int64] = [
            step, 0, 1, -1, 2, 10, 99, 1 << 31 - 1, 1 << 31, -1 << 31, 1 << 32, 1 << 53, 1 << 53 + 1, 1_000_000_007,
        ]
        return (ends + odd).map { .integer($0) }
    }

    private static func fractions(_ schema: JSON) -> [JSON] {
        let least = schema["minimum"]?.doubleValue ?? schema["exclusiveMinimum"]?.doubleValue ?? -1e300
        let most = schema["maximum"]?.doubleValue ?? schema["exclusiveMaximum"]?.doubleValue ?? 1e300
        return [least / 2 + most / 2, 0.5, 0.1, 1e-300, 1e21, least + 0.5, most - 0.5].map { .number($0) }
    }

    private func lists(_ schema: JSON, _ depth: Int) -> [JSON] {
        let items = schema["items"] ?? (depth + 3 < MadeArguments.depthMax ? true : false)
        let elements = values(items, depth + 3)
        let least = Int(clamping: schema["minItems"]?.integerValue ?? 0)
        let most = min(schema["maxItems"]?.integerValue.map { Int(clamping: $0) } ?? .max, MadeArguments.itemsMax)
        guard let ordinary = elements.first, least <= most else { return [.array([])] }
        let padding = Array(repeating: ordinary, count: max(0, least - 1))
        let long = (0..<most).map { elements[$0 % elements.count] }
        return [
            .array([ordinary] + padding), .array([]), .array(Array(repeating: ordinary, count: most)), .array(long),
        ]
            + elements.dropFirst().map { .array([$0] + padding) } + [.array(Array(elements.prefix(most)))]
            + (schema["items"] == nil ? [MadeArguments.deep] : [])
    }

    /// As deep as the host lets anything be.
    private static let deep: JSON = (0..<55).reduce(.array([])) { inner, _ in .array([inner]) }

    private func objects(_ schema: JSON, _ depth: Int) -> [JSON] {
        var full: JSONObject = [:]
        for (name, property) in schema["properties"]?.objectValue ?? [:] {
            full[name] = fitting(property, depth + 1).first
        }
        guard depth > 0 else { return [.object(full)] }
        return [.object(full)] + variations(of: .object(full), schema, depth)
    }

    /// An object with one member changed, left out or added, and with all of its optional ones left out.
    private func variations(of base: JSON, _ schema: JSON, _ depth: Int) -> [JSON] {
        guard let object = base.objectValue else { return [] }
        let required = Set(schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        let optional = (schema["properties"]?.objectValue ?? [:]).map(\.0).filter { !required.contains($0) }
        var made = [JSON.object(optional.reduce(into: object) { $0[$1] = nil })]
        made += optional.map { .object(with(object, $0, nil)) }
        let lists = (schema["properties"]?.objectValue ?? [:])
            .map { name, property in
                fitting(property, depth + 1).map { JSON.object(with(object, name, $0)) }
            }
        for index in 0..<(lists.map(\.count).max() ?? 0) { made += lists.filter { index < $0.count }.map { $0[index] } }
        guard schema["additionalProperties"] != false, schema["unevaluatedProperties"] != false else { return made }
        let other = schema["additionalProperties"].map { values($0, depth + 1) } ?? ["x", MadeArguments.deep]
        return made + other.prefix(20).map { .object(with(object, "another_member", $0)) }
    }

    private func with(_ object: JSONObject, _ name: String, _ value: JSON?) -> JSONObject {
        var changed = object
        changed[name] = value
        return changed
    }

    /// Values that a part of the schema allows; what cannot be asked apart is decided by the whole.
    private func fitting(_ schema: JSON, _ depth: Int) -> [JSON] {
        let values = values(schema, depth)
        var part = resolved(schema).objectValue ?? [:]
        part["$defs"] = document["$defs"]
        guard let compiled = try? JSONSchema(compiling: .object(part)) else { return values }
        return values.filter { compiled.accepts($0) }
    }
}
