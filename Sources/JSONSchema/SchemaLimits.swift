import OrderedJSON

/// What bounds the work that a schema, which a stranger's plugin may bring, can cause.
package struct SchemaLimits: Sendable {
    /// The most schemas in a document, subschemas counted.
    ///
    /// Default 5,000.
    package var nodesMax = 5_000
    /// The longest pattern, in bytes.
    ///
    /// Default 1,024.
    package var patternBytesMax = 1_024
    /// The most states of a pattern once its repetitions are written out; larger ones are refused when compiled.
    ///
    /// Default 5,000.
    package var patternStatesMax = 5_000
    /// The most states of all of a document's patterns together; one that stands more than once counts once.
    ///
    /// A state takes some dozens of bytes for as long as the schema is kept. Default 50,000.
    package var patternStatesInAllMax = 50_000
    /// The most steps a pattern may take on one text; past that the text is refused.
    ///
    /// A step is one state looked at before one character, and takes some nanoseconds. Default 20,000,000.
    package var patternStepsMax = 20_000_000
    /// How deep validation may nest, references included.
    ///
    /// Default 256.
    package var depthMax = 256
    /// How many violations are told.
    ///
    /// Default 20.
    package var violationsMax = 20
    /// How many characters of a schema's description a refusal of a text tells at most.
    ///
    /// Default 160.
    package var meaningMax = 160
    /// Whether `format` refuses what is not of the format, rather than only describing it.
    ///
    /// Default true.
    package var assertsFormat = true

    /// The defaults.
    package init() {}
}

/// How large a schema is, once compiled.
package struct SchemaSize: Sendable, Equatable {
    /// Schemas, subschemas counted.
    package var nodes = 0
    /// States of patterns.
    package var patternStates = 0

    /// Nothing yet.
    package init() {}

    init(nodes: Int, patternStates: Int) {
        self.nodes = nodes
        self.patternStates = patternStates
    }
}

/// Why a document is no schema that can be used.
package struct SchemaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// JSON Pointer to the place in the schema.
    package let pointer: String
    /// What was expected there.
    package let reason: String

    /// Place and reason.
    package var description: String { "\(pointer.isEmpty ? "the schema" : pointer): \(reason)" }
}

/// One way in which a value is not what its schema says.
package struct SchemaViolation: Sendable, Equatable {
    /// JSON Pointer to the value, such as `/payments/0/amount`; empty for the whole.
    package let instancePath: String
    /// Where in the schema the rule stands.
    package let schemaPath: String
    /// The rule, such as `maxLength`.
    package let keyword: String
    /// A sentence that names the field and what was expected.
    package let message: String
}
