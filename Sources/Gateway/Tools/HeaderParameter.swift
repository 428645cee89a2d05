import OrderedJSON

/// An argument that MCP clients send in a header too, so that what stands between can route by it without the body.
///
/// A property of the input schema says so with `x-mcp-header`. Source: MCP 2026-07-28, Streamable HTTP, custom headers
/// from tool parameters. What an intermediary may read must be no secret: never where `sensitive` points.
package struct HeaderParameter: Sendable, Hashable {
    /// What its values are.
    package enum Kind: String, Sendable, Hashable {
        /// Text.
        case string
        /// A whole number that every client can hold exactly: within 2^53 - 1 either way.
        case integer
        /// `true` or `false`.
        case boolean
    }

    /// The header's name without `Mcp-Param-`.
    package let name: String
    /// Where the argument stands.
    package let place: JSONPointer
    /// What its values are.
    package let kind: Kind

    /// The parameters that a tool's input schema marks.
    ///
    /// - Throws: `CatalogueError` (rule C5) for a mark that clients must refuse the tool for, and for a sensitive one.
    package static func all(
        in schema: JSON,
        at pointer: String,
        sensitive: [JSONPointer]
    ) throws(CatalogueError) -> [HeaderParameter] {
        var search = Search(sensitive: sensitive)
        try search.visit(schema, place: [], pointer: pointer)
        return search.found
    }
}

extension HeaderParameter {
    /// Looks for marks in a whole schema, because one where it has no effect is a mistake that must be told.
    private struct Search {
        static let mark = "x-mcp-header"
        /// Members that hold schemas by names of their own choosing.
        static let named: Set<String> = ["$defs", "definitions", "patternProperties", "dependentSchemas"]
        /// Members that hold values, in which the mark is only a name.
        static let values: Set<String> = ["const", "enum", "default", "examples", mark]

        let sensitive: [JSONPointer]
        var found: [HeaderParameter] = []
        var names: Set<String> = []

        /// `place` is nil where a schema cannot be reached by `properties` alone.
        mutating func visit(_ schema: JSON, place: [String]?, pointer: String) throws(CatalogueError) {
            guard let members = schema.objectValue else { return }
            if let name = members[Search.mark] { try add(name, schema, place: place, pointer: pointer) }
            for (word, value) in members where !Search.values.contains(word) {
                let inside = pointer + "/" + JSONPointer.escaped(word)
                if word == "properties" || Search.named.contains(word) {
                    for (name, schema) in value.objectValue ?? JSONObject() {
                        let reached = word == "properties" ? place.map { $0 + [name] } : nil
                        try visit(schema, place: reached, pointer: inside + "/" + JSONPointer.escaped(name))
                    }
                } else if let list = value.arrayValue {
                    for (index, element) in list.enumerated() {
                        try visit(element, place: nil, pointer: inside + "/\(index)")
                    }
                } else {
                    try visit(value, place: nil, pointer: inside)
                }
            }
        }

        private mutating func add(
            _ name: JSON,
            _ schema: JSON,
            place: [String]?,
            pointer: String
        ) throws(CatalogueError) {
            func fail(_ reason: String) -> CatalogueError {
                CatalogueError(rule: "C5", pointer: pointer + "/" + Search.mark, reason: reason)
            }
            guard let name = name.stringValue, HeaderParameter.isToken(name) else {
                throw fail("expected a header's name: letters, digits and !#$%&'*+-.^_`|~")
            }
            guard let place, !place.isEmpty else {
                throw fail("expected it on an argument that is reached by properties alone")
            }
            guard let kind = schema["type"]?.stringValue.flatMap(Kind.init(rawValue:)) else {
                throw fail("expected it on a string, an integer or a boolean")
            }
            guard names.insert(name.lowercased()).inserted else {
                throw fail("expected a name that no other argument has; capitals make no difference")
            }
            guard !sensitive.contains(where: { HeaderParameter.covers($0, place) }) else {
                throw fail("expected it on no sensitive argument: whatever stands between reads headers")
            }
            found.append(HeaderParameter(name: name, place: JSONPointer(tokens: place), kind: kind))
        }
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// Whether a place, or one that it lies in, is meant by a pointer; `*` means every element.
    private static func covers(_ pointer: JSONPointer, _ place: [String]) -> Bool {
        pointer.tokens.count <= place.count && zip(pointer.tokens, place).allSatisfy { $0 == "*" || $0 == $1 }
    }
}
