import JSONSchema
import OrderedJSON

/// Values that a schema allows: every property there and not there, every value of an enumeration, both ends of every
/// range.
///
/// What a schema says by patterns, formats or rules between members is not invented: such values come from `examples` and
/// `default` in the schema, and from the tool's own examples.
struct SchemaSamples {
    /// The name of a member that no schema names.
    static let otherMember = "another_member"
    private static let depthMax = 6
    private static let textLengthMax = 100_000

    let document: JSON
    private let schema: JSONSchema

    init(_ document: JSON) throws(SchemaError) {
        self.document = document
        schema = try JSONSchema(compiling: document)
    }

    /// Values that are valid under the schema, each once.
    func values(examples: [JSON]) -> [JSON] {
        var found: Set<JSON> = []
        let bases = examples.flatMap { [$0] + variations(of: $0, document, 0) }
        return (bases + candidates(document, 0)).filter { schema.accepts($0) && found.insert($0).inserted }
    }

    /// How a value breaks the schema.
    func violations(in value: JSON) -> [SchemaViolation] { schema.violations(in: value) }

    /// The schema that a reference within the document means.
    func resolved(_ schema: JSON) -> JSON {
        var schema = schema
        for _ in 0..<SchemaSamples.depthMax {
            guard let reference = schema["$ref"]?.stringValue, reference.hasPrefix("#"),
                let pointer = try? JSONPointer(parsing: String(reference.dropFirst())),
                let target = document.value(at: pointer)
            else { return schema }
            schema = target
        }
        return schema
    }

    /// A schema's alternatives; the schema itself where it has none.
    func alternatives(_ schema: JSON) -> [JSON] {
        let schema = resolved(schema)
        guard let list = (schema["anyOf"] ?? schema["oneOf"])?.arrayValue else { return [schema] }
        return list.flatMap { alternatives($0) }
    }

    /// What an object's members must be that the schema does not name; nil where there may be none.
    static func other(_ schema: JSON) -> JSON? {
        if schema["additionalProperties"] == false || schema["unevaluatedProperties"] == false { return nil }
        return schema["additionalProperties"] ?? true
    }

    // MARK: Candidates

    /// Values to try, an ordinary one first.
    private func candidates(_ schema: JSON, _ depth: Int) -> [JSON] {
        guard depth < SchemaSamples.depthMax else { return [] }
        let stated = (schema["examples"]?.arrayValue ?? []) + (schema["default"].map { [$0] } ?? [])
        let made = alternatives(schema)
            .flatMap { alternative -> [JSON] in
                if let value = alternative["const"] { return [value] }
                if let values = alternative["enum"]?.arrayValue { return values }
                guard let types = SchemaSamples.types(alternative) else { return SchemaSamples.anything }
                return types.flatMap { candidates(alternative, type: $0, depth) }
            }
        // Of other references than to definitions is seen only in the whole what they mean.
        var part = resolved(schema).objectValue ?? [:]
        part["$defs"] = document["$defs"]
        guard let part = try? JSONSchema(compiling: .object(part)) else { return stated + made }
        return (stated + made).filter { part.accepts($0) }
    }

    /// One value of every type, for a schema that does not say which it wants.
    private static let anything: [JSON] = ["x", 1, 0.5, true, .null, ["x"], [otherMember: 1]]

    /// The types that a schema allows; nil where it does not say.
    private static func types(_ schema: JSON) -> [String]? {
        if let type = schema["type"]?.stringValue { return [type] }
        if let types = schema["type"]?.arrayValue { return types.compactMap(\.stringValue) }
        if schema["properties"] != nil { return ["object"] }
        return schema["items"] == nil ? nil : ["array"]
    }

    private func candidates(_ schema: JSON, type: String, _ depth: Int) -> [JSON] {
        switch type {
        case "string": SchemaSamples.texts(schema)
        case "integer": SchemaSamples.integers(schema)
        case "number": SchemaSamples.numbers(schema)
        case "boolean": [true, false]
        case "null": [.null]
        case "array": lists(schema, depth)
        case "object": objects(schema, depth)
        default: []
        }
    }

