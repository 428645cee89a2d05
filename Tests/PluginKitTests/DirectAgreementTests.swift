import OrderedJSON
import PluginKit
import PluginKitTesting
import Testing

/// A plugin with one tool that takes the direct way over values.
private func plugin(
    input: JSONObject,
    output: JSONObject = ["id": ["type": "string"]],
    lookup: JSON? = nil,
    render: @escaping @Sendable (Record) -> JSON = { ["id": .string($0.id)] },
    prepare: @escaping @Sendable (ArgumentValue) throws(Refusal) -> Void
) -> Plugin {
    var descriptor: JSONObject = [
        "name": "pay",
        "examples": [["title": "A phone", "arguments": ["phone": "254712345678"]]],
        "input_schema": [
            "type": "object", "properties": .object(input), "required": ["phone"], "additionalProperties": false,
        ],
        "output_schema": [
            "type": "object", "properties": .object(output), "required": ["id"], "additionalProperties": false,
        ],
    ]
    descriptor["lookup"] = lookup
    let tool = OperationTool(
        descriptor,
        prepare: { input throws(Refusal) in
            try prepare(input.arguments)
            return OperationPlan(body: [:])
        },
        render: render
    )
    return Plugin(id: "test", version: "1.0.0", title: "Test", tools: [.operation(tool)])
}

private let phone: JSON = ["type": "string", "minLength": 9, "maxLength": 20]

/// Reads a phone number, and refuses what is none, before anything else is read.
private func readPhone(_ arguments: ArgumentValue) throws(Refusal) {
    guard arguments["phone"]?.stringValue?.hasPrefix("254") == true else { throw Refusal("invalid_argument", "phone") }
}

struct `The arguments of a call` {
    private let arguments = PrepareInput(
        arguments: ["n": 5.0, "f": 0.5, "t": "x", "b": true, "z": .null, "l": [1, ["k": 2]], "o": ["p": "q"]],
        profile: Profile([:]),
        nowMilliseconds: 0,
        recordID: "r",
        originatorID: "o"
    )
    .arguments

    @Test func `read as JSON does`() {
        #expect(arguments["n"]?.integerValue == 5 && arguments["f"]?.integerValue == nil)
        #expect(arguments["f"]?.doubleValue == 0.5 && arguments["t"]?.doubleValue == nil)
        #expect(arguments["t"]?.stringValue == "x" && arguments["n"]?.stringValue == nil)
        #expect(arguments["b"]?.boolValue == true && arguments["t"]?.boolValue == nil)
        #expect(arguments["z"]?.isNull == true && arguments["t"]?.isNull == false)
        #expect(arguments["l"]?.arrayValue?.last?["k"]?.integerValue == 2 && arguments["o"]?.arrayValue == nil)
        #expect(arguments["o"]?.members?.map(\.name) == ["p"] && arguments["l"]?.members == nil)
        #expect(arguments["o"]?.json == ["p": "q"])
        #expect(arguments["none"] == nil && arguments["t"]?["deeper"] == nil)
    }

    @Test func `may have names that the schema does not fix`() {
        let labels: JSON = ["type": "object", "additionalProperties": ["type": "string"]]
        func found(_ read: @escaping @Sendable (ArgumentValue) -> Void) -> [String] {
            let plugin = plugin(input: ["phone": phone, "labels": labels]) { arguments throws(Refusal) in
                try readPhone(arguments)
                if let labels = arguments["labels"] { read(labels) }
            }
            return plugin.schemaDisagreements()
        }

        #expect(found { for (_, value) in $0.members ?? [] { _ = value.stringValue } } == [])
        #expect(found { _ = $0.json } == [])
        #expect(
            found { for (_, value) in $0.members ?? [] { _ = value.boolValue } }
                == ["pay, arguments: labels/another_member: the schema says string, and the tool reads boolean."]
        )
    }
}

struct `A schema and a tool that takes the direct way` {
    @Test func `agree where what is read is what the schema has`() {
        let items: JSON = [
            "type": "array",
            "items": [
                "type": "object", "properties": ["amount": ["type": "integer"]], "required": ["amount"],
                "additionalProperties": false,
            ],
        ]
        let plugin = plugin(input: ["phone": phone, "urgent": ["type": "boolean"], "items": items]) {
            arguments throws(Refusal) in
            try readPhone(arguments)
            _ = arguments["urgent"]?.boolValue
            for item in arguments["items"]?.arrayValue ?? [] { _ = item["amount"]?.integerValue }
        }

        #expect(plugin.schemaDisagreements() == [])
    }

