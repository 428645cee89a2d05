import OrderedJSON

/// Reads one schema's keywords into its node.
///
/// Subschemas are compiled by the closure it is given.
struct SchemaNodeBuilder {
    typealias Compile = (JSON, [String]) throws(SchemaError) -> SchemaNode

    let node: SchemaNode
    let members: JSONObject
    let path: String
    let limits: SchemaLimits
    let patterns: SchemaPatterns

    mutating func build(_ compile: Compile) throws(SchemaError) {
        try readAny()
        try readNumber()
        try readText()
        try readList(compile)
        try readObject(compile)
        try readApplicators(compile)
    }

    private func wrong(_ keyword: String, _ expected: String) -> SchemaError {
        SchemaError(pointer: path + "/" + keyword, reason: "expected \(expected)")
    }

    private func readAny() throws(SchemaError) {
        if let type = members["type"] {
            let names = type.arrayValue ?? [type]
            var types: SchemaNode.Types = []
            for name in names {
                guard let one = SchemaNode.Types(name: name.stringValue ?? "") else {
                    throw wrong("type", "the name of a JSON type")
                }
                types.insert(one)
            }
            node.types = types
        }
        node.isConst = members["const"]
        if let values = members["enum"] {
            guard let list = values.arrayValue else { throw wrong("enum", "a list of values") }
            node.isOneOf = list
        }
    }

    private func count(_ keyword: String) throws(SchemaError) -> Int? {
        guard let value = members[keyword] else { return nil }
        guard let count = value.integerValue, count >= 0 else { throw wrong(keyword, "a whole number from 0") }
        return Int(clamping: count)
    }

    private func number(_ keyword: String) throws(SchemaError) -> JSON? {
        guard let value = members[keyword] else { return nil }
        guard let double = value.doubleValue, keyword != "multipleOf" || double > 0 else {
            throw wrong(keyword, keyword == "multipleOf" ? "a number above 0" : "a number")
        }
        return value
    }

    private func names(_ value: JSON, _ keyword: String) throws(SchemaError) -> [String] {
        let names = value.arrayValue?.compactMap(\.stringValue)
        guard let names, names.count == value.arrayValue?.count else { throw wrong(keyword, "a list of names") }
        return names
    }

    private func readNumber() throws(SchemaError) {
        let rules = SchemaNode.NumberRules()
        rules.multipleOf = try number("multipleOf")
        rules.maximum = try number("maximum")
        rules.exclusiveMaximum = try number("exclusiveMaximum")
        rules.minimum = try number("minimum")
        rules.exclusiveMinimum = try number("exclusiveMinimum")
        let all = [rules.multipleOf, rules.maximum, rules.exclusiveMaximum, rules.minimum, rules.exclusiveMinimum]
        if all.contains(where: { $0 != nil }) { node.number = rules }
    }

    private func readText() throws(SchemaError) {
        let rules = SchemaNode.TextRules()
        rules.lengthMax = try count("maxLength")
        rules.lengthMin = try count("minLength")
        if let pattern = members["pattern"] { rules.pattern = try self.pattern(pattern, "pattern") }
        if limits.assertsFormat { rules.format = members["format"]?.stringValue.flatMap(TextFormat.init) }
        rules.meaning = members["description"]?.stringValue.flatMap { SchemaNodeBuilder.short($0, limits.meaningMax) }
        if rules.lengthMax != nil || rules.lengthMin != nil || rules.pattern != nil || rules.format != nil {
            node.text = rules
        }
    }

    /// A description as it stands in a refusal, without its last stop: the sentences of it that fit, or its first words.
    private static func short(_ description: String, _ most: Int) -> String? {
        var (said, length, sentences) = ([Substring](), 0, 0)
        for word in description.split(whereSeparator: \.isWhitespace) {
            length += word.count + 1
            guard length <= most else {
                said = sentences > 0 ? Array(said.prefix(sentences)) : said + ["…"]
                break
            }
            said.append(word)
            if word.hasSuffix(".") { sentences = said.count }
        }
        let text = said.joined(separator: " ")
        let short = text.hasSuffix(".") ? text.dropLast() : text[...]
        return short.isEmpty ? nil : String(short)
    }

    private func pattern(_ value: JSON, _ keyword: String) throws(SchemaError) -> Pattern {
        guard let text = value.stringValue else { throw wrong(keyword, "a regular expression") }
        do { return try patterns.pattern(text, limits: limits) } catch {
            throw SchemaError(pointer: path + "/" + keyword, reason: error.reason)
        }
    }

