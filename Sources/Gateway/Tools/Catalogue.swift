import JSONSchema
import OrderedJSON

/// What a plugin wrote about itself, read and checked: docs/abi.md, section 1.
///
/// Pure; `PluginHost` compares it with the
/// grants and the manifest.
package struct Catalogue: Sendable {
    /// What the host can do for a tool that requires it.
    package struct HostAbilities: Sendable {
        /// What this host can do, by the names of docs/abi.md, section 1.1.
        package static let own: Set<String> = ["approval", "batches", "x-original", "x-task"]

        /// The features that `requires.features` may name.
        package var features: Set<String>
        /// The secret transforms there are.
        package var transforms: Set<String>

        /// States abilities; the features are this host's own unless said.
        package init(features: Set<String> = HostAbilities.own, transforms: Set<String>) {
            self.features = features
            self.transforms = transforms
        }
    }

    /// What bounds a catalogue besides its bytes: a few of them must not become much work, or much memory.
    package struct Limits: Sendable {
        /// How many of a kind a list may hold: tools, operations, prompts, resources.
        ///
        /// Default 2,000.
        package var elementsMax = 2_000
        /// The longest text, in bytes.
        ///
        /// Default 16 KiB.
        package var textBytesMax = 16 << 10
        /// How many schemas all tools' have together, subschemas counted.
        ///
        /// Default 100,000.
        package var schemasMax = 100_000
        /// How many states all tools' patterns have together, once their repetitions are written out.
        ///
        /// Default 200,000.
        package var patternStatesMax = 200_000

        /// The defaults.
        package init() {}
    }

    /// The plugin's id.
    package let id: String
    /// Its version.
    package let version: String
    /// For people.
    package let title: String
    /// In the catalogue's order.
    package let tools: [ToolDescriptor]
    /// In the catalogue's order.
    package let operations: [OperationKind]
    /// In the catalogue's order.
    package let prompts: [PromptDescriptor]
    /// In the catalogue's order.
    package let resources: [ResourceDescriptor]
    /// Prompts that may ask, in the catalogue's order: a draft.
    package let askingPrompts: [PromptDescriptor]
    /// Kinds of resources, in the catalogue's order: a draft.
    package let templates: [TemplateDescriptor]
    /// What it needs.
    package let needs: Needs
    /// Where it says something else than what the host derives (rule C6); its tools are as derived.
    package let contradictions: [CatalogueError]

    /// Reads and checks a catalogue.
    ///
    /// - Throws: `CatalogueError` for the first thing that breaks rule C1, C2 (routes) or C4.
    package init(
        parsing bytes: [UInt8],
        abilities: HostAbilities,
        limits: Limits = Limits()
    ) throws(CatalogueError) {
        let document: JSON
        do { document = try JSON(parsing: bytes) } catch {
            throw CatalogueError(rule: "C1", pointer: "", reason: "not JSON: \(error)")
        }
        let root = CatalogueReader(value: document, pointer: "", limits: limits)
        let plugin = try root.object("plugin")
        id = try plugin.text("id")
        version = try plugin.text("version")
        title = try plugin.text("title", default: id)
        guard Catalogue.isName(id, extra: "-") else {
            throw plugin.fail("id", "[a-z][a-z0-9-]*, at most 63 characters")
        }
        let operations = try root.list("operations", Catalogue.operation)
        try Catalogue.check(operations, abilities: abilities, root: root)
        self.operations = operations
        var index = -1
        var contradictions: [CatalogueError] = []
        var size = SchemaSize()
        tools = try root.list("tools") { reader throws(CatalogueError) in
            index += 1
            let tool = try Catalogue.tool(reader, index: index, operations: operations, abilities: abilities)
            for schema in [tool.inputValidator, tool.outputValidator] {
                size.nodes += schema.size.nodes
                size.patternStates += schema.size.patternStates
            }
            guard size.nodes <= limits.schemasMax, size.patternStates <= limits.patternStatesMax else {
                throw reader.fail("", "schemas that are small enough together with those before it")
            }
            contradictions += try ToolNature.contradictions(reader, tool: tool, operations: operations)
            return tool
        }
        self.contradictions = contradictions
        guard !tools.isEmpty else { throw root.fail("tools", "at least one tool") }
        try Catalogue.checkOriginals(tools, operations, root: root)
        let owner = id
        prompts = try root.list("prompts", Catalogue.prompt)
        resources = try root.list("resources") { reader throws(CatalogueError) in
            try Catalogue.resource(reader, of: owner)
        }
        let needs = try Catalogue.needs(root.optionalObject("needs"))
        self.needs = needs
        askingPrompts = try root.list("x-prompts", Catalogue.askingPrompt)
        templates = try root.list("x-templates") { reader throws(CatalogueError) in
            try Catalogue.template(reader, under: ["gateway://\(owner)/"] + needs.uris)
        }
        try Catalogue.checkClashes(tools, root: root)
        try Catalogue.checkNames(prompts, askingPrompts, templates, root: root)
    }

    /// Whether some text is a name: a lower-case letter, then letters, digits and what is allowed besides.
    static func isName(_ text: String, extra: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, (1...64).contains(bytes.count),
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first)
        else { return false }
        return bytes.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || extra.utf8.contains(byte)
        }
    }

    private static func needs(_ reader: CatalogueReader?) throws(CatalogueError) -> Needs {
        guard let reader else { return Needs() }
        let upstreams = try reader.list("upstreams") { upstream throws(CatalogueError) in
            (try upstream.text("name"), try upstream.texts("paths"))
        }
        let services = try reader.texts("services")
        for service in services where !Needs.knownServices.contains(service) {
            throw reader.fail("services", "services among " + Needs.knownServices.sorted().joined(separator: ", "))
        }
        return Needs(
            upstreams: Dictionary(upstreams, uniquingKeysWith: +),
            secrets: try reader.texts("secrets"),
            collections: try reader.texts("collections"),
            services: services,
            uris: try uris(reader)
        )
    }

    private static func check(
        _ operations: [OperationKind],
        abilities: HostAbilities,
        root: CatalogueReader
    ) throws(CatalogueError) {
        for (index, kind) in operations.enumerated() {
            let at = "operations/\(index)"
            if operations[..<index].contains(where: { $0.name == kind.name }) {
                throw root.fail(at + "/name", "a name that no other operation has")
            }
            if let query = kind.query,
                !operations.contains(where: { $0.name == query.operation && $0.direction == .none })
            {
                throw root.fail(at + "/query/operation", "an operation of this plugin with direction none")
            }
            if kind.original != nil, kind.direction != .reverse {
                throw root.fail(at + "/x-original", "an operation of direction reverse: no other gives anything back")
            }
            for secret in kind.secrets where !abilities.transforms.contains(secret.transform) {
                throw root.fail(at + "/secrets", "a transform this host knows, not \(secret.transform)", rule: "C3")
            }
        }
    }

    /// What names the original of a reversal can be given by callers.
    private static func checkOriginals(
        _ tools: [ToolDescriptor],
        _ operations: [OperationKind],
        root: CatalogueReader
    ) throws(CatalogueError) {
        for (index, tool) in tools.enumerated() {
            guard case .operation(let kind) = tool.kind, let original = operations[kind].original else { continue }
            for pointer in [original.pointer, original.unmoved].compactMap(\.self) {
                let property = pointer.tokens.first.flatMap { tool.inputSchema["properties"]?[$0] }
                if property == nil {
                    throw root.fail(
                        "tools/\(index)/input_schema",
                        "a property for \(pointer), which x-original of its operation names"
                    )
                }
            }
        }
    }

    private static func checkClashes(_ tools: [ToolDescriptor], root: CatalogueReader) throws(CatalogueError) {
        for (index, tool) in tools.enumerated() {
            for other in tools[..<index] {
                if other.name == tool.name {
                    throw root.fail("tools/\(index)/name", "a name that no other tool has", rule: "C2")
                }
                if other.route.method == tool.route.method, other.route.meets(tool.route) {
                    throw root.fail("tools/\(index)/http", "a route that does not meet \(other.name)'s", rule: "C2")
                }
            }
        }
    }
}
