import JSONSchema
import OrderedJSON
import Testing

@testable import Gateway

/// A tool of one kind, and what a call of it looks like.
private struct Sample {
    let tool: ToolDescriptor
    let schemas: CallSchemas

    init(_ direction: OperationDirection?, requiresKey: Bool = false, waitMax: Duration = .zero) throws {
        let schema: JSON = [
            "type": "object",
            "properties": ["amount": ["type": "integer"], "phone": ["type": "string"], "note": ["type": "string"]],
            "required": ["amount"], "additionalProperties": false,
        ]
        let compiled = try JSONSchema(compiling: schema)
        let movesMoney = direction.map { $0 != .none } ?? false
        tool = ToolDescriptor(
            name: "sample",
            index: 0,
            kind: direction == nil ? .function : .operation(0),
            title: "Sample",
            summary: "Does it.",
            inputSchema: schema,
            inputValidator: compiled,
            outputSchema: schema,
            outputValidator: compiled,
            annotations: .init(
                readOnly: false,
                destructive: true,
                idempotent: false,
                openWorld: true,
                movesMoney: movesMoney
            ),
            bucket: "money",
            route: .init(method: "POST", segments: [.literal("sample")], successStatus: 200),
            waitMax: waitMax,
            requiresIdempotencyKey: requiresKey,
            sensitive: [try JSONPointer(parsing: "/phone")]
        )
        let document: JSON = [
            "plugin": ["id": "p", "version": "1.0.0", "title": "P"],
            "operations": [
                [
                    "name": "one", "direction": .string((direction ?? .none).rawValue), "upstream": "daraja",
                    "path": "/x",
                ]
            ],
            "tools": [
                [
                    "name": "t", "kind": "function", "title": "T", "description": "T.", "input_schema": schema,
                    "output_schema": schema,
                    "annotations": [
                        "read_only": true, "destructive": false, "idempotent": true, "open_world": false,
                        "money_moving": false,
                    ],
                ]
            ],
        ]
        let catalogue = try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: []))
        schemas = CallSchemas(tool, operations: catalogue.operations)
    }

    func checked(_ arguments: JSON, key: String? = nil, door: Door = .mcp) throws(GatewayError) -> ToolCall {
        try ValidateArguments.checked(
            ToolCall(
                id: CallID(Identifier(high: 9, low: 9)),
                door: door,
                credential: .none,
                tool: tool.name,
                arguments: arguments,
                idempotencyKey: key
            ),
            tool: tool,
            schemas: schemas,
            principal: .sample()
        )
        .call
    }

    func refusal(_ arguments: JSON, key: String? = nil, door: Door = .mcp) throws -> GatewayError {
        try #require(#expect(throws: GatewayError.self) { _ = try checked(arguments, key: key, door: door) })
    }
}

struct `A call's schema` {
    @Test(arguments: [OperationDirection.outgoing, .reverse])
    func `asks for a key by MCP where money goes out, and says how keys work`(direction: OperationDirection) throws {
        let sample = try Sample(direction)

        #expect(sample.schemas.mcp.document["required"] == ["amount", "idempotency_key"])
        #expect(sample.schemas.mcp.summary.contains("idempotency_key is required"))
        #expect(try sample.refusal(["amount": 1]).errors.map(\.pointer) == ["/idempotency_key"])
        #expect(try sample.checked(["amount": 1], door: .rest).idempotencyKey == nil)
    }

    @Test func `offers a key where money comes in, and none where none moves`() throws {
        let collects = try Sample(.incoming).schemas
        let asks = try Sample(OperationDirection.none).schemas

        #expect(collects.mcp.document["required"] == ["amount"] && collects.mcp.summary.contains("idempotency_key"))
        #expect(collects.rest.summary.contains("Idempotency-Key"))
        #expect(asks.mcp.document["properties"]?["idempotency_key"] == nil && asks.mcp.summary == "Does it.")
    }

    @Test(
        arguments: [1017, true, [], .null, ["a": 1], "", "two words", "ü", .string(String(repeating: "k", count: 256))]
            as [JSON]
    )
    func `refuses a key that is none, naming it`(key: JSON) throws {
        for (direction, door) in [(.incoming, .mcp), (.outgoing, .mcp), (.incoming, .rest)]
            as [(OperationDirection, Door)]
        {
            let refusal = try Sample(direction).refusal(["amount": 1, "idempotency_key": key], door: door)

            #expect(refusal.code == .invalidArgument && refusal.errors.contains { $0.pointer == "/idempotency_key" })
        }
    }

    @Test func `takes a key from the header or the arguments, not two`() throws {
        let sample = try Sample(.outgoing)
        for door in [Door.rest, .mcp] {
            let named: JSON = ["amount": 1, "idempotency_key": "k1"]
            let taken = try sample.checked(named, door: door)

            #expect(taken.idempotencyKey == "k1" && taken.arguments == ["amount": 1])
            #expect(try sample.checked(["amount": 1], key: "k1", door: door).idempotencyKey == "k1")
            #expect(try sample.checked(named, key: "k1", door: door).idempotencyKey == "k1")
            for other: JSON in ["k2", 1, .null] {
                let refusal = try sample.refusal(["amount": 1, "idempotency_key": other], key: "1", door: door)
                #expect(refusal.isAboutCall && refusal.errors.map(\.pointer) == ["/idempotency_key"])
            }
        }
    }

