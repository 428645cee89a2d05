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

    @Test func `is said of a stranger's name in short, without what cannot be seen`() throws {
        let schema = try JSONSchema(compiling: ["type": "object", "additionalProperties": false])
        for (name, shown) in [
            (String(repeating: "\u{202E}", count: 33_000), String(repeating: "?", count: 100) + "…"),
            ("a\u{200B}b\nc", "a?b?c"), ("jina é", "jina é"),
        ] {
            let found = try #require(schema.violations(in: .object([name: 1])).first)
            #expect(found.instancePath == "/" + shown && found.message.hasPrefix(shown + ": "), "\(found)")
        }
        let deep = try JSONSchema(compiling: [
            "$ref": "#/$defs/a",
            "$defs": [
                "a": ["type": ["object", "integer"], "additionalProperties": ["$ref": "#/$defs/a"], "maximum": 0]
            ],
        ])
        var value: JSON = 1
        for _ in 0..<50 { value = .object([String(repeating: "n", count: 90): value]) }
        let found = try #require(deep.violations(in: value).first)
        #expect(found.instancePath.count == 401 && found.message.count < 200, "\(found)")
    }
}
