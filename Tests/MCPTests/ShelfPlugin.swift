import Gateway
import OrderedJSON
import Synchronization

/// A plugin of what is read and may be asked about first: a prompt that asks two things in one round, one that asks though
/// it does not say so, templates under its own beginning of URIs, and completions.
final class ShelfPlugin: Sendable {
    /// Heard once a book named `slow` is asked for; it is read when it is let.
    let slow = (asked: AsyncStream.makeStream(of: Void.self), let: AsyncStream.makeStream(of: Void.self))
    private let seen = Mutex<[(work: LoadedPlugin.ContextWork, document: JSON, invocation: LoadedPlugin.Invocation)]>([]
    )

    /// What it was asked, in order.
    var calls: [(work: LoadedPlugin.ContextWork, document: JSON, invocation: LoadedPlugin.Invocation)] {
        seen.withLock { $0 }
    }

    static let prefix = "shelf://"

    func loaded(
        id: String = "shelf",
        uris: [String] = [prefix],
        changing change: (inout JSONObject) -> Void = { _ in }
    ) throws -> LoadedPlugin {
        var catalogue = ShelfPlugin.catalogue(id: id, uris: uris).objectValue ?? JSONObject()
        change(&catalogue)
        return LoadedPlugin(
            try Catalogue(
                parsing: JSON.object(catalogue).bytes,
                abilities: .init(features: [], transforms: [])
            ),
            generation: 1,
            digest: "s",
            operationFunctions: nil,
            asynchronous: .init(
                invoke: nil,
                context: { work, document, invocation in
                    let document = (try? JSON(parsing: document)) ?? .null
                    if document["title"] == "slow" {
                        self.slow.asked.continuation.yield()
                        for await _ in self.slow.let.stream { break }
                    }
                    return self.answer(work, document, invocation)
                }
            ),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") },
                resource: { _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") }
            )
        )
    }

    private func answer(
        _ work: LoadedPlugin.ContextWork,
        _ document: JSON,
        _ invocation: LoadedPlugin.Invocation
    ) -> LoadedPlugin.Completion {
        seen.withLock { $0.append((work, document, invocation)) }
        switch work {
        case .prompt(0):
            if document["title"] == "huge" { return ask(ShelfPlugin.huge) }
            guard let answer = invocation.answer else { return ask(ShelfPlugin.questions) }
            let tone = answer.content["tone"]?["tone"]?.stringValue ?? answer.action
            return .init(status: 0, payload: ShelfPlugin.message("Write in a \(tone) tone.").bytes)
        case .prompt: return ask(["message": "Sure?", "schema": ShelfPlugin.sure])
        case .resource(0):
            guard document["title"] != "none" else { return .init(status: 13, payload: Array("{}".utf8)) }
            return .init(status: 0, payload: JSON.object(["text": document["title"] ?? ""]).bytes)
        case .resource:
            guard let answer = invocation.answer else {
                return ask(["message": "Open it?", "schema": ShelfPlugin.sure])
            }
            guard answer.action == "accept" else { return .init(status: 12, payload: Array("{}".utf8)) }
            return .init(status: 0, payload: JSON.object(["base64": "AAEC/w=="]).bytes)
        case .completion: return ShelfPlugin.completion(document)
        }
    }

    private func ask(_ question: JSON) -> LoadedPlugin.Completion {
        .init(status: AnswerStatus.inputRequired.rawValue, payload: question.bytes)
    }

    private static func completion(_ document: JSON) -> LoadedPlugin.Completion {
        let begun = document["value"]?.stringValue ?? ""
        let said: JSON =
            switch begun {
            case "many": ["values": .array((0...100).map { .string("v\($0)") })]
            case "hidden": ["values": ["one\u{202E}"]]
            case "long": ["values": [.string(String(repeating: "x", count: 1_025))]]
            case "phone": ["values": ["Amina, 0722000111"]]
            default: ["values": ["Karibu", "Kariuki"], "total": 9]
            }
        return .init(status: begun == "asks" ? AnswerStatus.inputRequired.rawValue : 0, payload: said.bytes)
    }

    static func message(_ text: String) -> JSON {
        ["messages": [["role": "user", "content": ["type": "text", "text": .string(text)]]]]
    }

    private static let sure: JSON = [
        "type": "object", "properties": ["sure": ["type": "boolean"]], "required": ["sure"],
    ]
    private static let huge: JSON = [
        "message": "Sure?", "schema": sure, "state": .string(String(repeating: "x", count: 60_000)),
    ]
    private static let questions: JSON = [
        "questions": [
            "tone": [
                "message": "In which tone?",
                "schema": ["type": "object", "properties": ["tone": ["type": "string"]], "required": ["tone"]],
            ], "sure": ["message": "Sure?", "schema": sure],
        ]
    ]

    static func catalogue(id: String, uris: [String]) -> JSON {
        let title: JSON = ["name": "title", "description": "The book's.", "x-completes": true, "required": true]
        let place: JSON = ["name": "place", "description": "Where it stands."]
        func prompt(_ name: String) -> JSONObject {
            [
                "name": .string("\(id)_\(name)"), "title": "A letter", "description": "Writes.",
                "arguments": [title, place],
            ]
        }
        func template(_ uri: String, _ name: String, _ type: String) -> JSONObject {
            [
                "uri_template": .string(uri), "name": .string(name), "title": "A book", "description": "What is in it.",
                "mime_type": .string(type), "arguments": [title],
            ]
        }
        var (letter, locked) = (prompt("letter"), template("gateway://\(id)/locked/{title}", "locked", "image/png"))
        (letter["asks"], locked["asks"]) = (true, true)
        return [
            "plugin": ["id": .string(id), "version": "1.0.0", "title": "Shelf"],
            "tools": [
                [
                    "name": .string("\(id)_count"), "kind": "function", "title": "Count", "description": "Counts.",
                    "input_schema": ["type": "object", "properties": [:], "additionalProperties": false],
                    "output_schema": ["type": "object", "properties": [:], "additionalProperties": false],
                    "annotations": [
                        "read_only": true, "destructive": false, "idempotent": true, "open_world": false,
                        "money_moving": false,
                    ],
                ]
            ],
            "x-prompts": [.object(letter), .object(prompt("sneak"))],
            "x-templates": [
                .object(template((uris.first ?? "gateway://\(id)/") + "book/{title}", "book", "text/plain")),
                .object(locked),
            ],
            "needs": ["x-uris": .array(uris.map { .string($0) })],
        ]
    }
}
