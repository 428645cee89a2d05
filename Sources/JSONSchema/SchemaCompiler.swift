import OrderedJSON

/// Turns a document into nodes: first finds every resource and anchor, then compiles what is reachable.
final class SchemaCompiler {
    /// A schema's place before it is compiled.
    private struct Place {
        let schema: JSON
        /// The base it stands in, before its own `$id`.
        let outerBase: String
        /// The base it sets or inherits.
        let base: String
        let path: String
        /// Its own pointer within its base: an anchor and a pointer to one schema must lead to one node.
        let pointer: String
    }

    private let limits: SchemaLimits
    private let remotes: [String: JSON]
    private var places: [String: Place] = [:]
    private var dynamicAnchors: [String: [String]] = [:]
    private var resources: [String: SchemaResource] = [:]
    private var compiled: [String: SchemaNode] = [:]
    private var nodeCount = 0
    private var foundCount = 0
    private let patterns = SchemaPatterns()
    private var ignoresValidation = false
    /// Whether some compiled schema has an `unevaluated…` keyword.
    private(set) var findsUnevaluated = false
    var size: SchemaSize { SchemaSize(nodes: nodeCount, patternStates: patterns.stateCount) }

    init(limits: SchemaLimits, remotes: [String: JSON]) {
        self.limits = limits
        self.remotes = remotes
    }

    func compile(_ document: JSON) throws(SchemaError) -> SchemaNode {
        let base = "urn:gateway:schema"
        try index(document, base: base, pointer: "", path: "", depth: 0)
        for (uri, remote) in remotes where places[uri] == nil {
            let stem = SchemaURI.split(uri).stem
            try index(remote, base: stem, pointer: "", path: "", depth: 0)
            // A document that calls itself otherwise is still found under the name it was given.
            if places[stem + "#"] == nil { places[stem + "#"] = places[rootBase(of: remote, base: stem) + "#"] }
        }
        ignoresValidation = lacksValidationVocabulary(document)
        return try node(document, base: rootBase(of: document, base: base), pointer: "", path: "")
    }

    /// Whether the document's own meta-schema leaves the validation vocabulary out.
    private func lacksValidationVocabulary(_ document: JSON) -> Bool {
        guard let dialect = document["$schema"]?.stringValue,
            let vocabulary = remotes[dialect]?["$vocabulary"]?.objectValue
        else { return false }
        return vocabulary["https://json-schema.org/draft/2020-12/vocab/validation"] == nil
    }

    private func rootBase(of document: JSON, base: String) -> String {
        guard let id = document["$id"]?.stringValue else { return base }
        return SchemaURI.split(SchemaURI.resolve(id, against: base)).stem
    }

    // MARK: Finding resources and anchors

    private static let mapKeywords: Set<String> = [
        "$defs", "definitions", "properties", "patternProperties", "dependentSchemas",
    ]
    private static let listKeywords: Set<String> = ["allOf", "anyOf", "oneOf", "prefixItems"]
    private static let schemaKeywords: Set<String> = [
        "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties",
    ]

    private static let validationKeywords = [
        "type", "const", "enum", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
        "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains",
        "maxProperties", "minProperties", "required", "dependentRequired",
    ]

    private func index(
        _ schema: JSON,
        base: String,
        pointer: String,
        path: String,
        depth: Int
    ) throws(SchemaError) {
        guard depth <= limits.depthMax else { throw SchemaError(pointer: path, reason: "nested too deep") }
        foundCount += 1
        guard foundCount <= limits.nodesMax else { throw tooMany(path) }
        let outerBase = base
        var base = base
        var pointer = pointer
        if let id = schema["$id"]?.stringValue {
            base = SchemaURI.split(SchemaURI.resolve(id, against: base)).stem
            pointer = ""
        }
        let place = Place(schema: schema, outerBase: outerBase, base: base, path: path, pointer: pointer)
        places[base + "#" + pointer] = place
        if let anchor = schema["$anchor"]?.stringValue { places[base + "#" + anchor] = place }
        if let anchor = schema["$dynamicAnchor"]?.stringValue {
            places[base + "#" + anchor] = place
            dynamicAnchors[base, default: []].append(anchor)
        }
        guard let members = schema.objectValue else { return }
        for (name, value) in members {
            let token = "/" + JSONPointer.escaped(name)
            if SchemaCompiler.mapKeywords.contains(name) {
                for (key, child) in value.objectValue ?? JSONObject() {
                    let step = token + "/" + JSONPointer.escaped(key)
                    try index(child, base: base, pointer: pointer + step, path: path + step, depth: depth + 1)
                }
            } else if SchemaCompiler.listKeywords.contains(name) {
                for (number, child) in (value.arrayValue ?? []).enumerated() {
                    let step = token + "/\(number)"
                    try index(child, base: base, pointer: pointer + step, path: path + step, depth: depth + 1)
                }
            } else if SchemaCompiler.schemaKeywords.contains(name) {
                try index(value, base: base, pointer: pointer + token, path: path + token, depth: depth + 1)
            }
        }
    }

