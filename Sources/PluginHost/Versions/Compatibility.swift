import Gateway
import OrderedJSON

/// What a new version of a plugin takes away from those who use the present one.
///
/// Pure, and careful in one direction: a change that it cannot judge counts as one that breaks.
enum Compatibility {
    /// A sentence for each thing that breaks callers; empty when nothing does.
    static func breaks(from old: LoadedPlugin, to new: LoadedPlugin) -> [String] {
        var breaks: [String] = []
        for tool in old.tools {
            guard let successor = new.tools.first(where: { $0.name == tool.name }) else {
                breaks.append("the tool \(tool.name) is gone")
                continue
            }
            breaks += differences(tool, successor).map { "\(tool.name): \($0)" }
        }
        for kind in old.operations where new.operationIndex(kind.name) == nil {
            breaks.append("the operation kind \(kind.name) is gone")
        }
        for template in old.templates where !new.templates.contains(where: { $0.uri == template.uri }) {
            breaks.append("the template \(template.uri.text) is gone")
        }
        let prompts = (new.prompts + new.askingPrompts).map(\.name)
        for prompt in old.askingPrompts where !prompts.contains(prompt.name) {
            breaks.append("the prompt \(prompt.name) is gone")
        }
        return breaks
    }

    private static func differences(_ old: ToolDescriptor, _ new: ToolDescriptor) -> [String] {
        var breaks: [String] = []
        if old.route.method != new.route.method || old.route.template != new.route.template {
            breaks.append("\(old.route.method) \(old.route.template) is now \(new.route.method) \(new.route.template)")
        }
        if old.annotations.movesMoney != new.annotations.movesMoney { breaks.append("money_moving has changed") }
        if isFunction(old) != isFunction(new) { breaks.append("its kind has changed") }
        if new.requiresIdempotencyKey, !old.requiresIdempotencyKey { breaks.append("it now wants an idempotency key") }
        if new.role != old.role { breaks.append("it now wants the role \(new.role.rawValue)") }
        for parameter in new.headerParameters where !old.headerParameters.contains(parameter) {
            let properties = parameter.place.tokens.flatMap { ["properties", $0] }
            // An argument that nobody could send before takes nothing from anybody.
            guard old.inputSchema.value(at: JSONPointer(tokens: properties)) != nil else { continue }
            breaks.append("input\(parameter.place) must now be sent as the header Mcp-Param-\(parameter.name) too")
        }
        breaks += input(old.inputSchema, new.inputSchema, at: "input")
        breaks += output(old.outputSchema, new.outputSchema, at: "output")
        return breaks
    }

    private static func isFunction(_ tool: ToolDescriptor) -> Bool { tool.kind == .function }

    // MARK: What callers send

    /// Whatever the old schema took, the new one must take.
    private static func input(_ old: JSON, _ new: JSON, at place: String) -> [String] {
        if old == new { return [] }
        var breaks: [String] = []
        let before = old["properties"]?.objectValue ?? JSONObject()
        let after = new["properties"]?.objectValue ?? JSONObject()
        for name in required(new).subtracting(required(old)).sorted() {
            breaks.append("\(place)/\(name) is now required")
        }
        let isClosed = new["additionalProperties"]?.boolValue == false
        if isClosed, old["additionalProperties"]?.boolValue != false { breaks.append("\(place) is now closed") }
        for (name, schema) in before {
            guard let successor = after[name] else {
                if isClosed { breaks.append("\(place)/\(name) is gone") }
                continue
            }
            breaks += input(schema, successor, at: "\(place)/\(name)")
        }
        breaks += narrowed(old, new, at: place)
        if let items = new["items"] { breaks += input(old["items"] ?? .object([:]), items, at: place + "/items") }
        return breaks
    }

    private static func narrowed(_ old: JSON, _ new: JSON, at place: String) -> [String] {
        var breaks: [String] = []
        if let types = types(new), !(self.types(old)?.isSubset(of: types) ?? false) {
            breaks.append("\(place) takes fewer types")
        }
        for (word, isLower) in [
            ("minimum", true), ("minLength", true), ("minItems", true), ("maximum", false),
            ("maxLength", false), ("maxItems", false), ("exclusiveMinimum", true), ("exclusiveMaximum", false),
        ] {
            guard let limit = number(new[word]) else { continue }
            guard let former = number(old[word]), isLower ? limit <= former : limit >= former else {
                breaks.append("\(place) has a narrower \(word)")
                continue
            }
        }
        if let values = new["enum"]?.arrayValue {
            let former = old["enum"]?.arrayValue
            if former == nil || former?.contains(where: { !values.contains($0) }) == true {
                breaks.append("\(place) takes fewer values")
            }
        }
        for word in ["pattern", "format", "const", "allOf", "anyOf", "oneOf", "not", "if", "multipleOf", "uniqueItems"]
        {
            if let rule = new[word], rule != old[word] { breaks.append("\(place) has another \(word)") }
        }
        return breaks
    }

    // MARK: What callers read

    /// Whatever the old schema promised, the new one must promise.
    private static func output(_ old: JSON, _ new: JSON, at place: String) -> [String] {
        if old == new { return [] }
        var breaks: [String] = []
        for name in required(old).subtracting(required(new)).sorted() {
            breaks.append("\(place)/\(name) is no longer promised")
        }
        let after = new["properties"]?.objectValue ?? JSONObject()
        for (name, schema) in old["properties"]?.objectValue ?? JSONObject() {
            guard let successor = after[name] else {
                breaks.append("\(place)/\(name) is gone")
                continue
            }
            if let former = types(schema), !(types(successor)?.isSubset(of: former) ?? false) {
                breaks.append("\(place)/\(name) has more types")
            }
            breaks += output(schema, successor, at: "\(place)/\(name)")
        }
        return breaks
    }

    // MARK: Reading schemas

    private static func required(_ schema: JSON) -> Set<String> {
        Set((schema["required"]?.arrayValue ?? []).compactMap(\.stringValue))
    }

    /// The types a schema names, where an integer is a number too; nil when it takes any.
    private static func types(_ schema: JSON) -> Set<String>? {
        guard let type = schema["type"] else { return nil }
        let names = type.stringValue.map { [$0] } ?? (type.arrayValue ?? []).compactMap(\.stringValue)
        return Set(names.contains("number") ? names + ["integer"] : names)
    }

    private static func number(_ value: JSON?) -> Double? { value?.doubleValue }
}
