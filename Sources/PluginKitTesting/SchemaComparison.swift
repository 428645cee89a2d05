import OrderedJSON
import PluginKit

/// What was read of values, or what was written, beside what their schema says.
struct SchemaComparison {
    /// Kinds by the way to the place; a place without a kind was only asked for.
    typealias Places = [[String]: Set<ReadLog.Kind>]

    /// One way in which they disagree.
    struct Disagreement {
        let place: [String]
        let sentence: String
    }

    /// What the places are of.
    enum Side {
        /// Arguments that were read.
        case arguments
        /// Output, by what its type reads of it: that is what it has.
        case output
        /// Output that was written.
        case written
    }

    let samples: SchemaSamples
    let places: Places
    /// The places that some value has that was made; nil for all there may be.
    let made: Set<[String]>?
    /// The places that some value has that was taken; nil for all there may be.
    ///
    /// Of others nobody knows whether they would be read.
    let present: Set<[String]>?
    /// What reads or writes, as a sentence's subject.
    let subject: String
    let side: Side
    private(set) var disagreements: [Disagreement] = []
    /// The references on the way: what refers to itself is compared once.
    private var references: [String] = []

    init(
        _ samples: SchemaSamples,
        _ places: Places,
        made: Set<[String]>?,
        present: Set<[String]>?,
        subject: String,
        _ side: Side
    ) {
        self.samples = samples
        self.places = places
        self.made = made
        self.present = present
        self.subject = subject
        self.side = side
        compare(samples.document, at: [])
    }

    private var verb: String { side == .arguments ? "reads" : "writes" }

    private mutating func compare(_ schema: JSON, at place: [String]) {
        if let reference = schema["$ref"]?.stringValue {
            guard !references.contains(reference) else { return }
            references.append(reference)
        }
        defer { if schema["$ref"] != nil { references.removeLast() } }
        let kinds = places[place] ?? []
        // As it is: whatever the schema says of it, the type takes.
        if kinds.contains(.whole) { return }
        let alternatives = samples.alternatives(schema)
        guard compareTypes(alternatives, kinds, at: place) else { return }
        compareValues(alternatives, kinds, at: place)
        let objects = alternatives.filter { $0["properties"] != nil || $0["type"] == "object" }
        if !objects.isEmpty { compareMembers(objects, kinds, at: place) }
        if let items = alternatives.compactMap({ $0["items"] }).first { compare(items, at: place + ["*"]) }
    }

    /// Whether they may have a type in common; of what is below another type there is nothing to say.
    private mutating func compareTypes(_ schemas: [JSON], _ kinds: Set<ReadLog.Kind>, at place: [String]) -> Bool {
        let stated = schemas.reduce(into: Set<String>()) { types, schema in
            types.formUnion(SchemaComparison.types(schema))
        }
        let read = Set(kinds.compactMap(\.type))
        // A whole number may be written where there may be any.
        let fits = side == .written && read.contains("integer") ? read.union(["number"]) : read
        guard !stated.isEmpty, !read.isEmpty else { return true }
        guard stated.isDisjoint(with: fits) else {
            // Whoever reads any number reads the whole ones too.
            let passedOver = stated.subtracting(read)
                .subtracting(read.contains("number") ? ["null", "integer"] : ["null"])
            if side == .arguments, !passedOver.isEmpty {
                say(
                    place,
                    "the schema allows \(passedOver.sorted().joined(separator: " and ")), and \(subject) never reads one"
                )
            }
            return true
        }
        let (theirs, ours) = (stated.sorted().joined(separator: " or "), read.sorted().joined(separator: " or "))
        say(place, "the schema says \(theirs), and \(subject) \(verb) \(ours)")
        return false
    }

    private mutating func compareValues(_ schemas: [JSON], _ kinds: Set<ReadLog.Kind>, at place: [String]) {
        let stated = schemas.flatMap { $0["enum"]?.arrayValue ?? $0["const"].map { [$0] } ?? [] }
        let listed = kinds.compactMap(\.values).first
        if stated.isEmpty, let listed, !listed.isEmpty {
            return say(place, "\(subject) takes only \(text(listed)), and the schema lists no values")
        }
        guard !stated.isEmpty, !kinds.isEmpty else { return }
        guard let listed else {
            if kinds.contains(.unlisted) {
                say(place, "the schema lists values, and \(subject) does not say which it has: make it CaseIterable")
            } else if side == .output, !kinds.isDisjoint(with: [.string, .integer]) {
                say(
                    place,
                    "the schema lists \(text(stated)), and \(subject) may write any other: make it an enumeration"
                )
            }
            return
        }
        let unknown = stated.filter { $0 != .null && !listed.contains($0) }
        let extra = listed.filter { !stated.contains($0) }
        if !unknown.isEmpty { say(place, "the schema lists \(text(unknown)), which \(subject) does not have") }
        if !extra.isEmpty { say(place, "\(subject) has \(text(extra)), which the schema does not list") }
    }

