import Gateway
import OrderedJSON
import Synchronization

/// A plugin of function tools: one that shows content, one that asks, one that tells how far it is, one that waits
/// until it is given up, one with a header for an argument; prompts and resources besides.
final class DeskPlugin: Sendable {
    private let state = Mutex((runs: 0, givenUp: 0))
    let waits = AsyncStream.makeStream(of: Void.self)

    /// How often a tool ran.
    var runs: Int { state.withLock { $0.runs } }
    /// How often a call was given up while it waited.
    var givenUp: Int { state.withLock { $0.givenUp } }

    func loaded() throws -> LoadedPlugin {
        let document: JSON = [
            "plugin": ["id": "desk", "version": "1.0.0", "title": "Desk"],
            "tools": .array(["ask", "show", "tell", "wait", "poll", "branch", "dig"].map(DeskPlugin.tool)),
            "prompts": .array(["desk_day", "desk_month"].map(DeskPlugin.prompt)),
            "resources": .array(["manual", "seal"].map(DeskPlugin.resource)),
        ]
        return LoadedPlugin(
            try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: [])),
            generation: 1,
            digest: "d",
            operationFunctions: nil,
            asynchronous: .init(invoke: { tool, _, invocation in await self.run(tool, invocation) }),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in
                    JSON.object(["messages": [["role": "user", "content": ["type": "text", "text": "Day"]]]]).bytes
                },
                resource: { _ throws(LoadedPlugin.Failure) in Array("Read me.".utf8) }
            )
        )
    }

    private func run(_ tool: Int, _ invocation: LoadedPlugin.Invocation) async -> LoadedPlugin.Completion {
        state.withLock { $0.runs += 1 }
        let done = LoadedPlugin.Completion(status: 0, payload: JSON.object(["number": 7]).bytes)
        switch tool {
        case 0:
            guard let answer = invocation.answer else { return DeskPlugin.question }
            let number: JSON = answer.content["sure"] == true ? 1 : 0
            return .init(status: 0, payload: JSON.object(["number": number]).bytes)
        case 1: return .init(status: 0, payload: DeskPlugin.shown.bytes)
        case 5: return done
        case 6:
            guard !invocation.isOfTask else { return done }
            let asked: JSON = ["x-task": [:], "message": "Digging."]
            return .init(status: AnswerStatus.accepted.rawValue, payload: asked.bytes)
        case 2:
            invocation.progress?(.init(fraction: 500_000, message: "Half"))
            return done
        case 4:
            guard let answer = invocation.answer else { return DeskPlugin.questions }
            let number = answer.content["amount"]?["shillings"] ?? 0
            return .init(status: 0, payload: JSON.object(["number": answer.action == "accept" ? number : 0]).bytes)
        default:
            waits.continuation.yield()
            await withTaskCancellationHandler {
                let never = AsyncStream<Void> { _ in }
                for await _ in never {}
            } onCancel: {
                state.withLock { $0.givenUp += 1 }
            }
            return done
        }
    }

    private static let question = LoadedPlugin.Completion(
        status: AnswerStatus.inputRequired.rawValue,
        payload:
            JSON.object([
                "message": "Sure?", "schema": ["type": "object", "properties": ["sure": ["type": "boolean"]]],
            ])
            .bytes
    )

    private static let questions = LoadedPlugin.Completion(
        status: AnswerStatus.inputRequired.rawValue,
        payload:
            JSON.object([
                "questions": [
                    "amount": [
                        "message": "How much?",
                        "schema": [
                            "type": "object", "properties": ["shillings": ["type": "integer"]],
                            "required": ["shillings"],
                        ],
                    ],
                    "sure": [
                        "message": "Sure?",
                        "schema": ["type": "object", "properties": ["sure": ["type": "boolean"]]],
                    ],
                ]
            ])
            .bytes
    )

    private static let shown: JSON = [
        "number": 7,
        "$content": [
            ["type": "text", "text": "seven"], ["type": "audio", "mimeType": "audio/wav", "data": "AAAA"],
            ["type": "resource_link", "uri": "gateway://desk/manual", "name": "Manual"],
        ],
    ]

    private static func tool(_ name: String) -> JSON {
        var tool: JSONObject = [
            "name": .string("desk_" + name), "kind": "function", "title": .string(name), "description": "Works.",
            "input_schema": ["type": "object", "properties": [:], "additionalProperties": false],
            "output_schema": [
                "type": "object", "properties": ["number": ["type": "integer"]], "additionalProperties": false,
            ],
            "annotations": [
                "read_only": false, "destructive": false, "idempotent": false, "open_world": false,
                "money_moving": false,
            ],
        ]
        if name == "ask" || name == "poll" { tool["asks"] = true }
        if name == "show" { tool["sensitive"] = ["/guest"] }
        if name == "dig" { tool["x-task"] = ["deadline_ms": 60_000] }
        if name == "branch" {
            let properties: JSON = ["branch": ["type": "string", "x-mcp-header": "Branch"]]
            tool["input_schema"] = ["type": "object", "properties": properties, "additionalProperties": false]
        }
        return .object(tool)
    }

    private static func prompt(_ name: String) -> JSON {
        [
            "name": .string(name), "title": "Close a day", "description": "Reads a day.",
            "arguments": [["name": "day", "description": "A date.", "required": true]],
        ]
    }

    private static func resource(_ name: String) -> JSON {
        [
            "uri": .string("gateway://desk/" + name), "name": .string(name), "description": "To read.",
            "mime_type": "text/plain",
        ]
    }
}