    private static func texts(_ schema: JSON) -> [JSON] {
        let formats: [String: JSON] = [
            "date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "time": "03:04:05Z", "email": "a@example.org",
            "uri": "https://example.org/", "uuid": "0192f3c4-0000-7000-8000-000000000001", "ipv4": "192.0.2.1",
            "hostname": "example.org", "duration": "P1D",
        ]
        let least = Int(clamping: schema["minLength"]?.integerValue ?? 0)
        let most = schema["maxLength"]?.integerValue.map { Int(clamping: $0) }
        let ordinary = min(max(least, 1), most ?? .max)
        let lengths = [ordinary, least, most ?? ordinary].filter { $0 <= textLengthMax }
        let made = lengths.map { JSON.string(String(repeating: "x", count: $0)) }
        return (schema["format"]?.stringValue.flatMap { formats[$0] }.map { [$0] } ?? []) + made
            + [.string(String(repeating: "1", count: min(ordinary, textLengthMax)))]
    }

    private static func integers(_ schema: JSON) -> [JSON] {
        let least = schema["minimum"]?.integerValue ?? schema["exclusiveMinimum"]?.integerValue.map { $0 &+ 1 }
        let most = schema["maximum"]?.integerValue ?? schema["exclusiveMaximum"]?.integerValue.map { $0 &- 1 }
        let step = schema["multipleOf"]?.integerValue.map { [$0] } ?? []
        return ([least ?? most ?? 1] + step + [0, 1, least ?? .min, most ?? .max]).map { .integer($0) }
    }

    private static func numbers(_ schema: JSON) -> [JSON] {
        let ends = ["minimum", "maximum"].compactMap { schema[$0]?.doubleValue }
        let least = schema["minimum"]?.doubleValue ?? schema["exclusiveMinimum"]?.doubleValue
        let most = schema["maximum"]?.doubleValue ?? schema["exclusiveMaximum"]?.doubleValue
        // With a fraction, and well inside: a type for whole numbers must not get away with it.
        let inside: Double =
            switch (least, most) {
            case (let least?, let most?): least + (most - least) * 0.3
            case (let least?, nil): least + 0.5
            case (nil, let most?): most - 0.5
            case (nil, nil): 0.5
            }
        let step = schema["multipleOf"]?.doubleValue.map { [$0] } ?? []
        return ([inside] + step + ends + [0]).map { .number($0) }
    }

    private func lists(_ schema: JSON, _ depth: Int) -> [JSON] {
        let elements = candidates(schema["items"] ?? true, depth + 1)
        let least = Int(clamping: schema["minItems"]?.integerValue ?? 0)
        guard let ordinary = elements.first, least <= 1_000 else { return least == 0 ? [[]] : [] }
        let padding = Array(repeating: ordinary, count: max(0, least - 1))
        return elements.map { .array([$0] + padding) } + [.array([]), .array(Array(elements.prefix(max(least, 2))))]
    }

    private func objects(_ schema: JSON, _ depth: Int) -> [JSON] {
        var full: JSONObject = [:]
        for (name, property) in schema["properties"]?.objectValue ?? [:] {
            full[name] = candidates(property, depth + 1).first
        }
        return [.object(full)] + variations(of: .object(full), schema, depth)
    }

    /// An object with one member changed, left out or added.
    private func variations(of base: JSON, _ schema: JSON, _ depth: Int) -> [JSON] {
        let schema = resolved(schema)
        guard depth < SchemaSamples.depthMax, let object = base.objectValue else { return [] }
        var made: [JSON] = []
        let required = Set(schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        var bare = object
        for (name, property) in schema["properties"]?.objectValue ?? [:] {
            for value in candidates(property, depth + 1) { made.append(.object(object.with(name, value))) }
            guard !required.contains(name) else { continue }
            made.append(.object(object.with(name, nil)))
            bare[name] = nil
        }
        made.append(.object(bare))
        let other = SchemaSamples.other(schema).map { candidates($0, depth + 1) } ?? []
        return made + other.map { .object(object.with(SchemaSamples.otherMember, $0)) }
    }
}

extension JSONObject {
    fileprivate func with(_ name: String, _ value: JSON?) -> JSONObject {
        var changed = self
        changed[name] = value
        return changed
    }
}
