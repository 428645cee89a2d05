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
        let made = MCPToolList.document(entry.tool).bytes
        texts.set(made, for: key, at: epoch)
        return made
    }

    /// One tool.
    ///
    /// `_meta` carries a digest of what a client agreed to, so that it can notice a change.
    static func document(_ tool: ToolDescriptor) -> JSON {
        var definition: JSONObject = [
            "name": .string(tool.name), "title": .string(tool.title), "description": .string(tool.summary),
            "inputSchema": inputSchema(tool), "outputSchema": tool.outputSchema,
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

    /// Money tools take a key that the host adds; it never reaches the plugin.
    private static func inputSchema(_ tool: ToolDescriptor) -> JSON {
        guard tool.annotations.movesMoney else { return tool.inputSchema }
        var schema = tool.inputSchema
        let property: JSON = [
            "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$",
            "description": "One key per logical payment; reuse it when you retry, and nothing is charged twice.",
        ]
        schema.set(property, at: JSONPointer(tokens: ["properties", "idempotency_key"]))
        return schema
    }
}
