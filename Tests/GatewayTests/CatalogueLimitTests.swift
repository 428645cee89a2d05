import Gateway
import OrderedJSON
import Testing

struct `A catalogue` {
    private func tool(_ name: String, title: String = "T", input: JSONObject = [:]) -> JSON {
        let closed: JSON = ["type": "object", "properties": .object(input), "additionalProperties": false]
        return [
            "name": .string(name), "kind": "function", "title": .string(title), "description": "D",
            "input_schema": closed, "output_schema": ["type": "object", "additionalProperties": false],
            "annotations": [
                "read_only": true, "destructive": false, "idempotent": false, "open_world": false,
                "money_moving": false,
            ],
        ]
    }

    private func reading(_ tools: [JSON], _ limits: Catalogue.Limits = .init()) throws(CatalogueError) -> Catalogue {
        let document: JSON = [
            "plugin": ["id": "many", "version": "1.0.0", "title": "Many"], "tools": .array(tools), "operations": [],
            "needs": [:],
        ]
        return try Catalogue(
            parsing: document.bytes,
            abilities: .init(features: [], transforms: []),
            limits: limits
        )
    }

    @Test func `holds so many of a kind, and texts of some length`() throws {
        var limits = Catalogue.Limits()
        limits.elementsMax = 3
        let tools = (0..<4).map { tool("t\($0)") }

        #expect(try reading(Array(tools.dropLast()), limits).tools.count == 3)
        let error = #expect(throws: CatalogueError.self) { try reading(tools, limits) }
        #expect(error?.rule == "C1" && error?.pointer == "/tools")
        #expect(throws: CatalogueError.self) { try reading(tools.map { $0 } + (0..<2_000).map { tool("u\($0)") }) }
        let long = tool("t", title: String(repeating: "x", count: (16 << 10) + 1))
        #expect(#expect(throws: CatalogueError.self) { try reading([long]) }?.pointer == "/tools/0/title")
    }

    @Test func `has schemas and patterns of a size together, in however many tools`() throws {
        var limits = Catalogue.Limits()
        limits.schemasMax = 10
        limits.patternStatesMax = 100
        let text: JSON = ["type": "string", "pattern": "^a{40}$"]

        // Each has two schemas for itself, and one for its text.
        #expect(try reading((0..<2).map { tool("t\($0)", input: ["a": text]) }, limits).tools.count == 2)
        let patterns = #expect(throws: CatalogueError.self) {
            try reading((0..<3).map { tool("t\($0)", input: ["a": text]) }, limits)
        }
        #expect(patterns?.pointer == "/tools/2")
        let schemas = #expect(throws: CatalogueError.self) {
            try reading((0..<9).map { tool("t\($0)") }, limits)
        }
        #expect(schemas?.rule == "C1" && schemas?.reason.contains("together") == true)
    }
}