    private mutating func compareMembers(_ schemas: [JSON], _ kinds: Set<ReadLog.Kind>, at place: [String]) {
        var named: [String] = []
        for schema in schemas {
            for (name, property) in schema["properties"]?.objectValue ?? [:] {
                named.append(name)
                compareMember(
                    name,
                    property,
                    isRequired: schema["required"]?.arrayValue?.contains(.string(name)) ?? false,
                    at: place
                )
            }
        }
        let read = places.keys.filter { $0.count == place.count + 1 && $0.starts(with: place) }.compactMap(\.last)
        let others = schemas.compactMap { SchemaSamples.other($0) }
        for name in read.sorted() where !named.contains(name) && !isContent(name, at: place) {
            if let other = others.first, side == .written || kinds.contains(.members) {
                compare(other, at: place + [name])
            } else {
                say(place + [name], "\(subject) \(verb) it, and the schema has no such property")
            }
        }
        if !others.isEmpty, side != .written, !kinds.isEmpty, !kinds.contains(.members) {
            say(
                place,
                "the schema allows members besides its properties, which \(subject) does not read: add \"additionalProperties\": false"
            )
        }
    }

    /// Content blocks stand beside the output's schema: docs/abi.md, section 8.
    private func isContent(_ name: String, at place: [String]) -> Bool {
        side != .arguments && place.isEmpty && name == "$content"
    }

    private mutating func compareMember(_ name: String, _ property: JSON, isRequired: Bool, at place: [String]) {
        let member = place + [name]
        guard made?.contains(member) ?? true || property == false else {
            return say(member, "no value could be made for it: add `examples` to its schema")
        }
        guard places[member] == nil else { return compare(property, at: member) }
        guard present?.contains(member) ?? true else { return }
        say(member, "it is \(isRequired ? "a required" : "a") property of the schema, and \(subject) never \(verb) it")
    }

    private mutating func say(_ place: [String], _ sentence: String) {
        disagreements.append(Disagreement(place: place, sentence: sentence))
    }

    private func text(_ values: [JSON]) -> String { values.map(\.text).joined(separator: ", ") }

    private static func types(_ schema: JSON) -> [String] {
        if let type = schema["type"]?.stringValue { return [type] }
        if let types = schema["type"]?.arrayValue { return types.compactMap(\.stringValue) }
        if let values = schema["enum"]?.arrayValue ?? schema["const"].map({ [$0] }) {
            return values.compactMap { ReadLog.Kind(of: $0).type }
        }
        return schema["properties"] != nil ? ["object"] : schema["items"] != nil ? ["array"] : []
    }
}

extension ReadLog.Kind {
    /// The kind of a value.
    init(of value: JSON) {
        switch value {
        case .null: self = .null
        case .bool: self = .boolean
        case .integer: self = .integer
        case .number: self = .number
        case .string: self = .string
        case .array: self = .array
        case .object: self = .object
        }
    }

    /// JSON Schema's word for it; none for null, which every optional asks about.
    fileprivate var type: String? {
        switch self {
        case .boolean: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object, .members: "object"
        case .null, .whole, .values, .unlisted: nil
        }
    }

    fileprivate var values: [JSON]? {
        guard case .values(let values) = self else { return nil }
        return values
    }
}

extension JSON {
    /// Every place in the value and its kind; elements of a list are one place, `*`.
    func kinds(at place: [String] = []) -> SchemaComparison.Places {
        var places: SchemaComparison.Places = [place: [ReadLog.Kind(of: self)]]
        for (name, value) in objectValue ?? [:] { places.merge(value.kinds(at: place + [name])) { $0.union($1) } }
        for element in arrayValue ?? [] { places.merge(element.kinds(at: place + ["*"])) { $0.union($1) } }
        return places
    }
}

extension [JSON] {
    /// Every place that one of the values has.
    var places: Set<[String]> { reduce(into: []) { $0.formUnion($1.kinds().keys) } }
}