    @Test func `lets a caller wait as long as the tool lets it, and gives the plugin nothing of that`() throws {
        let sample = try Sample(.incoming, waitMax: .seconds(60))
        for door in [Door.rest, .mcp] {
            let call = try sample.checked(["amount": 1, "wait": 20], door: door)
            #expect(call.wait == .seconds(20) && call.arguments == ["amount": 1])
            #expect(try sample.checked(["amount": 1], door: door).wait == nil)
            for wrong: JSON in [61, -1, "20", 1.5, .null] {
                let refusal = try sample.refusal(["amount": 1, "wait": wrong], door: door)
                #expect(refusal.errors.map(\.pointer) == ["/wait"])
            }
        }
    }

    @Test func `has no wait where nothing can be waited for`() throws {
        for sample in [try Sample(.incoming), try Sample(nil, waitMax: .seconds(60))] {
            #expect(sample.schemas.mcp.document["properties"]?["wait"] == nil)
            #expect(try sample.refusal(["amount": 1, "wait": 1]).code == .invalidArgument)
        }
    }

    @Test func `has a person's answer by REST, of its form`() throws {
        let sample = try Sample(nil)
        let answer: JSON = ["action": "accept", "content": ["sure": true]]
        let taken = try sample.checked(["amount": 1, "$state": "s", "$input": answer], door: .rest)

        #expect(taken.arguments == ["amount": 1])
        #expect(taken.answer == QuestionReply(action: "accept", content: ["sure": true], state: "s"))
        let wrong: [JSON] = [
            ["amount": 1, "$state": 7, "$input": answer], ["amount": 1, "$state": .null, "$input": answer],
            ["amount": 1, "$state": "s"], ["amount": 1, "$input": answer],
            ["amount": 1, "$state": "s", "$input": ["action": "perhaps"]],
            ["amount": 1, "$state": "s", "$input": ["action": "accept", "content": 1]],
        ]
        for arguments in wrong { #expect(try sample.refusal(arguments, door: .rest).code == .invalidArgument) }
        #expect(try sample.refusal(["amount": 1, "$state": "s", "$input": answer]).errors.count == 2)
        #expect(
            try Sample(.incoming).refusal(["amount": 1, "$state": "s", "$input": answer], door: .rest).errors.count == 2
        )
    }
}

struct `Validating arguments` {
    @Test func `names the field and what was expected`() throws {
        let refusal = try Sample(.incoming).refusal(["amount": "x"])

        #expect(refusal.errors.first?.pointer == "/amount")
        #expect(refusal.errors.first?.message == "amount: expected a whole number.")
    }

    @Test func `takes the caller's own identity away and refuses another's`() throws {
        let own = OrganizationID(Identifier(high: 1, low: 1)).description
        let sample = try Sample(.incoming)

        #expect(try sample.checked(["amount": 1, "org_id": .string(own)]).arguments == ["amount": 1])
        #expect(try sample.refusal(["amount": 1, "org_id": "other"]).code == .permissionDenied)
        #expect(try sample.refusal(["amount": 1, "org_id": .null]).code == .permissionDenied)
    }

    @Test(arguments: ["a\u{0}b", "a\u{1B}[31m", "a\u{7F}", "a\u{85}b"])
    func `lets no control character in, anywhere`(text: String) throws {
        for direction in [nil, .incoming, .some(.none)] as [OperationDirection?] {
            let refusal = try Sample(direction).refusal(["amount": 1, "note": .string(text)], door: .rest)
            #expect(refusal.errors.map(\.pointer) == ["/note"])
            let named = JSON.object(JSONObject([("amount", 1), (text, 1)]))
            #expect(try Sample(direction).refusal(named, door: .rest).code == .invalidArgument)
        }
    }

    @Test(arguments: [
        "two\nlines", "a\tb", "a\r", "ab\u{202E}cd", "a\u{200B}b", "\u{FEFF}a", "a\u{2066}b", "\u{3164}", "\u{2800}",
    ])
    func `has an operation's texts be one line in which everything is seen`(text: String) throws {
        #expect(try Sample(.incoming).refusal(["amount": 1, "note": .string(text)]).errors.map(\.pointer) == ["/note"])
        #expect(throws: Never.self) { try Sample(nil).checked(["amount": 1, "note": .string(text)], door: .rest) }
    }

    @Test func `leaves numbers as people paste them to the plugin`() throws {
        let pasted: JSON = ["amount": 1, "phone": "\u{202A}+254\u{A0}712 345 678\u{202C}"]

        #expect(try Sample(.incoming).checked(pasted).arguments == pasted)
        #expect(throws: GatewayError.self) { try Sample(.incoming).checked(["amount": 1, "phone": "07\u{0}12"]) }
    }
}
