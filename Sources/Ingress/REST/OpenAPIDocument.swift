import Gateway
import OrderedJSON

/// The OpenAPI 3.1 document: whatever tools there are now, the host's own actions, and what stands apart from both.
enum OpenAPIDocument {
    /// What whoever asks may know of.
    struct Known {
        let tools: [ToolRegistry.Entry]
        let actions: [Action]
        /// The types of events that it may be shown.
        let kinds: [FeedEvent.Kind]
        /// Whether a call may say for which account it is.
        let hasSeveralAccounts: Bool
    }

    static func make(
        _ known: Known,
        version: String,
        publicURL: String
    ) -> JSON {
        var paths = JSONObject()
        func add(_ operation: JSON, at route: Route) {
            var operations = paths[route.template]?.objectValue ?? JSONObject()
            operations[route.method.lowercased()] = operation
            paths[route.template] = .object(operations)
        }
        for entry in known.tools { add(operation(entry, known), at: entry.tool.route) }
        for action in known.actions { add(operation(action, known), at: action.route) }
        for route in StandApart.all { add(operation(route), at: route.route) }
        // Whoever may not list events is told of none.
        let kinds = known.actions.contains { $0.name == "events.list" } ? known.kinds : []
        var document: JSONObject = [
            "openapi": "3.1.0",
            "info": [
                "title": "mpesa-gateway", "version": .string(version),
                "description": "M-Pesa tools over HTTP. Accepted never means paid: read status and next.",
            ],
            "servers": [["url": .string(publicURL)]],
            "security": [["bearer": []], ["apiKey": []]],
            "paths": .object(paths),
        ]
        if !kinds.isEmpty { document["webhooks"] = EventWebhooks.section(of: kinds) }
        document["components"] = components(with: kinds)
        return .object(document)
    }

    private static func components(with kinds: [FeedEvent.Kind]) -> JSON {
        var schemas: JSONObject = ["Problem": problem]
        if !kinds.isEmpty { for (name, schema) in EventWebhooks.schemas(of: kinds) { schemas[name] = schema } }
        return [
            "securitySchemes": [
                "bearer": ["type": "http", "scheme": "bearer"],
                "apiKey": ["type": "apiKey", "in": "header", "name": "X-API-Key"],
            ],
            "schemas": .object(schemas),
            "responses": [
                "Problem": [
                    "description": "Why the call was refused or failed.",
                    "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
                ]
            ],
        ]
    }

    private static func operation(_ entry: ToolRegistry.Entry, _ known: Known) -> JSON {
        let tool = entry.tool
        let schema = entry.schemas.schema(at: .rest, amongAccounts: known.hasSeveralAccounts)
        var parameters = parameters(of: tool.route, tool.inputSchema)
        if entry.schemas.movesMoney {
            parameters.append(key("One per logical payment", isRequired: tool.requiresIdempotencyKey))
        }
        var operation: JSONObject = [
            "operationId": .string(tool.name), "summary": .string(tool.title),
            "description": .string(schema.summary),
            "tags": ["tools"], "parameters": .array(parameters),
            "responses": responses(tool.route, "The tool's output.", json(envelope(entry.schemas.output, beside: []))),
        ]
        if !tool.route.takesQuery { operation["requestBody"] = body(schema.document) }
        if tool.isDeprecated { operation["deprecated"] = true }
        return .object(operation)
    }

    private static func key(_ words: String, isRequired: Bool) -> JSON {
        [
            "name": "Idempotency-Key", "in": "header", "required": .bool(isRequired),
            "description": .string(words + "; reuse it when you retry."),
            "schema": ["type": "string", "maxLength": 255],
        ]
    }

    private static func operation(_ action: Action, _ known: Known) -> JSON {
        let input = EventWebhooks.chosen(among: known.kinds, action.input.document)
        var content: JSON
        switch action.output {
        case .data(let schema, let beside):
            content = json(envelope(EventWebhooks.byReference(schema), beside: beside))
        case .file: content = ["*/*": ["schema": ["type": "string", "format": "binary"]]]
        }
        if action.isFollowed, var types = content.objectValue {
            types["text/event-stream"] = ["schema": ["type": "string", "description": "The same as it comes."]]
            content = .object(types)
        }
        var parameters = parameters(of: action.route, input) + fileParameters(of: action)
        if !action.isReadOnly { parameters.append(key("One per change", isRequired: false)) }
        var operation: JSONObject = [
            "operationId": .string(action.name), "summary": .string(action.title),
            "description": .string(action.summary), "tags": [.string(action.group)],
            "parameters": .array(parameters),
            "responses": responses(action.route, "Done.", content, asks: action.asks),
        ]
        operation["x-role"] = .string(action.rules.role.rawValue)
        if !action.rules.scopes.isEmpty { operation["x-scopes"] = .array(action.rules.scopes.map { .string($0) }) }
        if !action.route.takesQuery, let body = bodySchema(input, action.route) {
            operation["requestBody"] = action.file.map { self.body(body, orFile: $0) } ?? self.body(body)
        }
        return .object(operation)
    }