    private func readList(_ compile: Compile) throws(SchemaError) {
        let rules = SchemaNode.ListRules()
        let keywords = ["prefixItems", "items", "contains", "maxItems", "minItems", "uniqueItems"]
        guard keywords.contains(where: { members[$0] != nil }) else { return }
        for (index, schema) in (members["prefixItems"]?.arrayValue ?? []).enumerated() {
            rules.prefix.append(try compile(schema, ["prefixItems", String(index)]))
        }
        if let items = members["items"] { rules.rest = try compile(items, ["items"]) }
        if let contains = members["contains"] { rules.contains = try compile(contains, ["contains"]) }
        rules.containsMin = try count("minContains") ?? 1
        rules.containsMax = try count("maxContains")
        rules.countMax = try count("maxItems")
        rules.countMin = try count("minItems")
        rules.isUnique = members["uniqueItems"]?.boolValue ?? false
        node.list = rules
    }

    private func readObject(_ compile: Compile) throws(SchemaError) {
        let rules = SchemaNode.ObjectRules()
        for (name, schema) in members["properties"]?.objectValue ?? JSONObject() {
            rules.properties[name] = try compile(schema, ["properties", name])
        }
        for (text, schema) in members["patternProperties"]?.objectValue ?? JSONObject() {
            let pattern = try self.pattern(.string(text), "patternProperties")
            rules.patterns.append((pattern, try compile(schema, ["patternProperties", text])))
        }
        if let additional = members["additionalProperties"] {
            rules.additional = try compile(additional, ["additionalProperties"])
        }
        if let names = members["propertyNames"] { rules.names = try compile(names, ["propertyNames"]) }
        if let required = members["required"] { rules.required = try names(required, "required") }
        rules.countMax = try count("maxProperties")
        rules.countMin = try count("minProperties")
        for (name, needs) in members["dependentRequired"]?.objectValue ?? JSONObject() {
            rules.dependentRequired.append((name, try names(needs, "dependentRequired")))
        }
        for (name, schema) in members["dependentSchemas"]?.objectValue ?? JSONObject() {
            rules.dependentSchemas.append((name, try compile(schema, ["dependentSchemas", name])))
        }
        let keywords = [
            "properties", "patternProperties", "additionalProperties", "propertyNames", "required", "maxProperties",
            "minProperties", "dependentRequired", "dependentSchemas",
        ]
        if keywords.contains(where: { members[$0] != nil }) { node.object = rules }
    }

    private func readApplicators(_ compile: Compile) throws(SchemaError) {
        node.allOf = try list("allOf", compile)
        node.anyOf = try list("anyOf", compile)
        node.oneOf = try list("oneOf", compile)
        node.not = try one("not", compile)
        node.condition = try one("if", compile)
        node.consequence = try one("then", compile)
        node.alternative = try one("else", compile)
        node.unevaluatedItems = try one("unevaluatedItems", compile)
        node.unevaluatedProperties = try one("unevaluatedProperties", compile)
        let keywords = ["allOf", "anyOf", "oneOf", "not", "if", "unevaluatedItems", "unevaluatedProperties"]
        node.hasApplicators = keywords.contains { members[$0] != nil }
    }

    private func one(_ keyword: String, _ compile: Compile) throws(SchemaError) -> SchemaNode? {
        guard let schema = members[keyword] else { return nil }
        return try compile(schema, [keyword])
    }

    private func list(_ keyword: String, _ compile: Compile) throws(SchemaError) -> [SchemaNode] {
        guard let value = members[keyword] else { return [] }
        guard let schemas = value.arrayValue, !schemas.isEmpty else { throw wrong(keyword, "a list of schemas") }
        var nodes: [SchemaNode] = []
        for (index, schema) in schemas.enumerated() { nodes.append(try compile(schema, [keyword, String(index)])) }
        return nodes
    }
}

extension SchemaNode.Types {
    /// The type of this name.
    init?(name: String) {
        switch name {
        case "null": self = .null
        case "boolean": self = .boolean
        case "object": self = .object
        case "array": self = .array
        case "string": self = .string
        case "integer": self = .integer
        case "number": self = .number
        default: return nil
        }
    }

    /// For messages.
    var expectation: String {
        let names: [(SchemaNode.Types, String)] = [
            (.string, "text"), (.integer, "a whole number"), (.number, "a number"), (.boolean, "true or false"),
            (.object, "an object"), (.array, "a list"), (.null, "null"),
        ]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: " or ")
    }
}

/// The patterns of a document, each compiled once, and bounded together: each alone is small for its few bytes of text.
final class SchemaPatterns {
    private var known: [String: Pattern] = [:]
    private(set) var stateCount = 0

    func pattern(_ text: String, limits: SchemaLimits) throws(SchemaError) -> Pattern {
        if let pattern = known[text] { return pattern }
        let pattern = try Pattern(text, limits: limits)
        stateCount += pattern.stateCount
        guard stateCount <= limits.patternStatesInAllMax else {
            throw SchemaError(pointer: "", reason: "patterns that are too large together")
        }
        known[text] = pattern
        return pattern
    }
}
