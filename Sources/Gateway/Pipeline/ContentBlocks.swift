import Cryptography
import OrderedJSON

/// What a tool's output may carry beside its fields, for people and models: MCP's content blocks, by their own names.
enum ContentBlocks {
    /// The member of an output that holds them; no output schema can have one of this name.
    static let member = "$content"
    /// So many at most.
    private static let countMax = 100

    /// Whether a value is a list of content blocks.
    static func areValid(_ value: JSON) -> Bool {
        guard let blocks = value.arrayValue, blocks.count <= countMax else { return false }
        return blocks.allSatisfy(isValid)
    }

    private static func isValid(_ block: JSON) -> Bool {
        func text(_ name: String) -> String? { block[name]?.stringValue.flatMap { $0.isEmpty ? nil : $0 } }
        switch block["type"]?.stringValue {
        case "text": return block["text"]?.stringValue != nil
        case "image", "audio": return text("mimeType") != nil && isBase64(block["data"])
        case "resource_link": return text("uri") != nil && text("name") != nil
        case "resource":
            guard let resource = block["resource"], resource["uri"]?.stringValue != nil else { return false }
            return resource["text"]?.stringValue != nil || isBase64(resource["blob"])
        default: return false
        }
    }

    private static func isBase64(_ value: JSON?) -> Bool { value?.stringValue.flatMap { Base64.decode($0) } != nil }
}