    private static func operation(_ route: StandApart) -> JSON {
        var operation: JSONObject = [
            "operationId": .string(route.name), "summary": .string(route.title), "description": .string(route.summary),
            "tags": [.string(route.tag)], "responses": responses(route.route, "Done.", json(route.output)),
        ]
        operation["requestBody"] = route.input.map { body($0, isRequired: route.needsBody) }
        return .object(operation)
    }

    /// What stands in the path, and in the query of a request that has no body.
    private static func parameters(of route: Route, _ schema: JSON) -> [JSON] {
        let inPath = route.pathArguments
        let required = (schema["required"]?.arrayValue ?? []).compactMap(\.stringValue)
        return (schema["properties"]?.objectValue ?? JSONObject())
            .filter { inPath.contains($0.key) || route.takesQuery }
            .map { name, schema in
                [
                    "name": .string(name), "in": inPath.contains(name) ? "path" : "query",
                    "required": .bool(inPath.contains(name) || required.contains(name)), "schema": schema,
                ]
            }
    }

    /// An action's arguments without those of the path; nil when there are no others.
    private static func bodySchema(_ input: JSON, _ route: Route) -> JSON? {
        let inPath = route.pathArguments
        var schema = input.objectValue ?? JSONObject()
        var properties = schema["properties"]?.objectValue ?? JSONObject()
        for name in inPath { properties[name] = nil }
        guard !properties.isEmpty else { return nil }
        schema["properties"] = .object(properties)
        let required = (schema["required"]?.arrayValue ?? []).filter { !inPath.contains($0.stringValue ?? "") }
        schema["required"] = required.isEmpty ? nil : .array(required)
        return .object(schema)
    }

    private static func body(_ schema: JSON, isRequired: Bool = true) -> JSON {
        ["required": .bool(isRequired), "content": json(schema)]
    }

    /// A body that is JSON or a file of one of its types.
    private static func body(_ schema: JSON, orFile file: FileInput) -> JSON {
        var content = json(schema).objectValue ?? JSONObject()
        for type in file.mediaTypes {
            content[type] = [
                "schema": ["type": "string", "format": "binary", "maxLength": .integer(Int64(file.bytesMax))]
            ]
        }
        return ["required": true, "content": .object(content)]
    }

    /// The arguments that stand in the query where the body is a file; `x-of-file` says so.
    private static func fileParameters(of action: Action) -> [JSON] {
        let inPath = action.route.pathArguments
        return (action.fileInput?.document["properties"]?.objectValue ?? JSONObject())
            .filter { !inPath.contains($0.key) }
            .map { name, schema in
                [
                    "name": .string(name), "in": "query", "required": false, "schema": schema, "x-of-file": true,
                    "description": "Where the body is a file; lists have commas, and objects are name:value.",
                ]
            }
    }

    private static func json(_ schema: JSON) -> JSON { ["application/json": ["schema": schema]] }

    private static func responses(
        _ route: Route,
        _ description: String,
        _ content: JSON,
        asks: Bool = false
    ) -> JSON {
        var responses: JSONObject = [
            String(route.successStatus): ["description": .string(description), "content": content]
        ]
        if asks { responses["202"] = ["description": "An answer is needed.", "content": json(question)] }
        responses["default"] = ["$ref": "#/components/responses/Problem"]
        return .object(responses)
    }

    /// What is answered where a person is asked first.
    private static let question = envelope(
        [
            "type": "object", "required": ["input_required", "request_state"],
            "properties": [
                "input_required": [
                    "type": "object", "required": ["message", "schema"],
                    "properties": ["message": ["type": "string"], "schema": ["type": "object"]],
                ],
                "request_state": ["type": "string"],
            ],
        ],
        beside: []
    )

    /// `{"success": true, "data": …}`, with what stands beside the data.
    static func envelope(_ data: JSON, beside: [(name: String, schema: JSON)]) -> JSON {
        var properties: JSONObject = ["success": ["const": true], "data": data]
        for (name, schema) in beside { properties[name] = schema }
        properties["replayed"] = [
            "const": true,
            "description": "This is what an earlier call with the same key made; nothing was done again.",
        ]
        properties["message"] = ["type": "string"]
        return ["type": "object", "required": ["success", "data"], "properties": .object(properties)]
    }

    private static let problem: JSON = [
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "success", "error"],
        "properties": [
            "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
            "detail": ["type": "string"],
            "code": ["enum": .array(GatewayError.Code.allCases.map { .string($0.rawValue) })],
            "request_id": ["type": "string", "description": "Of every answer but a connection's own refusals."],
            "transaction_id": ["type": "string"],
            "scopes": [
                "type": "array", "items": ["type": "string"],
                "description": "All that the credential lacks, where nothing else is in the way.",
            ],
            "errors": [
                "type": "array",
                "items": [
                    "type": "object", "required": ["pointer", "message"],
                    "properties": ["pointer": ["type": "string"], "message": ["type": "string"]],
                ],
            ],
            "success": ["const": false], "error": ["type": "string"],
        ],
    ]
}
