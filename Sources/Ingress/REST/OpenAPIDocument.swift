import Gateway
import OrderedJSON

/// The OpenAPI 3.1 document, made from the registry: whatever tools there are now, with the routes that are always.
enum OpenAPIDocument {
    static func make(_ tools: [ToolRegistry.Entry], version: String, publicURL: String) -> JSON {
        var paths = JSONObject()
        for entry in tools {
            let path = entry.tool.route.template
            var operations = paths[path]?.objectValue ?? JSONObject()
            operations[entry.tool.route.method.lowercased()] = operation(entry)
            paths[path] = .object(operations)
        }
        for (path, operations) in fixedPaths { paths[path] = operations }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "mpesa-gateway", "version": .string(version),
                "description": "M-Pesa tools over HTTP. Accepted never means paid: read status and next.",
            ],
            "servers": [["url": .string(publicURL)]],
            "security": [["bearer": []], ["apiKey": []]],
            "paths": .object(paths),
            "components": [
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer"],
                    "apiKey": ["type": "apiKey", "in": "header", "name": "X-API-Key"],
                ],
                "schemas": ["Problem": problem],
                "responses": [
                    "Problem": [
                        "description": "Why the call was refused or failed.",
                        "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
                    ]
                ],
            ],
        ]
    }

    private static func operation(_ entry: ToolRegistry.Entry) -> JSON {
        let tool = entry.tool
        let inPath = tool.route.segments.compactMap { segment -> String? in
            if case .argument(let name) = segment { name } else { nil }
        }
        let properties = tool.inputSchema["properties"]?.objectValue ?? JSONObject()
        let required = (tool.inputSchema["required"]?.arrayValue ?? []).compactMap(\.stringValue)
        var parameters: [JSON] = []
        for (name, schema) in properties where inPath.contains(name) || tool.route.method == "GET" {
            parameters.append([
                "name": .string(name), "in": inPath.contains(name) ? "path" : "query",
                "required": .bool(inPath.contains(name) || required.contains(name)), "schema": schema,
            ])
        }
        if entry.schemas.movesMoney {
            parameters.append([
                "name": "Idempotency-Key", "in": "header", "required": .bool(tool.requiresIdempotencyKey),
                "description": "One per logical payment; reuse it when you retry.",
                "schema": ["type": "string", "maxLength": 255],
            ])
        }
        var operation: JSONObject = [
            "operationId": .string(tool.name), "summary": .string(tool.title),
            "description": .string(entry.schemas.rest.summary),
            "tags": ["tools"], "parameters": .array(parameters),
            "responses": [
                String(tool.route.successStatus): [
                    "description": "The tool's output.",
                    "content": ["application/json": ["schema": envelope(tool.outputSchema)]],
                ],
                "default": ["$ref": "#/components/responses/Problem"],
            ],
        ]
        if tool.route.method != "GET" {
            operation["requestBody"] = [
                "required": true, "content": ["application/json": ["schema": entry.schemas.rest.document]],
            ]
        }
        if tool.isDeprecated { operation["deprecated"] = true }
        return .object(operation)
    }

    private static func envelope(_ data: JSON) -> JSON {
        [
            "type": "object", "required": ["success", "data", "message"],
            "properties": ["success": ["const": true], "data": data, "message": ["type": "string"]],
        ]
    }

    private static let problem: JSON = [
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "request_id", "success", "error"],
        "properties": [
            "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
            "detail": ["type": "string"],
            "code": ["enum": .array(GatewayError.Code.allCases.map { .string($0.rawValue) })],
            "request_id": ["type": "string"], "transaction_id": ["type": "string"],
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

    private static func simple(_ id: String, _ summary: String, tag: String) -> JSON {
        [
            "operationId": .string(id), "summary": .string(summary), "tags": [.string(tag)],
            "responses": [
                "200": ["description": "Done."], "default": ["$ref": "#/components/responses/Problem"],
            ],
        ]
    }

    private static let fixedPaths: [(String, JSON)] = [
        ("/auth/login", ["post": simple("login", "Log in with username and password", tag: "auth")]),
        ("/auth/logout", ["post": simple("logout", "End every session of the user", tag: "auth")]),
        ("/auth/refresh", ["post": simple("refresh", "Replace a token that is about to end", tag: "auth")]),
        ("/auth/verify", ["get": simple("verify", "Who a credential belongs to", tag: "auth")]),
        ("/transactions", ["get": simple("listTransactions", "The organization's transactions", tag: "transactions")]),
        (
            "/transactions/{id}",
            [
                "parameters": [["name": "id", "in": "path", "required": true, "schema": ["type": "string"]]],
                "get": simple("showTransaction", "One transaction with its events", tag: "transactions"),
            ]
        ),
    ]
}
