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

    @Test(arguments: [
        ("1e20", false), ("-1e20", false), ("99999999999999999999", false), ("9223372036854775807", true),
        ("3e0", true),
    ])
    func `is a whole number that 64 bits do not hold, which would be read as none`(text: String, isOne: Bool) throws {
        let schema = try JSONSchema(compiling: ["type": "integer"])
        let value = try JSON(parsing: Array(text.utf8))
        #expect(schema.violations(in: value).isEmpty == isOne && (value.integerValue != nil) == isOne)
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

    private func message(_ schema: JSON, _ value: JSON) throws -> String? {
        let whole: JSON = ["type": "object", "properties": ["phone": schema]]
        return try JSONSchema(compiling: whole).violations(in: ["phone": value]).first?.message
    }

    @Test func `is told with what the schema says of a text, for a length says nothing of what belongs there`() throws {
        var phone: JSONObject = ["type": "string", "minLength": 9, "maxLength": 12, "pattern": "^[0-9]+$"]
        #expect(try message(.object(phone), "07") == "phone: expected at least 9 characters.")
        #expect(try message(.object(phone), "07 12345678") == "phone: expected text of the form ^[0-9]+$.")

        phone["description"] = "Such as 0712345678."
        let words = "Such as 0712345678."
        #expect(try message(.object(phone), "07") == "phone: expected at least 9 characters. " + words)
        #expect(
            try message(.object(phone), "0712345678901")
                == "phone: expected at most 12 characters, not 13. " + words
        )
        #expect(try message(.object(phone), "07 12345678") == "phone: expected text of another form. " + words)
        #expect(try message(.object(phone), 7)?.contains(words) == false)
    }

    @Test(arguments: [
        ("One  and\ntwo", "One and two"), ("Such as a. " + String(repeating: "more ", count: 60), "Such as a"),
        (String(repeating: "word ", count: 60), String(repeating: "word ", count: 32) + "…"), (" . ", nil),
    ])
    func `is told with no more of a long description than its sentences that fit`(said: String, short: String?) throws {
        let found = try message(["type": "string", "minLength": 2, "description": .string(said)], "x")
        #expect(found == "phone: expected at least 2 characters" + (short.map { ". " + $0 } ?? "") + ".")
    }
}
