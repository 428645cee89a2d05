import OrderedJSON

/// One compiled schema: its keywords as ready-made checks, its subschemas as direct references.
///
/// Built by `SchemaCompiler` and never changed afterwards, which is what makes sharing it between threads right.
final class SchemaNode: @unchecked Sendable {
    /// The types a value may have.
    struct Types: OptionSet {
        let rawValue: UInt8
        static let null = Types(rawValue: 1)
        static let boolean = Types(rawValue: 2)
        static let object = Types(rawValue: 4)
        static let array = Types(rawValue: 8)
        static let string = Types(rawValue: 16)
        static let integer = Types(rawValue: 32)
        static let number = Types(rawValue: 64)
    }

    // The rules are classes, because a struct of many references is retained part by part on every check.

    /// Rules for numbers.
    final class NumberRules {
        var multipleOf: JSON?
        var maximum: JSON?
        var exclusiveMaximum: JSON?
        var minimum: JSON?
        var exclusiveMinimum: JSON?
    }

    /// Rules for text.
    final class TextRules {
        var lengthMax: Int?
        var lengthMin: Int?
        var pattern: Pattern?
        var format: TextFormat?
        /// What the schema says of the text, for whoever wrote another; nil where it says nothing.
        var meaning: String?
    }

    /// Rules for lists.
    final class ListRules {
        var prefix: [SchemaNode] = []
        var rest: SchemaNode?
        var contains: SchemaNode?
        var containsMin = 1
        var containsMax: Int?
        var countMax: Int?
        var countMin: Int?
        var isUnique = false
    }

    /// Rules for objects.
    final class ObjectRules {
        var properties: [String: SchemaNode] = [:]
        var patterns: [(Pattern, SchemaNode)] = []
        var additional: SchemaNode?
        var names: SchemaNode?
        var required: [String] = []
        var countMax: Int?
        var countMin: Int?
        var dependentRequired: [(String, [String])] = []
        var dependentSchemas: [(String, SchemaNode)] = []
    }

    /// Where the schema stands, for messages.
    let path: String
    /// The resource ($id) it belongs to.
    let resource: SchemaResource
    /// `true` or `false` as a schema.
    var always: Bool?
    var types: Types?
    var isConst: JSON?
    var isOneOf: [JSON]?
    var number: NumberRules?
    var text: TextRules?
    var list: ListRules?
    var object: ObjectRules?
    var reference: SchemaNode?
    var dynamicReference: (target: SchemaNode, anchor: String?)?
    var allOf: [SchemaNode] = []
    var anyOf: [SchemaNode] = []
    var oneOf: [SchemaNode] = []
    var not: SchemaNode?
    var condition: SchemaNode?
    var consequence: SchemaNode?
    var alternative: SchemaNode?
    var unevaluatedItems: SchemaNode?
    var unevaluatedProperties: SchemaNode?
    /// Whether there is any in-place applicator, so that the common schema skips them all.
    var hasApplicators = false

    init(path: String, resource: SchemaResource) {
        self.path = path
        self.resource = resource
    }
}

/// A schema resource: what one `$id` names.
///
/// Immutable once compiled, like its nodes.
final class SchemaResource: @unchecked Sendable {
    let uri: String
    var dynamicAnchors: [String: SchemaNode] = [:]

    init(uri: String) { self.uri = uri }
}
