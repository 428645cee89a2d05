import Gateway
import OrderedJSON

/// A plugin of money without a wire format: what M-Pesa "says" is the evidence itself, as docs/abi.md 4.2 writes it.
///
/// So a test of the core states a verdict and sees what follows. Bytes that are `crash` make `interpret` fail, and
/// `{"not_mine": true}` is for another. Its kinds are like those of real plugins:
///
///     collect  in       asked by collect_query (answered by its reply)
///     pay      out      known by our id at /id; asked by pay_query (answered by callback); `pay_many` makes batches
///     undo     reverse  of the transaction in the argument `original`
///     refund   reverse  the same, found by the host: by its id, its receipt or its `fake_id`
///     ask      none     an exchange, answered by callback
package enum FakePlugin {
    /// What bytes make `interpret` fail.
    package static let crash = Array("crash".utf8)

    /// A loaded generation of it; one that `fails` reads nothing at all, and one that `isAway` is not even asked to;
    /// `change` puts other functions in the place of its own, `tools` says more of each tool, and `payouts` of those that pay.
    package static func make(
        id: String = "fake",
        generation: Int = 1,
        digest: String = "d1",
        collect: JSONObject = [:],
        pay: JSONObject = [:],
        tools: JSONObject = [:],
        payouts: JSONObject = [:],
        crashes: Bool = true,
        fails: Bool = false,
        isAway: Bool = false,
        changing change: (LoadedPlugin.OperationFunctions) -> LoadedPlugin.OperationFunctions = { $0 }
    ) throws -> LoadedPlugin {
        let document = catalogue(id: id, collect: collect, pay: pay, tools: tools, payouts: payouts)
        let catalogue = try Catalogue(
            parsing: document.bytes,
            abilities: .init(transforms: ["stk_password", "security_credential"])
        )
        return LoadedPlugin(
            catalogue,
            generation: generation,
            digest: digest,
            operationFunctions: change(functions(catalogue, crashes: crashes, fails: fails, isAway: isAway)),
            asynchronous: .init(invoke: nil),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in throw unsupported },
                resource: { _ throws(LoadedPlugin.Failure) in throw unsupported }
            )
        )
    }

    private static let unsupported = LoadedPlugin.Failure(status: 21, reason: "not supported")

    private static func functions(
        _ catalogue: Catalogue,
        crashes: Bool,
        fails: Bool,
        isAway: Bool
    ) -> LoadedPlugin.OperationFunctions {
        let tools = catalogue.tools.map(\.name)
        return LoadedPlugin.OperationFunctions(
            prepare: { tool, input throws(LoadedPlugin.Failure) in plan(tools[tool], try read(input)).bytes },
            interpret: { _, _, raw throws(LoadedPlugin.Failure) in
                if isAway { throw LoadedPlugin.Failure(status: 14, reason: "no worker", hasRun: false) }
                if fails || raw == crash && crashes { throw LoadedPlugin.Failure(status: 22, reason: "crashed") }
                guard let said = try? JSON(parsing: raw) else {
                    return JSON.object(["evidence": ["verdict": "unknown", "meaning": "Not readable."]]).bytes
                }
                if said["not_mine"] != nil { return said.bytes }
                return JSON.object(["evidence": said]).bytes
            },
            query: { _, input throws(LoadedPlugin.Failure) in
                let record = try read(input)["record"] ?? .null
                let hasID = !(record["external_ids"]?.objectValue ?? [:]).isEmpty || record["direction"] == "out"
                guard hasID else { return JSON.object(["none": true]).bytes }
                return JSON.object(["plan": ["request": ["body": ["about": record["id"] ?? .null, "url": ""]]]]).bytes
            },
            render: { _, input throws(LoadedPlugin.Failure) in
                JSON.object(["record": try read(input)["record"] ?? .null]).bytes
            }
        )
    }

    private static func read(_ input: [UInt8]) throws(LoadedPlugin.Failure) -> JSON {
        do { return try JSON(parsing: input) } catch {
            throw LoadedPlugin.Failure(status: 22, reason: "input is not JSON")
        }
    }

    /// Guards as money plugins have them: a phone has one open request of money in, and an amount to it one in a while.
    private static func plan(_ tool: String, _ input: JSON) -> JSON {
        let arguments = input["arguments"] ?? .null
        let party = arguments["phone"]?.stringValue ?? ""
        let amount = arguments["amount"]?.integerValue ?? input["x-original"]?["left"]?.integerValue ?? 0
        let key = "\(tool):\(party):\(amount)"
        var intent: JSONObject = [:]
        if tool != "fake_ask" {
            intent["party"] = arguments["phone"]
            intent["amount"] = .integer(amount)
            if !tool.hasSuffix("refund") { intent["original"] = arguments["original"] }
        }
        if tool == "fake_collect" || tool == "fake_pay" || tool == "fake_pay_many" {
            intent["guards"] = [["key": .string(key), "open_max": 1, "window_ms": 60_000, "message": "Wait."]]
        }
        let body: JSON = ["id": input["ids"]?["record"] ?? .null, "amount": .integer(amount), "url": ""]
        return ["plan": ["intent": .object(intent), "request": ["body": body]]]
    }
}

