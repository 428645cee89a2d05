import OrderedJSON
import PluginKit
import PluginKitTesting
import Testing

private enum Kind: String, Codable, CaseIterable { case paybill, till }
private enum Colour: String, Codable { case red, blue }

private struct Line: Codable {
    var name: String
    var count: Int?
}

private struct Order: Codable {
    var id: Int
    var share: Double?
    var kind: Kind
    var colour: String?
    var urgent: Bool?
    var lines: [Line]
    var labels: [String: Int]?
    var extra: JSON?
}

private let schema: JSON = [
    "type": "object",
    "properties": [
        "id": ["type": "integer", "minimum": 1],
        "share": ["type": ["number", "null"], "minimum": 0, "maximum": 1],
        "kind": ["enum": ["paybill", "till"]],
        "colour": ["type": "string", "pattern": "^#[0-9a-f]{6}$", "examples": ["#00ff00"]],
        "urgent": ["type": "boolean"],
        "lines": ["type": "array", "minItems": 1, "items": ["$ref": "#/$defs/line"]],
        "labels": ["type": "object", "additionalProperties": ["type": "integer"]],
        "extra": true,
    ],
    "required": ["id", "kind", "lines"],
    "additionalProperties": false,
    "$defs": [
        "line": [
            "type": "object", "properties": ["name": ["type": "string"], "count": ["type": "integer"]],
            "required": ["name"], "additionalProperties": false,
        ]
    ],
]

/// The schema with another value at a place; without one, with nothing there.
private func changed(_ place: String, _ value: JSON?) throws -> JSON {
    let pointer = try JSONPointer(parsing: place)
    var changed = schema
    guard let value else {
        let parent = JSONPointer(tokens: pointer.tokens.dropLast())
        var object = try #require(changed.value(at: parent)?.objectValue)
        object[try #require(pointer.tokens.last)] = nil
        changed.set(.object(object), at: parent)
        return changed
    }
    changed.set(value, at: pointer)
    return changed
}

struct `A schema and the type that arguments are read as` {
    @Test func `agree where both say the same`() {
        #expect(SchemaAgreement.arguments(Order.self, schema: schema) == [])
    }

    static let disagreements: [(String, JSON?, String)] = [
        ("/properties/more", ["type": "string"], "more: it is a property of the schema, and Order never reads it."),
        ("/properties/urgent", nil, "urgent: Order reads it, and the schema has no such property."),
        ("/required", ["id", "kind"], "lines: Order needs it, and the schema does not require it."),
        ("/properties/id", ["type": "string"], "id: the schema says string, and Order reads integer."),
        ("/properties/id", ["type": "number"], "id: the schema says number, and Order reads integer."),
        ("/properties/share", ["type": "integer"], "share: the schema says integer, and Order reads number."),
        ("/properties/urgent", ["enum": [0, 1]], "urgent: the schema says integer, and Order reads boolean."),
        ("/properties/lines/type", "object", "lines: the schema says object, and Order reads array."),
        (
            "/properties/id/type", ["integer", "null"],
            "id: the schema allows null, and Order does not: expected a whole number, found null."
        ),
        ("/properties/kind", ["enum": ["paybill"]], #"kind: Order has "till", which the schema does not list."#),
        (
            "/properties/kind", ["enum": ["paybill", "till", "bank"]],
            #"kind: the schema lists "bank", which Order does not have."#
        ),
        (
            "/properties/kind", ["type": "string"],
            #"kind: Order takes only "paybill", "till", and the schema lists no values."#
        ),
        (
            "/$defs/line/properties/unit", ["type": "string"],
            "lines/*/unit: it is a property of the schema, and Order never reads it."
        ),
        ("/$defs/line/required", [], "lines/*/name: Order needs it, and the schema does not require it."),
        ("/$defs/line/properties/count", nil, "lines/*/count: Order reads it, and the schema has no such property."),
        (
            "/properties/labels/additionalProperties", ["type": "string"],
            "labels/another_member: the schema says string, and Order reads integer."
        ),
        (
            "/additionalProperties", true,
            "the whole: the schema allows members besides its properties, which Order does not read: add \"additionalProperties\": false."
        ),
        (
            "/$defs/line/additionalProperties", nil,
            "lines/*: the schema allows members besides its properties, which Order does not read: add \"additionalProperties\": false."
        ),
        (
            "/properties/colour/examples", nil,
            "colour: no value could be made for it: add `examples` to its schema."
        ),
        (
            "/$defs/line/properties/count", ["type": "integer", "not": true],
            "lines/*/count: no value could be made for it: add `examples` to its schema."
        ),
        (
            "/$defs/line/properties/name", ["type": "string", "pattern": "^[A-Z]{3}$"],
            "the whole: no value could be made: add `examples` to the schema."
        ),
        (
            "/properties/kind", ["enum": "till"],
            "the schema cannot be used: /properties/kind/enum: expected a list of values"
        ),
    ]

    @Test(arguments: disagreements)
    func `disagree in one sentence that says where and how`(place: String, value: JSON?, sentence: String) throws {
        #expect(SchemaAgreement.arguments(Order.self, schema: try changed(place, value)) == [sentence])
    }

    @Test func `disagree where a whole number may be larger than the type`() {
        struct Small: Decodable { var count: UInt8 }
        func found(_ count: JSON) -> [String] {
            SchemaAgreement.arguments(
                Small.self,
                schema: [
                    "type": "object", "properties": ["count": count], "required": ["count"],
                    "additionalProperties": false,
                ]
            )
        }

        #expect(found(["type": "integer", "minimum": 0, "maximum": 255]) == [])
        #expect(found(["type": "integer", "minimum": 0, "maximum": 256]).count == 1)
        #expect(found(["type": "integer", "minimum": -1, "maximum": 255]).count == 1)
        #expect(found(["type": "integer"]).count == 1)
    }

    @Test func `cannot be compared where an enumeration does not list its values`() {
        struct Paint: Decodable { var colour: Colour }
        let schema: JSON = [
            "type": "object", "properties": ["colour": ["enum": ["red"]]], "required": ["colour"],
            "additionalProperties": false,
        ]

        #expect(
            SchemaAgreement.arguments(Paint.self, schema: schema)
                == ["colour: the schema lists values, and Paint does not say which it has: make it CaseIterable."]
        )
    }

    @Test func `agree where both refer to themselves`() throws {
        struct Tree: Codable {
            var name: String
            var children: [Tree]?
        }
        var schema: JSON = [
            "$ref": "#/$defs/tree",
            "$defs": [
                "tree": [
                    "type": "object",
                    "properties": [
                        "name": ["type": "string"],
                        "children": ["type": "array", "items": ["$ref": "#/$defs/tree"]],
                    ],
                    "required": ["name"], "additionalProperties": false,
                ]
            ],
        ]

        #expect(SchemaAgreement.arguments(Tree.self, schema: schema) == [])
        #expect(SchemaAgreement.output(Tree.self, schema: schema) == [])
        schema.set([], at: try JSONPointer(parsing: "/$defs/tree/required"))
        #expect(SchemaAgreement.arguments(Tree.self, schema: schema).first?.hasPrefix("name: Tree needs it") == true)
    }

    @Test func `are told of an example that is not valid`() {
        struct Nothing: Decodable {
            init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: K.self) }; enum K: CodingKey {}
        }

        let found = SchemaAgreement.arguments(
            Nothing.self,
            schema: ["type": "object", "additionalProperties": false],
            examples: [["a": 1]]
        )
        #expect(found == [#"an example is not valid: {"a":1}"#])
    }
}

