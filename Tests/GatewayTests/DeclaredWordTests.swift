import Gateway
import OrderedJSON
import Testing

/// What the host once knew of plugins by their names, and their descriptors say now.
struct `A descriptor that says what the host would have to guess` {
    private func catalogue(
        tool: String = "ask",
        more: JSONObject = [:],
        hint: JSON? = nil,
        features: Set<String> = []
    ) throws -> Catalogue {
        var operation: JSONObject = ["name": "ask", "direction": "none", "upstream": "daraja", "path": "/ask"]
        operation["x-hint"] = hint
        var descriptor: JSONObject = [
            "name": .string(tool), "kind": "operation", "operation": "ask", "title": "T", "description": "T.",
            "input_schema": ["type": "object", "additionalProperties": false],
            "output_schema": ["type": "object", "additionalProperties": false],
            "annotations": [
                "read_only": true, "destructive": false, "idempotent": true, "open_world": true, "money_moving": false,
            ],
        ]
        for (name, value) in more { descriptor[name] = value }
        let document: JSON = [
            "plugin": ["id": "p", "version": "1.0.0", "title": "P"], "operations": [.object(operation)],
            "tools": [.object(descriptor)],
        ]
        return try Catalogue(parsing: document.bytes, abilities: .init(features: features, transforms: []))
    }

    private func plugin(_ catalogue: Catalogue) -> LoadedPlugin {
        let none = LoadedPlugin.Failure(status: 21, reason: "not supported")
        return LoadedPlugin(
            catalogue,
            generation: 1,
            digest: "d",
            operationFunctions: nil,
            asynchronous: .init(invoke: nil),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in throw none },
                resource: { _ throws(LoadedPlugin.Failure) in throw none }
            )
        )
    }

    @Test func `names its calls in the audit, by its own name where it says nothing`() throws {
        #expect(try catalogue(more: ["x-audit": "MONEY_ASKED"]).tools[0].auditAction == "MONEY_ASKED")
        #expect(try catalogue(tool: "mpesa_ask").tools[0].auditAction == "MPESA_ASK")
    }

    @Test(arguments: ["LOGIN_FAILED", "USER_CREATED", "KEY_REVOKED", "PLUGIN_REMOVED"])
    func `takes no word of the host's`(word: String) throws {
        #expect(try catalogue(more: ["x-audit": .string(word)]).tools[0].auditAction == "TOOL_" + word)
        #expect(try catalogue(tool: word.lowercased()).tools[0].auditAction == "TOOL_" + word)
    }

    @Test(arguments: ["", "asked", "A B", "A\n", 7] as [JSON])
    func `is refused for a word that is none`(word: JSON) {
        let error = #expect(throws: CatalogueError.self) { try catalogue(more: ["x-audit": word]) }

        #expect(error?.rule == "C1" && error?.pointer == "/tools/0/x-audit")
    }

    @Test(arguments: [[], ["approval"]] as [Set<String>])
    func `has nobody agree to what moves no money`(features: Set<String>) {
        let requires: JSON = ["approval": ["amount": "/amount"]]
        let error = #expect(throws: CatalogueError.self) {
            try catalogue(more: ["requires": requires], features: features)
        }

        #expect(error?.rule == "C4" && error?.pointer == "/tools/0/requires/approval")
    }

    @Test func `says where a callback without a token names a transaction`() throws {
        let registry = ToolRegistry()
        try registry.publish(plugin(catalogue()))
        #expect(registry.snapshot.hints.isEmpty)

        let hint: JSON = ["pointer": "/Body/ID", "namespace": "id"]
        registry.withdraw("p")
        try registry.publish(plugin(catalogue(hint: hint)))

        #expect(registry.snapshot.hints.map(\.namespace) == ["id"])
        let error = #expect(throws: CatalogueError.self) {
            try catalogue(hint: ["pointer": "Body", "namespace": "id"])
        }
        #expect(error?.pointer == "/operations/0/x-hint/pointer")
    }
}
