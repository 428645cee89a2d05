import OrderedJSON
import Testing

@testable import Gateway

struct `Arguments that stand in headers too` {
    func found(_ properties: JSON, sensitive: [String] = []) throws -> [HeaderParameter] {
        try HeaderParameter.all(
            in: ["type": "object", "properties": properties, "additionalProperties": false],
            at: "/schema",
            sensitive: sensitive.map { try JSONPointer(parsing: $0) }
        )
    }

    @Test func `are found where properties alone lead to them`() throws {
        let parameters = try found([
            "region": ["type": "string", "x-mcp-header": "Region"], "plain": ["type": "string"],
            "to": [
                "type": "object",
                "properties": [
                    "branch": ["type": "integer", "x-mcp-header": "branch!#$%&'*+-.^_`|~9"],
                    "properties": ["type": "boolean", "x-mcp-header": "Odd"],
                ],
            ],
        ])

        #expect(parameters.map(\.name) == ["Region", "branch!#$%&'*+-.^_`|~9", "Odd"])
        #expect(parameters.map(\.place.description) == ["/region", "/to/branch", "/to/properties"])
        #expect(parameters.map(\.kind) == [.string, .integer, .boolean])
    }

    @Test func `are not what only has the mark's name`() throws {
        let mark: JSON = ["x-mcp-header": "no name at all"]

        #expect(try found(["x-mcp-header": ["type": "string"]]).isEmpty)
        #expect(try found(["a": ["const": mark, "default": mark, "examples": [mark], "enum": [mark]]]).isEmpty)
    }

    static let marked: JSON = ["type": "string", "x-mcp-header": "Region"]

    static let refusals: [(JSON, String)] = [
        (["a": ["type": "string", "x-mcp-header": ""]], "/properties/a/x-mcp-header"),
        (["a": ["type": "string", "x-mcp-header": "no name"]], "/properties/a/x-mcp-header"),
        (["a": ["type": "string", "x-mcp-header": "Région"]], "/properties/a/x-mcp-header"),
        (["a": ["type": "string", "x-mcp-header": "a:b"]], "/properties/a/x-mcp-header"),
        (["a": ["type": "string", "x-mcp-header": 7]], "/properties/a/x-mcp-header"),
        (["a": ["type": "number", "x-mcp-header": "A"]], "/properties/a/x-mcp-header"),
        (["a": ["type": "object", "x-mcp-header": "A"]], "/properties/a/x-mcp-header"),
        (["a": ["type": ["string", "null"], "x-mcp-header": "A"]], "/properties/a/x-mcp-header"),
        (["a": ["x-mcp-header": "A"]], "/properties/a/x-mcp-header"),
        (["a": marked, "b": ["type": "string", "x-mcp-header": "rEGION"]], "/properties/b/x-mcp-header"),
        (["a": ["type": "array", "items": marked]], "/properties/a/items/x-mcp-header"),
        (["a": ["anyOf": [marked]]], "/properties/a/anyOf/0/x-mcp-header"),
        (["a": ["additionalProperties": marked]], "/properties/a/additionalProperties/x-mcp-header"),
        (["a": ["$defs": ["b": marked]]], "/properties/a/$defs/b/x-mcp-header"),
        (["a": ["if": ["properties": ["b": marked]]]], "/properties/a/if/properties/b/x-mcp-header"),
        (["a": ["patternProperties": ["^b": marked]]], "/properties/a/patternProperties/^b/x-mcp-header"),
    ]

    @Test(arguments: refusals)
    func `are refused where clients would refuse the tool`(properties: JSON, place: String) {
        let error = #expect(throws: CatalogueError.self) { try found(properties) }

        #expect(error?.rule == "C5" && error?.pointer == "/schema" + place)
    }

    @Test func `are refused on the schema itself`() {
        let schema: JSON = ["type": "object", "x-mcp-header": "A"]

        #expect(throws: CatalogueError.self) { try HeaderParameter.all(in: schema, at: "", sensitive: []) }
    }

    @Test(arguments: ["", "/to", "/to/branch", "/*/branch"])
    func `are never sensitive`(pointer: String) {
        let properties: JSON = ["to": ["properties": ["branch": ["type": "integer", "x-mcp-header": "Branch"]]]]

        #expect(throws: CatalogueError.self) { try found(properties, sensitive: [pointer]) }
        #expect(throws: Never.self) { try found(properties, sensitive: ["/to/branch/deeper", "/t", "/*/other"]) }
    }
}