struct `A schema and the type that is written as output` {
    @Test func `agree where both say the same`() throws {
        #expect(SchemaAgreement.output(Order.self, schema: try changed("/properties/colour", ["type": "string"])) == [])
    }

    @Test(
        arguments: [
            (
                "/required", ["id", "kind", "lines", "urgent"],
                "urgent: the schema requires it, and Order may leave it out."
            ),
            (
                "/properties/colour", ["enum": ["#000000"]],
                "colour: the schema lists \"#000000\", and Order may write any other: make it an enumeration."
            ),
            ("/properties/urgent", nil, "urgent: Order writes it, and the schema has no such property."),
            (
                "/properties/id", ["type": "number", "minimum": 1],
                "id: the schema says number, and Order writes integer."
            ),
            (
                "/properties/more", ["type": "string"],
                "more: it is a property of the schema, and Order never writes it."
            ),
            (
                "/$defs/line/required", ["name", "count"],
                "lines/*/count: the schema requires it, and Order may leave it out."
            ),
        ] as [(String, JSON?, String)]
    )
    func `disagree in one sentence`(place: String, value: JSON?, sentence: String) throws {
        var changed = try changed(place, value)
        if !place.hasPrefix("/properties/colour") {
            changed.set(["type": "string"], at: try JSONPointer(parsing: "/properties/colour"))
        }

        #expect(SchemaAgreement.output(Order.self, schema: changed) == [sentence])
    }

    @Test func `disagree where what is written is not what is read`() {
        struct Odd: Codable {
            var name: String
            enum CodingKeys: CodingKey { case name, title }
            init(from decoder: any Decoder) throws {
                name = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .name)
            }
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(name, forKey: .title)
            }
        }
        let found = SchemaAgreement.output(
            Odd.self,
            schema: ["type": "object", "properties": ["name": ["type": "string"]], "additionalProperties": false]
        )

        #expect(found.contains("name: it is a property of the schema, and Odd never writes it."))
        #expect(found.contains("title: Odd writes it, and the schema has no such property."))
        #expect(found.contains("name: Odd needs it, and the schema does not require it."))
    }

    @Test func `leave content blocks beside the schema alone`() {
        struct Linked: Codable {
            var count: Int
            var content: JSON?
            enum CodingKeys: String, CodingKey { case count, content = "$content" }
        }
        let schema: JSON = [
            "type": "object", "properties": ["count": ["type": "integer"]], "required": ["count"],
            "additionalProperties": false,
        ]

        #expect(SchemaAgreement.output(Linked.self, schema: schema) == [])
    }
}
