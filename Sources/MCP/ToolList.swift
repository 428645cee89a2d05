import Cryptography
import Gateway
import OrderedJSON

/// Tools as `tools/list` shows them.
///
/// One tool's text never changes within a generation, so it is made once for each form that it has; whole lists are kept
/// for all who see the same.
package final class ToolList: Sendable {
    /// Makes one that has made nothing yet.
    package init() {}

    /// What of a tool a revision knows.
    fileprivate enum Form: Int, Hashable, Sendable {
        case plain, annotated, whole
        /// As REST shows it.
        case rest

        init(_ revision: Revision) {
            self = revision.hasStructure ? .whole : revision.hasAnnotations ? .annotated : .plain
        }
    }

    /// How a tool is shown to somebody.
    struct Look: Hashable, Sendable {
        fileprivate let form: Form
        /// Whether they have several accounts to choose from.
        let isPlural: Bool
        /// Which M-Pesa their calls act on; nil where the list does not say it.
        let environment: Environment?

        fileprivate init(form: Form, isPlural: Bool, environment: Environment? = nil) {
            self.form = form
            self.isPlural = isPlural
            self.environment = environment
        }

        init(_ revision: Revision, amongAccounts isPlural: Bool, in environment: Environment) {
            self.init(form: Form(revision), isPlural: isPlural, environment: environment)
        }

        fileprivate var number: Int {
            let place = environment.map { $0 == .live ? 2 : 1 } ?? 0
            return (form.rawValue * 2 + (isPlural ? 1 : 0)) * 3 + place
        }
    }

    private struct Key: Hashable, Sendable {
        let plugin: String
        let generation: Int
        let tool: Int
        let look: Look
    }

    /// What a list of tools holds.
    enum Item {
        /// A plugin's tool.
        case tool(ToolRegistry.Entry)
        /// An action of the host's that is offered as one.
        case action(Action)

        var name: String {
            switch self {
            case .tool(let entry): entry.tool.name
            case .action(let action): action.tool ?? action.name
            }
        }
    }

    /// Whole lists.
    package let shown = ShownTexts()
    private let texts = ExpiringCache<Key, [UInt8]>(life: .seconds(86_400), entriesMax: 10_000)

    /// The list that REST shows.
    package func restList(of view: ToolView, amongAccounts isPlural: Bool) -> [UInt8] {
        let look = Look(form: .rest, isPlural: isPlural)
        return
            shown.text(ShownTexts.Key(tools: view, actions: nil, form: look.number)) {
                ShownTexts.Text(json(of: view.tools.map(Item.tool)[...], in: look))
            }
            .bytes
    }

    /// A page of what a caller sees; the first one is kept for all who see the same.
    func page<Failure: Error>(
        of view: ToolView,
        _ actions: ActionView,
        in look: Look,
        isFirst: Bool,
        _ make: () throws(Failure) -> ShownTexts.Text
    ) throws(Failure) -> ShownTexts.Text {
        guard isFirst else { return try make() }
        return try shown.text(ShownTexts.Key(tools: view, actions: actions, form: look.number), make)
    }

    /// A JSON list of tools, in the given order.
    func json(of items: ArraySlice<Item>, in look: Look) -> [UInt8] {
        var writer = JSONWriter(capacity: items.count * 4096 + 2)
        writer.beginArray()
        for item in items {
            switch item {
            case .tool(let entry): writer.raw(text(of: entry, look))
            case .action(let action): writer.raw(text(of: action, look))
            }
        }
        writer.endArray()
        return writer.bytes
    }

    private func text(of entry: ToolRegistry.Entry, _ look: Look) -> [UInt8] {
        let key = Key(
            plugin: entry.plugin.id,
            generation: entry.plugin.generation,
            tool: entry.tool.index,
            look: look
        )
        let epoch = Uptime(nanoseconds: 0)
        if let known = texts.value(for: key, at: epoch) { return known }
        let document = ToolList.document(
            entry,
            at: look.form == .rest ? .rest : .mcp,
            amongAccounts: look.isPlural,
            in: look.environment
        )
        let made = JSON.object(ToolList.shaped(document, look.form)).bytes
        texts.set(made, for: key, at: epoch)
        return made
    }

    private func text(of action: Action, _ look: Look) -> [UInt8] {
        // The host's own never change while it runs, nor with accounts; no plugin has an empty id.
        let same = Look(form: look.form, isPlural: false, environment: look.environment)
        let key = Key(plugin: "", generation: action.name.hashValue, tool: 0, look: same)
        let epoch = Uptime(nanoseconds: 0)
        if let known = texts.value(for: key, at: epoch) { return known }
        let made = JSON.object(ToolList.shaped(ToolList.document(action, in: look.environment), look.form)).bytes
        texts.set(made, for: key, at: epoch)
        return made
    }

    /// A tool without what a revision does not know.
    private static func shaped(_ document: JSON, _ form: Form) -> JSONObject {
        let unknown: Set<String> =
            switch form {
            case .plain: ["title", "outputSchema", "annotations", "_meta"]
            case .annotated: ["title", "outputSchema", "_meta"]
            case .whole, .rest: []
            }
        var shaped = JSONObject()
        for (name, value) in document.objectValue ?? JSONObject() where !unknown.contains(name) {
            shaped[name] = value
        }
        // Before a tool had a title of its own, its annotations had it.
        if form == .annotated, var annotations = shaped["annotations"]?.objectValue {
            annotations["title"] = document["title"]
            shaped["annotations"] = .object(annotations)
        }
        return shaped
    }

    /// One tool, whole.
    ///
    /// `_meta` carries a digest of what a client agreed to, so that it can notice a change.
    package static func document(
        _ entry: ToolRegistry.Entry,
        at door: Door = .mcp,
        amongAccounts isPlural: Bool,
        in environment: Environment? = nil
    ) -> JSON {
        let tool = entry.tool
        let schema = entry.schemas.schema(at: door, amongAccounts: isPlural)
        var definition: JSONObject = [
            "name": .string(tool.name), "title": .string(tool.title),
            "description": .string(said(schema.summary, in: environment)),
            "inputSchema": door == .rest ? schema.document : undialected(schema.document),
            "annotations": [
                "readOnlyHint": .bool(tool.annotations.readOnly),
                "destructiveHint": .bool(tool.annotations.destructive),
                "idempotentHint": .bool(isIdempotent(entry, schema)),
                "openWorldHint": .bool(tool.annotations.openWorld),
            ],
        ]
        // What is only looked up is never an earlier call's.
        let isMarked = door != .rest && tool.lookUpNamespace == nil
        put(
            isMarked ? marked(entry.schemas.output) : entry.schemas.output,
            in: &definition,
            isWhole: door == .rest
        )
        return sealed(&definition)
    }

    /// Whether a call that is made again does nothing more: of what moves money where the key is one of the arguments that must
    /// come, so that the same arguments are the same payment.
    private static func isIdempotent(_ entry: ToolRegistry.Entry, _ schema: CallSchemas.Schema) -> Bool {
        guard entry.schemas.movesMoney else { return entry.tool.annotations.idempotent }
        return schema.document["required"]?.arrayValue?.contains(.string(CallSchemas.key)) ?? false
    }

    /// An action of the host's, whole.
    static func document(_ action: Action, in environment: Environment? = nil) -> JSON {
        var definition: JSONObject = [
            "name": .string(action.tool ?? action.name), "title": .string(action.title),
            "description": .string(said(action.summary, in: environment)), "inputSchema": action.input.document,
            "annotations": [
                "readOnlyHint": .bool(action.isReadOnly), "destructiveHint": false,
                "idempotentHint": .bool(action.isReadOnly), "openWorldHint": false,
            ],
        ]
        put(ActionOutput.schema(of: action), in: &definition, isWhole: false)
        return sealed(&definition)
    }

    /// A model reads it with all the others: there it is as long as there is room for.
    private static func put(_ output: JSON, in definition: inout JSONObject, isWhole: Bool) {
        // What its name takes, and what goes around it.
        let taken = JSON.object(definition).bytes.count + 18
        definition["outputSchema"] =
            isWhole ? output : ShortSchema.of(output, bytesMax: ShortSchema.toolBytesMax - taken)
    }

    /// A schema with room for the host's own word that an answer is an earlier call's.
    private static func marked(_ output: JSON) -> JSON {
        guard var members = output.objectValue else { return output }
        if let choices = members["anyOf"]?.arrayValue {
            members["anyOf"] = .array(choices.map(marked))
        } else if members["additionalProperties"] == false, var properties = members["properties"]?.objectValue {
            properties["replayed"] = properties["replayed"] ?? ["type": "boolean"]
            members["properties"] = .object(properties)
        }
        return .object(members)
    }

    /// A schema that does not name the dialect which MCP takes it for anyway.
    private static func undialected(_ schema: JSON) -> JSON {
        schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
            ? schema.removing([JSONPointer(tokens: ["$schema"])]) : schema
    }

    /// A tool's description, with which M-Pesa it acts on.
    private static func said(_ summary: String, in environment: Environment?) -> String {
        environment.map { "\(summary)\n\n\(Marks.words(of: $0))" } ?? summary
    }

    private static func sealed(_ definition: inout JSONObject) -> JSON {
        let digest = SHA256.digest(JSON.object(definition).canonicalBytes).hexadecimal
        definition["_meta"] = [ToolList.digestKey: .string(digest)]
        return .object(definition)
    }

    /// By what a tool's digest goes in its `_meta`.
    static let digestKey = "mpesa-gateway/definition-sha256"
}
