import Gateway
import OrderedJSON
import Testing

struct `A tool that may go on after its reply` {
    private func tool(_ terms: JSON, kind: String = "function") throws -> ToolDescriptor {
        let schema: JSON = ["type": "object", "additionalProperties": false]
        let document: JSON = [
            "plugin": ["id": "p", "version": "1.0.0", "title": "P"],
            "operations": [["name": "pay", "direction": "out", "upstream": "daraja", "path": "/pay"]],
            "tools": [
                [
                    "name": "dig", "kind": .string(kind), "operation": "pay", "title": "T", "description": "T.",
                    "input_schema": schema, "output_schema": schema, "x-task": terms,
                    "annotations": [
                        "read_only": .bool(kind == "function"), "destructive": .bool(kind != "function"),
                        "idempotent": false, "open_world": true, "money_moving": .bool(kind != "function"),
                    ],
                ]
            ],
        ]
        let catalogue = try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: []))
        return catalogue.tools[0]
    }

    @Test func `says for how long, and whether it may be begun again`() throws {
        #expect(
            try tool(["deadline_ms": 60_000]).task == TaskTerms(deadline: .seconds(60), mayBeginAgain: false)
        )
        #expect(try tool(["deadline_ms": 60_000, "again": true]).task?.mayBeginAgain == true)
        #expect(try tool(.null).task == nil)
    }

    @Test(
        arguments: [
            ([:], "/tools/0/x-task/deadline_ms"), (["deadline_ms": 999], "/tools/0/x-task/deadline_ms"),
            (["deadline_ms": 21_600_001], "/tools/0/x-task/deadline_ms"), ("long", "/tools/0/x-task"),
        ] as [(JSON, String)]
    )
    func `is refused for terms that are none`(terms: JSON, pointer: String) {
        let error = #expect(throws: CatalogueError.self) { try tool(terms) }

        #expect(error?.rule == "C1" && error?.pointer == pointer)
    }

    @Test func `moves no money`() {
        let error = #expect(throws: CatalogueError.self) { try tool(["deadline_ms": 60_000], kind: "operation") }

        #expect(error?.rule == "C1" && error?.pointer == "/tools/0/x-task")
    }
}
