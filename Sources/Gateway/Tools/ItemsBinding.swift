import JSONSchema
import OrderedJSON

/// Where a tool's arguments list the payments that one call makes together: a batch.
///
/// A draft (`x-items`): docs/abi.md, section 1.1.
package struct ItemsBinding: Sendable {
    /// Where the list stands in the arguments: a property of theirs.
    package let pointer: JSONPointer
    /// What one item looks like.
    package let schema: JSON
    /// The same, compiled; it tells everything that is wrong with an item.
    package let validator: JSONSchema
    /// What of an item is somebody's: what the tool says of every element.
    package let sensitive: [JSONPointer]
    /// How many a call may list.
    package let max: Int

    /// The name of the property.
    package var name: String { pointer.tokens.first ?? "" }

    /// Makes a binding.
    package init(pointer: JSONPointer, schema: JSON, validator: JSONSchema, sensitive: [JSONPointer], max: Int) {
        self.pointer = pointer
        self.schema = schema
        self.validator = validator
        self.sensitive = sensitive
        self.max = max
    }

    /// How many items a call may list where the schema does not say.
    package static let standardMax = 5_000

    /// What is wrong with an item, by places within it: what no text may hold, then what its schema says.
    package func errors(in item: JSON) -> [GatewayError.FieldError] {
        let texts = PlainText.errors(in: item) { place in
            sensitive.contains { $0.description == place } ? .line : .name
        }
        if !texts.isEmpty { return texts }
        return validator.violations(in: item)
            .map { GatewayError.FieldError(pointer: $0.instancePath, message: $0.message) }
    }
}

extension Catalogue {
    /// Reads `x-items` of a tool that starts something that moves money.
    static func items(
        of reader: CatalogueReader,
        _ kind: ToolDescriptor.Kind,
        _ nature: ToolNature,
        _ input: JSON,
        _ operations: [OperationKind],
        sensitive: [JSONPointer]
    ) throws(CatalogueError) -> ItemsBinding? {
        guard let binding = try reader.optionalObject("x-items") else { return nil }
        guard nature == .movesMoney else {
            throw reader.fail("x-items", "only where the tool starts an operation that moves money")
        }
        // A reversal is about one transaction, which is looked at for each; nobody has said what many of them are together.
        if case .operation(let index) = kind, operations[index].direction == .reverse {
            throw reader.fail("x-items", "only of operations of direction in or out")
        }
        let pointer = try binding.place("pointer")
        guard pointer.tokens.count == 1, let name = pointer.tokens.first,
            let list = input["properties"]?[name], list["type"] == "array", let schema = list["items"],
            schema["type"] == "object", schema["additionalProperties"] == false,
            (input["required"]?.arrayValue ?? []).contains(.string(name))
        else {
            throw binding.fail(
                "pointer",
                "a required property of input_schema that is an array, whose items are a closed object schema in place"
            )
        }
        if binding.has("operation"), try binding.text("operation") != reader.text("operation") {
            throw binding.fail("operation", "the operation of the tool itself")
        }
        let validator: JSONSchema
        do { validator = try JSONSchema(compiling: schema) } catch {
            throw CatalogueError(
                rule: "C1",
                pointer: reader.pointer + "/input_schema/properties/\(name)/items" + error.pointer,
                reason: error.reason
            )
        }
        return ItemsBinding(
            pointer: pointer,
            schema: schema,
            validator: validator,
            sensitive: sensitive.filter { $0.tokens.count > 2 && $0.tokens[0] == name && $0.tokens[1] == "*" }
                .map { JSONPointer(tokens: Array($0.tokens.dropFirst(2))) },
            max: list["maxItems"]?.integerValue.map { Int(clamping: $0) } ?? ItemsBinding.standardMax
        )
    }
}