extension FakePlugin {
    private static func catalogue(
        id: String,
        collect: JSONObject,
        pay: JSONObject,
        tools more: JSONObject,
        payouts: JSONObject
    ) -> JSON {
        let prefix = id == "fake" ? "fake" : "fake_" + id.filter { $0 != "-" }
        let tools = [
            tool(prefix, "collect", moves: true), tool(prefix, "pay", moves: true),
            tool(prefix, "undo", moves: true), tool(prefix, "refund", moves: true),
            tool(prefix, "ask", moves: false),
            status(prefix, of: "collect"), status(prefix, of: "pay"), many(prefix),
        ]
        return [
            "plugin": ["id": .string(id), "version": "1.0.0", "title": "Fake"],
            "operations": [
                kind("collect", "in", query: "collect_query", more: collect),
                kind("collect_query", "none"),
                kind("pay", "out", query: "pay_query", callbacks: true, more: pay),
                kind("pay_query", "none", callbacks: true),
                kind("undo", "reverse", callbacks: true),
                kind("refund", "reverse", callbacks: true, more: ["x-original": original]),
                kind("ask", "none", callbacks: true),
            ],
            "tools": .array(
                tools.map { tool in
                    var tool = tool.objectValue ?? JSONObject()
                    for (name, value) in more { tool[name] = value }
                    let isPayout = tool["operation"] == "pay" && tool["lookup"] == nil
                    for (name, value) in payouts where isPayout { tool[name] = value }
                    return .object(tool)
                }
            ),
        ]
    }

    private static let original: JSON = [
        "pointer": "/original", "namespaces": ["fake_id"], "unmoved": "/unmoved",
    ]

    private static func kind(
        _ name: String,
        _ direction: String,
        query: String? = nil,
        callbacks: Bool = false,
        more: JSONObject = [:]
    ) -> JSON {
        var kind: JSONObject = [
            "name": .string(name), "direction": .string(direction), "upstream": "daraja",
            "path": .string("/fake/" + name),
        ]
        if callbacks || name == "collect" { kind["callbacks"] = [["name": "result", "pointer": "/url"]] }
        if name == "pay" { kind["deduplication"] = ["mode": "host_id", "pointer": "/id"] }
        if let query {
            kind["query"] = [
                "operation": .string(query), "first_after_ms": 20_000, "every_ms": [20_000, 60_000, 3_600_000],
                "trust_failure_after_ms": 90_000, "horizon_ms": 86_400_000,
            ]
        }
        for (name, value) in more { kind[name] = value }
        return .object(kind)
    }

    private static func tool(_ prefix: String, _ operation: String, moves: Bool) -> JSON {
        let required: JSON = operation == "undo" ? ["original", "amount"] : operation == "refund" ? ["original"] : []
        return [
            "name": .string("\(prefix)_\(operation)"), "kind": "operation", "operation": .string(operation),
            "title": "Fake", "description": "Fake.",
            "input_schema": [
                "type": "object",
                "properties": [
                    "phone": ["type": "string"], "amount": ["type": "integer", "minimum": 1],
                    "original": ["type": "string"], "unmoved": ["type": "array", "items": ["type": "string"]],
                ],
                "required": required,
                "additionalProperties": false,
            ],
            "output_schema": output, "sensitive": ["/phone"],
            "annotations": annotations(moves: moves),
            "wait": ["default_ms": 0, "max_ms": 60_000],
        ]
    }

    /// Pays many together; each item is what `pay` takes.
    private static func many(_ prefix: String) -> JSON {
        let item: JSON = [
            "type": "object",
            "properties": ["phone": ["type": "string"], "amount": ["type": "integer", "minimum": 1]],
            "required": ["phone", "amount"], "additionalProperties": false,
        ]
        return [
            "name": .string("\(prefix)_pay_many"), "kind": "operation", "operation": "pay",
            "x-items": ["pointer": "/payments"], "title": "Fake", "description": "Fake.",
            "input_schema": [
                "type": "object", "properties": ["payments": ["type": "array", "items": item, "maxItems": 10_000]],
                "required": ["payments"], "additionalProperties": false,
            ],
            "output_schema": output, "sensitive": ["/payments/*/phone"],
            "annotations": annotations(moves: true),
        ]
    }

    private static func status(_ prefix: String, of operation: String) -> JSON {
        [
            "name": .string("\(prefix)_\(operation)_status"), "kind": "operation", "operation": .string(operation),
            "title": "Fake", "description": "Fake.",
            "input_schema": [
                "type": "object", "properties": ["id": ["type": "string"]], "required": ["id"],
                "additionalProperties": false,
            ],
            "output_schema": output,
            "annotations": annotations(moves: false),
            "lookup": ["pointer": "/id", "namespace": "fake_id", "refresh_after_ms": 30_000],
        ]
    }

    private static let output: JSON = [
        "type": "object", "properties": ["record": ["type": "object"]], "required": ["record"],
        "additionalProperties": false,
    ]

    private static func annotations(moves: Bool) -> JSON {
        [
            "read_only": .bool(!moves), "destructive": .bool(moves), "idempotent": .bool(!moves), "open_world": true,
            "money_moving": .bool(moves),
        ]
    }
}
