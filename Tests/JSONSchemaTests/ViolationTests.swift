import OrderedJSON
import Testing

@testable import JSONSchema

struct `What is wrong with a value` {
    @Test func `is said of the member, or of the element of a list by the list's name`() throws {
        let schema = try JSONSchema(compiling: [
            "type": "object",
            "properties": [
                "types": ["type": "array", "items": ["enum": ["a", "b"]]], "7": ["type": "string"],
                "rows": ["type": "array", "items": ["type": "object", "properties": ["amount": ["type": "integer"]]]],
            ],
        ])
        let found = schema.violations(in: ["types": ["a", "c"], "7": 1, "rows": [["amount": "x"]]])

        let named = Dictionary(uniqueKeysWithValues: found.map { ($0.instancePath, $0.message) })
        #expect(named["/types/1"]?.hasPrefix("types[1]: ") == true, "\(named)")
        #expect(
            named["/7"]?.hasPrefix("7: ") == true && named["/rows/0/amount"]?.hasPrefix("amount: ") == true,
            "\(named)"
        )
    }
}