    // MARK: Compiling

    private func resource(_ uri: String) throws(SchemaError) -> SchemaResource {
        if let known = resources[uri] { return known }
        let resource = SchemaResource(uri: uri)
        resources[uri] = resource
        for anchor in dynamicAnchors[uri] ?? [] {
            resource.dynamicAnchors[anchor] = try target(uri + "#" + anchor, from: "")
        }
        return resource
    }

    private func tooMany(_ path: String) -> SchemaError {
        SchemaError(pointer: path, reason: "more than \(limits.nodesMax) schemas")
    }

    private func node(_ schema: JSON, base: String, pointer: String, path: String) throws(SchemaError) -> SchemaNode {
        var base = base
        var pointer = pointer
        if let id = schema["$id"]?.stringValue {
            base = SchemaURI.split(SchemaURI.resolve(id, against: base)).stem
            pointer = ""
        }
        let key = base + "#" + pointer
        if let known = compiled[key] { return known }
        nodeCount += 1
        guard nodeCount <= limits.nodesMax else { throw tooMany(path) }
        let node = SchemaNode(path: path, resource: try resource(base))
        // Remembered before its keywords are read: a schema may refer to itself.
        if let raced = compiled[key] { return raced }
        compiled[key] = node
        if let always = schema.boolValue {
            node.always = always
            return node
        }
        guard var members = schema.objectValue else {
            throw SchemaError(pointer: path, reason: "expected a schema: an object, true or false")
        }
        if ignoresValidation { for keyword in SchemaCompiler.validationKeywords { members[keyword] = nil } }
        var builder = SchemaNodeBuilder(node: node, members: members, path: path, limits: limits, patterns: patterns)
        try builder.build { (child, tokens) throws(SchemaError) in
            let step = tokens.reduce(into: "") { $0 += "/" + JSONPointer.escaped($1) }
            return try self.node(child, base: base, pointer: pointer + step, path: path + step)
        }
        if node.unevaluatedItems != nil || node.unevaluatedProperties != nil { findsUnevaluated = true }
        try references(members, of: node, base: base, path: path)
        return node
    }

    private func references(
        _ members: JSONObject,
        of node: SchemaNode,
        base: String,
        path: String
    ) throws(SchemaError) {
        if let reference = members["$ref"]?.stringValue {
            node.reference = try target(SchemaURI.resolve(reference, against: base), from: path + "/$ref")
            node.hasApplicators = true
        }
        if let reference = members["$dynamicRef"]?.stringValue {
            let uri = SchemaURI.resolve(reference, against: base)
            let target = try target(uri, from: path + "/$dynamicRef")
            let anchor = SchemaURI.split(uri).fragment
            let isDynamic = dynamicAnchors[SchemaURI.split(uri).stem]?.contains(anchor) ?? false
            node.dynamicReference = (target, isDynamic ? anchor : nil)
            node.hasApplicators = true
        }
    }

    /// The schema that an absolute reference names.
    private func target(_ uri: String, from path: String) throws(SchemaError) -> SchemaNode {
        let (stem, fragment) = SchemaURI.split(uri)
        let key = stem + "#" + SchemaURI.percentDecoded(fragment)
        if let place = places[key] {
            return try node(place.schema, base: place.outerBase, pointer: place.pointer, path: place.path)
        }
        // A pointer through places that are no keywords still names a schema.
        guard fragment.hasPrefix("/"), let root = places[stem + "#"],
            let pointer = try? JSONPointer(parsing: SchemaURI.percentDecoded(fragment)),
            let schema = root.schema.value(at: pointer)
        else { throw SchemaError(pointer: path, reason: "refers to \(uri), which is not in the document") }
        return try node(
            schema,
            base: base(of: pointer, in: root),
            pointer: pointer.description,
            path: pointer.description
        )
    }

    private func base(of pointer: JSONPointer, in root: Place) -> String {
        var base = root.base
        var schema = root.schema
        for token in pointer.tokens {
            guard let next = schema.value(at: JSONPointer(tokens: [token])) else { break }
            schema = next
            if let id = schema["$id"]?.stringValue { base = SchemaURI.split(SchemaURI.resolve(id, against: base)).stem }
        }
        return base
    }
}
