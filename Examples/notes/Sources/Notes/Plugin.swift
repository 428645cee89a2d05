import OrderedJSON
import PluginAPI
import PluginKit

/// Notes of an organization: what a plugin keeps at its host, is reminded of, asks a person about, and hands out.
///
/// Id and version are those of the manifest. What it needs is granted by plugins.json, or by
/// `plugin install --grant-needs`.
let plugin = Plugin(
    id: "notes",
    version: "0.1.0",
    title: "Notes",
    tools: [
        .function(FunctionTool(addDescriptor, call: add)), .function(FunctionTool(listDescriptor, call: list)),
        .function(FunctionTool(clearDescriptor, call: clear)), .function(FunctionTool(exportDescriptor, call: export)),
    ],
    needs: Needs(collections: ["notes"], services: ["timers", "exports"], uris: ["notes://"]),
    prompts: [
        Prompt([
            "name": "notes_review", "title": "Review the notes", "description": "Go through the notes about one thing.",
            "arguments": [["name": "about", "description": "The thing.", "required": true]],
        ]) { arguments in
            let about = arguments["about"]?.stringValue ?? ""
            let text = "Call notes_list and tell me which of the notes are about \(about), the due ones first."
            return message(text)
        }
    ],
    askingPrompts: [AskingPrompt(digestDescriptor, get: digest)],
    templates: [ResourceTemplate(noteDescriptor, read: read)],
    complete: complete,
    onTimer: remind
)

private let notes: JSON = "notes"

// MARK: Tools

/// Keeps a note; with `remind_after_s` it is due then, whatever becomes of this process in between.
private func add(_ arguments: JSON, _ context: FunctionContext) async throws(FunctionFailure) -> JSON {
    let key = String(context.nowMilliseconds) + "-" + String(context.invocation % 10_000)
    let note: JSON = ["text": arguments["text"] ?? "", "is_due": false]
    // Version 0: there must be none of this key yet.
    _ = try await context.ask("store.put", ["collection": notes, "key": .string(key), "value": note, "version": 0])
    if let seconds = arguments["remind_after_s"]?.integerValue {
        let timer: JSON = ["name": "remind", "after_ms": .integer(seconds * 1000), "data": .string(key)]
        _ = try await context.ask("timer.schedule", timer)
    }
    return ["note": .string(key)]
}

/// A timer has come due; it may come again, so what it does must bear being done twice.
private func remind(_ timer: JSON, _ context: FunctionContext) async throws(FunctionFailure) {
    let place: JSONObject = ["collection": notes, "key": timer["data"] ?? ""]
    let item: JSON
    do { item = try await context.ask("store.get", .object(place)) } catch {
        // The note has been cleared meanwhile.
        if error.status == GATEWAY_NOT_FOUND { return }
        throw error
    }
    var put = place
    put["value"] = ["text": item["value"]?["text"] ?? "", "is_due": true]
    put["version"] = item["version"]
    _ = try await context.ask("store.put", .object(put))
}

private func list(_ arguments: JSON, _ context: FunctionContext) async throws(FunctionFailure) -> JSON {
    ["notes": .array(try await allNotes(context).map { $0["value"] ?? .null })]
}

/// Asks a person first: the call ends with a question, and comes again with the answer.
private func clear(_ arguments: JSON, _ context: FunctionContext) async throws(FunctionFailure) -> JSON {
    let all = try await allNotes(context)
    guard let answer = context.answer else {
        throw .question(
            "Delete \(all.count) notes for good?",
            schema: ["type": "object", "properties": ["sure": ["type": "boolean"]], "required": ["sure"]],
            state: .integer(Int64(all.count))
        )
    }
    guard answer.isAccepted, answer.content["sure"] == true else { return ["deleted": 0] }
    guard answer.state == .integer(Int64(all.count)) else {
        throw FunctionFailure(status: GATEWAY_CONFLICT, "There are other notes than when you were asked. Ask again.")
    }
    for note in all {
        _ = try await context.ask("store.delete", ["collection": notes, "key": note["key"] ?? ""])
    }
    return ["deleted": .integer(Int64(all.count))]
}

