import Gateway
import HTTPServer
import OrderedJSON

/// The version of what is edited, as HTTP tells it: `ETag` of an answer, `If-Match` of a change (RFC 9110, section 13).
enum EntityTag {
    /// The tag of an answer whose schema has a version.
    static func tag(of data: [UInt8], of action: Action) -> String? {
        guard case .data(let schema, _) = action.output, hasVersion(schema),
            let version = (try? JSON(parsing: data))?["version"]?.integerValue
        else { return nil }
        return "\"\(version)\""
    }

    private static func hasVersion(_ schema: JSON) -> Bool {
        schema["properties"]?["version"] != nil || (schema["anyOf"]?.arrayValue ?? []).contains(where: hasVersion)
    }

    /// The arguments, with the version that the caller's `If-Match` says it has seen.
    ///
    /// What is no version stays text, so that the schema's own error names it; `*` asks for nothing.
    /// - Throws: `staleVersion` where a change takes no version: a condition that is not looked at is not met.
    static func adding(
        _ field: String?,
        to arguments: JSON,
        of action: Action
    ) throws(GatewayError) -> JSON {
        guard let field, field != "*" else { return arguments }
        guard action.input.document["properties"]?["version"] != nil else {
            if action.isReadOnly { return arguments }
            throw GatewayError(.staleVersion, "\(action.name) takes no version: leave If-Match out.")
        }
        guard var members = arguments.objectValue, members["version"] == nil else { return arguments }
        let text = field.filter { $0 != "\"" }
        members["version"] = Int64(text).map { .integer($0) } ?? .string(field)
        return .object(members)
    }
}

extension HeaderName {
    static let entityTag = HeaderName("ETag")
    static let ifMatch = HeaderName("If-Match")
    static let quota = HeaderName("Gateway-Quota")
}
