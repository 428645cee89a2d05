import JSONSchema
import OrderedJSON

/// What a call of a tool looks like at each door: the tool's own arguments and what the door adds, as one schema that
/// is shown and that every call is held to.
///
/// Made once for each tool of a generation.
package final class CallSchemas: Sendable {
    /// A schema as it is shown, and compiled.
    package struct Schema: Sendable {
        /// As callers see it.
        package let document: JSON
        /// The tool's description, with how keys work at this door where the tool takes one.
        package let summary: String
        private let compiled: Result<JSONSchema, SchemaError>

        /// Compiles a schema; one that cannot be used is found when a call comes.
        ///
        /// - Parameter items: The list whose items are not looked at: they are checked one by one, each with its row.
        package init(_ document: JSON, summary: String, leaving items: ItemsBinding? = nil) {
            self.document = document
            self.summary = summary
            var checked = document
            if let items {
                let place = JSONPointer(tokens: ["properties", items.name, "items"])
                _ = checked.set(true, at: place)
            }
            let bound = checked
            compiled = Result { () throws(SchemaError) in try JSONSchema(compiling: bound) }
        }

        /// What is wrong with a call, a field each.
        /// - Throws: as `validator` does.
        package func errors(in arguments: JSON) throws(GatewayError) -> [GatewayError.FieldError] {
            try validator().violations(in: arguments)
                .map { GatewayError.FieldError(pointer: $0.instancePath, message: $0.message) }
        }

        /// What checks a call.
        /// - Throws: `pluginFailed`, when what the door adds makes the schema larger than any may be.
        package func validator() throws(GatewayError) -> JSONSchema {
            switch compiled {
            case .success(let schema): return schema
            case .failure(let error):
                throw GatewayError(.pluginFailed, "The schema of this call cannot be used.", detail: error.description)
            }
        }
    }

    /// The member that holds the caller's key.
    package static let key = "idempotency_key"
    /// The member by which REST gives back a question's state.
    package static let state = "$state"
    /// The member by which REST answers a question.
    package static let input = "$input"

    /// The member that names one of the organization's accounts, where it has more than one.
    package static let account = AccountName.argument

    /// The member that says for how many seconds the caller waits for the outcome.
    package static let wait = "wait"

    /// By plain HTTP.
    package let rest: Schema
    /// By the Model Context Protocol.
    package let mcp: Schema
    /// The same two for organizations that have more than one account; nil where the tool acts for none, or has an
    /// argument of that name itself.
    private let naming: (rest: Schema, mcp: Schema)?
    /// Whether a call may say for which account it is.
    package var takesAccount: Bool { naming != nil }
    /// Whether a call may say how long it waits: a tool that begins something and lets callers wait, unless it has an
    /// argument of that name itself.
    package let takesWait: Bool
    /// What it answers, as it is published: the tool's own output, or the host's words for a payment that is held; a
    /// function's own, or a handle.
    package let output: JSON
    /// Whether a call moves money, or may: then a key makes it one call, however often it is made.
    package let movesMoney: Bool

    /// Puts them together for a tool.
    package init(_ tool: ToolDescriptor, operations: [OperationKind]) {
        var (direction, shown) = (OperationDirection.none, OperationDirection.none)
        switch tool.kind {
        case .operation(let index):
            direction = operations[index].direction
            shown = direction
        case .lookUp(let index, _): shown = operations[index].direction
        case .function: break
        }
        let answered =
            tool.kind == .function
            ? HeldAnswer.besideHandle(tool.outputSchema)
            : shown == .none ? tool.outputSchema : HeldAnswer.beside(tool.outputSchema)
        // What is answered of a batch is the host's word, held or not.
        output = tool.items == nil ? answered : BatchDocument.schema
        let pays = direction == .outgoing || direction == .reverse
        movesMoney = tool.annotations.movesMoney || direction != .none
        var document = tool.inputSchema
        var required: [String] = []
        var (restSummary, mcpSummary) = (tool.summary, tool.summary)
        if movesMoney {
            let key = tool.items == nil ? CallSchemas.keySchema : CallSchemas.batchKeySchema
            // Two parts of one payment that go back are two reversals, with a key each.
            let noun = direction == .reverse ? "reversal" : "payment"
            document.put(key, as: CallSchemas.key, under: "properties")
            if pays && tool.items == nil || tool.requiresIdempotencyKey { required.append(CallSchemas.key) }
            if tool.items == nil {
                mcpSummary +=
                    "\n\n" + CallSchemas.words(CallSchemas.key, noun, isRequired: !required.isEmpty, pays: pays)
                restSummary +=
                    "\n\n"
                    + CallSchemas.words("Idempotency-Key", noun, isRequired: tool.requiresIdempotencyKey, pays: pays)
            } else {
                mcpSummary += BatchArguments.words
                restSummary += BatchArguments.words
            }
        }
        if tool.items != nil { document.addBatch() }
        let waits = tool.kind.begins && tool.items == nil && tool.waitMax >= .seconds(1)
        takesWait = waits && document["properties"]?[CallSchemas.wait] == nil
        if takesWait { document.put(CallSchemas.waitSchema(tool), as: CallSchemas.wait, under: "properties") }
        let mcpDocument = document.requiring(required)
        mcp = Schema(mcpDocument, summary: mcpSummary, leaving: tool.items)
        // By REST the key is a header, which may stand among the arguments too; where one must come, the stage that
        // reserves it asks for it.
        if tool.kind == .function, tool.route.method != "GET" { document.addAnswer() }
        rest = Schema(document, summary: restSummary, leaving: tool.items)
        let isTaken = tool.inputSchema["properties"]?[CallSchemas.account] != nil
        guard case .operation = tool.kind, !isTaken else {
            naming = nil
            return
        }
        let named = { (document: JSON) in document.with(CallSchemas.accountSchema, as: CallSchemas.account) }
        naming = (
            Schema(named(document), summary: restSummary, leaving: tool.items),
            Schema(named(mcpDocument), summary: mcpSummary, leaving: tool.items)
        )
    }

    /// What a call looks like at a door, for an organization that has several accounts or one.
    package func schema(at door: Door, amongAccounts isPlural: Bool) -> Schema {
        if isPlural, let naming { return door == .mcp ? naming.mcp : naming.rest }
        return door == .mcp ? mcp : rest
    }

    /// What `$state` is.
    static let stateSchema: JSON = [
        "type": "string", "minLength": 1,
        "description": "request_state, as it came with the question that $input answers.",
    ]
    /// What `$input` is.
    static let inputSchema: JSON = [
        "type": "object", "required": ["action"], "additionalProperties": false,
        "properties": ["action": ["enum": ["accept", "decline", "cancel"]], "content": ["type": "object"]],
        "description": "What a person answered; content is of the schema that was asked.",
    ]

    private static let accountSchema: JSON = [
        "type": "string", "pattern": .string(AccountName.pattern),
        "description": "Default if left out.",
    ]

    private static func waitSchema(_ tool: ToolDescriptor) -> JSON {
        let usual = tool.waitDefault.components.seconds
        return [
            "type": "integer", "minimum": 0, "maximum": .integer(tool.waitMax.components.seconds),
            "description": .string(
                "Seconds to wait for the outcome, unless it comes sooner; \(usual) if left out. A repeat may say another."
            ),
        ]
    }

    private static let keySchema: JSON = [
        "type": "string", "pattern": "^[!-~]{1,255}$",
        "description":
            "One for each payment or reversal; the same whenever you retry.",
    ]

    private static let batchKeySchema: JSON = [
        "type": "string", "pattern": "^[!-~]{1,255}$",
        "description": "As batch_id.",
    ]

    private static func words(_ name: String, _ noun: String, isRequired: Bool, pays: Bool) -> String {
        // Of an argument the schema says how it looks; of a header nothing does.
        let form = name == key ? "" : " 1 to 255 visible ASCII characters,"
        let start =
            isRequired
            ? "\(name) is required: make one for each logical \(noun)" : "Send \(name): one for each logical \(noun)"
        let rest = """
            ,\(form) and send the same one whenever you retry, also where no answer came. The same key with the same \
            arguments is the same \(noun) as it stands now, and nothing new is sent; with other arguments it is \
            refused; a new key is another \(noun): only where that one's answer says yes to asking again.
            """
        guard !isRequired else { return start + rest }
        let covered =
            pays ? "until ten minutes after that has ended" : "until it failed, or two minutes after it was paid"
        return start + rest + " Without one, the same call is the same \(noun) \(covered)."
    }
}

