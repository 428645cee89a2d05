import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A tool with items` {
    private func reading(_ change: (inout JSONObject) -> Void) throws(CatalogueError) -> ToolDescriptor? {
        let item: JSON = [
            "type": "object", "properties": ["phone": ["type": "string"], "amount": ["type": "integer"]],
            "required": ["phone"], "additionalProperties": false,
        ]
        var tool: JSONObject = [
            "name": "pay_many", "kind": "operation", "operation": "pay", "title": "T", "description": "D",
            "x-items": ["pointer": "/payments", "operation": "pay"],
            "input_schema": [
                "type": "object", "properties": ["payments": ["type": "array", "items": item, "maxItems": 7]],
                "required": ["payments"], "additionalProperties": false,
            ],
            "output_schema": ["type": "object", "properties": [:], "additionalProperties": false],
            "sensitive": ["/payments/*/phone"],
            "annotations": [
                "read_only": false, "destructive": true, "idempotent": false, "open_world": true, "money_moving": true,
            ],
        ]
        change(&tool)
        let document: JSON = [
            "plugin": ["id": "p", "version": "1.0.0", "title": "P"],
            "operations": [
                ["name": "pay", "direction": "out", "upstream": "daraja", "path": "/p"],
                ["name": "back", "direction": "reverse", "upstream": "daraja", "path": "/r"],
                ["name": "ask", "direction": "none", "upstream": "daraja", "path": "/a"],
            ],
            "tools": [.object(tool)],
        ]
        return try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: [])).tools.first
    }

    @Test func `is read with what one item looks like`() throws {
        let tool = try #require(try reading { _ in })
        let items = try #require(tool.items)

        #expect(items.name == "payments" && items.max == 7 && tool.annotations.movesMoney)
        #expect(items.errors(in: ["phone": "1", "amount": 1]).isEmpty)
        #expect(items.errors(in: ["phone": "1", "amount": "x"]).map(\.pointer) == ["/amount"])
        #expect(items.errors(in: ["phone": "1\u{0}"]).map(\.pointer) == ["/phone"])
        #expect(tool.answerSchema == BatchDocument.schema)
    }

    @Test func `does not give back: nobody has said what many reversals are together`() {
        #expect(throws: CatalogueError.self) {
            try reading { tool in
                tool["operation"] = "back"
                tool["x-items"] = ["pointer": "/payments"]
            }
        }
    }

    @Test func `takes what the host adds, and has its items checked one by one`() throws {
        let tool = try #require(try reading { _ in })
        let schemas = CallSchemas(
            tool,
            operations: [OperationKind(name: "pay", direction: .outgoing, upstream: "u", path: "/")]
        )
        let shown = schemas.rest.document["properties"]

        #expect(
            shown?["batch_id"] != nil && shown?["validate_only"] != nil
                && shown?["payments"]?["items"]?["type"] == "object"
        )
        #expect(try schemas.rest.errors(in: ["payments": [["phone": 7]], "release": true]).isEmpty)
        #expect(try schemas.rest.errors(in: ["payments": 1]).count == 1)
    }

    @Test func `is refused where its list is none, or moves no money`() {
        let changes: [(inout JSONObject) -> Void] = [
            { $0["x-items"] = ["pointer": "/other"] }, { $0["x-items"] = ["pointer": "/payments/0"] },
            { $0["x-items"] = ["pointer": "/payments", "operation": "ask"] }, { $0["operation"] = "ask" },
        ]
        for change in changes {
            let error = #expect(throws: CatalogueError.self) { try reading(change) }
            #expect(error?.pointer.contains("x-items") == true)
        }
    }
}
