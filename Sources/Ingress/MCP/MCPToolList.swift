import Cryptography
import Gateway
import OrderedJSON

/// Tools as `tools/list` shows them.
///
/// One tool's text never changes within a generation, so it is made once.
final class MCPToolList: Sendable {
    private struct Key: Hashable, Sendable {
        let plugin: String
        let generation: Int
        let tool: Int
    }

    private let texts = ExpiringCache<Key, [UInt8]>(life: .seconds(86_400), entriesMax: 10_000)

    /// A JSON list of tools, in the given order.
    func json(of entries: [ToolRegistry.Entry]) -> [UInt8] {
        var writer = JSONWriter(capacity: entries.count * 4096 + 2)
        writer.beginArray()
        for entry in entries { writer.raw(text(of: entry)) }
        writer.endArray()
        return writer.bytes
    }

    private func text(of entry: ToolRegistry.Entry) -> [UInt8] {
        let key = Key(plugin: entry.plugin.id, generation: entry.plugin.generation, tool: entry.tool.index)
        let epoch = Uptime(nanoseconds: 0)
        if let known = texts.value(for: key, at: epoch) { return known }
        let made = MCPToolList.document(entry).bytes
        texts.set(made, for: key, at: epoch)
        return made
    }

    /// One tool.
    ///
    /// `_meta` carries a digest of what a client agreed to, so that it can notice a change.
    static func document(_ entry: ToolRegistry.Entry, at door: Door = .mcp) -> JSON {
        let tool = entry.tool
        let schema = door == .mcp ? entry.schemas.mcp : entry.schemas.rest
        var definition: JSONObject = [
            "name": .string(tool.name), "title": .string(tool.title), "description": .string(schema.summary),
            "inputSchema": schema.document, "outputSchema": tool.outputSchema,
            "annotations": [
                "title": .string(tool.title), "readOnlyHint": .bool(tool.annotations.readOnly),
                "destructiveHint": .bool(tool.annotations.destructive),
                "idempotentHint": .bool(tool.annotations.idempotent),
                "openWorldHint": .bool(tool.annotations.openWorld),
            ],
        ]
        let digest = SHA256.digest(JSON.object(definition).canonicalBytes).hexadecimal
        definition["_meta"] = ["mpesa-gateway.example/definition-sha256": .string(digest)]
        return .object(definition)
    }
}