extension JSON {
    /// The schema with more members required.
    fileprivate func requiring(_ names: [String]) -> JSON {
        guard !names.isEmpty else { return self }
        var schema = objectValue ?? JSONObject()
        let present = (schema["required"]?.arrayValue ?? []).filter { !names.contains($0.stringValue ?? "") }
        schema["required"] = .array(present + names.map { .string($0) })
        return .object(schema)
    }

    /// The schema with one more property.
    fileprivate func with(_ value: JSON, as name: String) -> JSON {
        var schema = self
        schema.put(value, as: name, under: "properties")
        return schema
    }

    /// Puts a member into an object of the schema, which is made where there is none.
    fileprivate mutating func put(_ value: JSON, as name: String, under parent: String) {
        var schema = objectValue ?? JSONObject()
        var members = schema[parent]?.objectValue ?? JSONObject()
        members[name] = value
        schema[parent] = .object(members)
        self = .object(schema)
    }

    /// What the host adds where a call makes a batch, but for what the tool has itself.
    fileprivate mutating func addBatch() {
        for (name, schema) in BatchArguments.schemas where self["properties"]?[name] == nil {
            put(schema, as: name, under: "properties")
        }
    }

    /// How REST answers a question: in the same call again.
    fileprivate mutating func addAnswer() {
        put(CallSchemas.stateSchema, as: CallSchemas.state, under: "properties")
        put(CallSchemas.inputSchema, as: CallSchemas.input, under: "properties")
        put([.string(CallSchemas.input)], as: CallSchemas.state, under: "dependentRequired")
        put([.string(CallSchemas.state)], as: CallSchemas.input, under: "dependentRequired")
    }
}