    @Test func `disagree where a property is never read`() {
        let plugin = plugin(input: ["phone": phone, "amount": ["type": "integer"]], prepare: readPhone)

        #expect(
            plugin.schemaDisagreements()
                == ["pay, arguments: amount: it is a property of the schema, and the tool never reads it."]
        )
    }

    @Test func `disagree where something is read that the schema does not have`() {
        let plugin = plugin(input: ["phone": phone]) { arguments throws(Refusal) in
            try readPhone(arguments)
            _ = arguments["amuont"]
        }

        #expect(
            plugin.schemaDisagreements()
                == ["pay, arguments: amuont: the tool reads it, and the schema has no such property."]
        )
    }

    @Test func `disagree where something is read as another type`() {
        let plugin = plugin(input: ["phone": phone, "amount": ["type": "string"]]) { arguments throws(Refusal) in
            try readPhone(arguments)
            _ = arguments["amount"]?.integerValue
        }

        #expect(
            plugin.schemaDisagreements()
                == ["pay, arguments: amount: the schema says string, and the tool reads integer."]
        )
    }

    @Test func `disagree where one of several types is never read`() {
        let plugin = plugin(input: ["phone": phone, "amount": ["type": ["integer", "string", "null"]]]) {
            arguments throws(Refusal) in
            try readPhone(arguments)
            _ = arguments["amount"]?.integerValue
        }

        #expect(
            plugin.schemaDisagreements()
                == ["pay, arguments: amount: the schema allows string, and the tool never reads one."]
        )
    }

    @Test func `agree about output of a form that cannot be made up`() {
        let output: JSONObject = ["id": ["type": "string", "pattern": "^r-[a-z]+-7$"]]
        let plugin = plugin(
            input: ["phone": phone],
            output: output,
            render: { _ in ["id": "r-x-7"] },
            prepare: readPhone
        )

        #expect(plugin.schemaDisagreements() == [])
    }

    @Test func `are not known where no plan ever comes`() {
        let plugin = plugin(input: ["phone": phone]) { _ throws(Refusal) in throw Refusal("not_configured", "No.") }
        let found = plugin.schemaDisagreements()

        #expect(found.count == 1 && found[0].contains("the tool took none of the"))
    }

    @Test func `leave a look-up tool's argument to the host, and no other`() {
        let refuse: @Sendable (ArgumentValue) throws(Refusal) -> Void = { _ throws(Refusal) in
            throw Refusal("not_supported", "This tool only looks up.")
        }
        let lookup: JSON = ["pointer": "/phone", "namespace": "phone", "refresh_after_ms": 1]

        #expect(plugin(input: ["phone": phone], lookup: lookup, prepare: refuse).schemaDisagreements() == [])
        let another = plugin(input: ["phone": phone, "more": ["type": "string"]], lookup: lookup, prepare: refuse)
        #expect(
            another.schemaDisagreements()
                == ["pay, arguments: more: it is a property of the schema, and the tool never reads it."]
        )
    }

    @Test(
        arguments: [
            ([:], "id: it is a required property of the schema, and the tool never writes it."),
            (["id": 1], "id: the schema says string, and the tool writes integer."),
            (["id": "r", "more": 1], "more: the tool writes it, and the schema has no such property."),
        ] as [(JSON, String)]
    )
    func `disagree where what is shown is not what the schema says`(shown: JSON, sentence: String) {
        let plugin = plugin(input: ["phone": phone], render: { _ in shown }, prepare: readPhone)

        #expect(plugin.schemaDisagreements().contains("pay, output: " + sentence))
    }

    @Test func `disagree where a property is shown of no record`() {
        let output: JSONObject = ["id": ["type": "string"], "receipt": ["type": "string"]]
        let plugin = plugin(input: ["phone": phone], output: output, prepare: readPhone)

        #expect(
            plugin.schemaDisagreements()
                == ["pay, output: receipt: it is a property of the schema, and the tool never writes it."]
        )
    }
}
