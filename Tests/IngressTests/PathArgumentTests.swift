import OrderedJSON
import Testing

@testable import Ingress

struct `An argument in a path or a query` {
    private let schema: JSON = [
        "type": "object",
        "properties": [
            "row": ["type": "integer"], "share": ["type": "number"], "all": ["type": "boolean"],
            "name": ["type": "string"],
        ],
    ]

    @Test(
        arguments: [
            ("row", "12", 12), ("row", "-3", -3), ("share", "0.5", 0.5), ("all", "true", true), ("all", "false", false),
            ("name", "12", "12"), ("other", "12", "12"),
            // What does not fit stays text, so that the schema names what is wrong with it.
            ("row", "twelve", "twelve"), ("row", "1.5", "1.5"), ("all", "yes", "yes"),
        ] as [(String, String, JSON)]
    )
    func `is of the type that its schema asks for`(name: String, text: String, value: JSON) {
        #expect(QueryArguments.typed(text, name, schema) == value)
    }
}