/// Makes a file of all notes, and tells how far it is.
private func export(_ arguments: JSON, _ context: FunctionContext) async throws(FunctionFailure) -> JSON {
    let all = try await allNotes(context)
    let export = try await context.ask("export.open", ["name": "notes.txt", "mime_type": "text/plain; charset=utf-8"])
    for (number, note) in all.enumerated() {
        let line = (note["value"]?["text"]?.stringValue ?? "") + "\n"
        _ = try await context.ask("export.append", ["export": export["export"] ?? "", "text": .string(line)])
        context.progress(Double(number + 1) / Double(all.count), "\(number + 1) of \(all.count)")
    }
    let closed = try await context.ask("export.close", ["export": export["export"] ?? ""])
    return [
        "count": .integer(Int64(all.count)),
        // Beside the output: a link that people and models see as such.
        "$content": [
            ["type": "resource_link", "uri": closed["path"] ?? "", "name": "notes.txt", "mimeType": "text/plain"]
        ],
    ]
}

// MARK: What is read, and may ask

/// Asks two things in one round, and makes the prompt of the answers.
private func digest(_ arguments: JSON, _ context: FunctionContext) async throws(FunctionFailure) -> JSON {
    guard let answer = context.answer else {
        throw .questions([
            .init(
                "lines",
                "How many lines may it have?",
                schema: [
                    "type": "object", "required": ["most"],
                    "properties": ["most": ["type": "integer", "minimum": 1, "maximum": 100]],
                ]
            ),
            .init("due", "Only what is due?", schema: ["type": "object", "properties": ["only": ["type": "boolean"]]]),
        ])
    }
    let lines = answer.isAccepted ? answer.content["lines"]?["most"]?.integerValue ?? 10 : 10
    let isOnlyDue = answer.content["due"]?["only"] == true
    let texts = try await allNotes(context)
        .compactMap { $0["value"] }
        .filter { !isOnlyDue || $0["is_due"] == true }
        .compactMap { $0["text"]?.stringValue }
    let about = arguments["about"]?.stringValue ?? ""
    let all = texts.joined(separator: "\n")
    return message("In at most \(lines) lines, what do these notes say about \(about)?\n\(all)")
}

/// `notes://{key}`: one note.
private func read(
    _ places: JSON,
    _ context: FunctionContext
) async throws(FunctionFailure) -> ResourceTemplate.Content {
    let note = try await context.ask("store.get", ["collection": notes, "key": places["key"] ?? ""])
    return .text(note["value"]?["text"]?.stringValue ?? "")
}

/// Notes' ids, which begin as what has been typed does; of a thing that notes are about, their first words.
private func complete(
    _ request: CompletionRequest,
    _ context: FunctionContext
) async throws(FunctionFailure) -> [String] {
    switch request.subject {
    case .template:
        let page = try await context.ask(
            "store.list",
            ["collection": notes, "prefix": .string(request.value), "limit": 100]
        )
        return (page["items"]?.arrayValue ?? []).compactMap { $0["key"]?.stringValue }
    case .prompt:
        let texts = try await allNotes(context).compactMap { $0["value"]?["text"]?.stringValue }
        let words = Set(texts.compactMap { $0.split(separator: " ").first.map(String.init) })
        return
            words.filter { word in
                word.hasPrefix(request.value) && word.utf8.count <= 100
                    && word.allSatisfy { $0.isLetter || $0.isNumber }
            }
            .sorted()
    }
}

private func message(_ text: String) -> JSON {
    ["messages": [["role": "user", "content": ["type": "text", "text": .string(text)]]]]
}

/// Every note, page by page.
private func allNotes(_ context: FunctionContext) async throws(FunctionFailure) -> [JSON] {
    var found: [JSON] = []
    var after: JSON = .null
    while true {
        let page = try await context.ask("store.list", ["collection": notes, "after": after])
        found += page["items"]?.arrayValue ?? []
        guard let next = page["next"] else { return found }
        after = next
    }
}

/// The library's one exported symbol.
@c @implementation
public func gateway_plugin_v1(_ negotiation: UnsafeMutablePointer<gateway_negotiation_t>?) -> Int32 {
    PluginExport.negotiate(negotiation, plugin: plugin)
}
