import OrderedJSON
import PluginAPI
import Testing

@testable import PluginKit

/// A host that hears how calls end.
private final class Host: Sendable {
    private let ends = AsyncStream.makeStream(of: (status: Int32, payload: JSON).self)

    // Initialized once before anybody sees it; only read afterwards.
    nonisolated(unsafe) static let complete: UnsafePointer<gateway_complete_t> = {
        let table = UnsafeMutablePointer<gateway_complete_t>.allocate(capacity: 1)
        table.initialize(
            to: gateway_complete_t(complete: { host, _, status, payload in
                guard let host else { return GATEWAY_INVALID_ARGUMENT }
                let said = (try? JSON(parsing: [UInt8](borrowed: payload))) ?? .null
                Unmanaged<Host>.fromOpaque(host).takeUnretainedValue().ends.continuation.yield((status, said))
                return GATEWAY_OK
            })
        )
        return UnsafePointer(table)
    }()

    /// Starts a call by one of a plugin's tables, and waits for its end.
    func end<Table>(
        of id: String,
        _: Table.Type,
        _ plugin: Plugin,
        _ start: (Table, UnsafeMutableRawPointer?) -> Int32
    ) async throws -> (status: Int32, payload: JSON) {
        var negotiation = gateway_negotiation_t()
        (negotiation.host_level_min, negotiation.host_level_max) = (GATEWAY_LEVEL, GATEWAY_LEVEL)
        negotiation.host = Unmanaged.passUnretained(self).toOpaque()
        negotiation.host_interface = { _, id in
            let name = String(decoding: [UInt8](borrowed: id), as: UTF8.self)
            return name == GATEWAY_COMPLETE ? UnsafeRawPointer(Host.complete) : nil
        }
        #expect(PluginExport.negotiate(&negotiation, plugin: plugin) == GATEWAY_OK)
        let found = Array(id.utf8).lent { negotiation.plugin_interface(negotiation.plugin, $0) }
        let table = try #require(found, "\(id) is not offered").assumingMemoryBound(to: Table.self).pointee
        let status = start(table, negotiation.plugin)
        guard status == GATEWAY_OK else { return (status, .null) }
        for await end in ends.stream { return end }
        return (GATEWAY_INTERNAL, .null)
    }
}

@Sendable
private func complete(
    _ request: CompletionRequest,
    _ context: FunctionContext
) async throws(FunctionFailure) -> [String] {
    (0..<101).map { "\(request.subject) \(request.argument) \(request.value) \($0)" }
}

private func plugin(asks: Bool = true) -> Plugin {
    let letter = AskingPrompt(["name": "letter"]) { arguments, context async throws(FunctionFailure) in
        guard let answer = context.answer else {
            throw .questions(
                [.init("tone", "In which tone?", schema: ["type": "object"]), .init("sure", "Sure?", schema: [:])],
                state: 7
            )
        }
        return ["messages": [], "heard": answer.content, "state": answer.state, "of": arguments]
    }
    let book = ResourceTemplate(["name": "book"]) { places, _ async throws(FunctionFailure) in
        guard let title = places["title"]?.stringValue, title != "none" else { throw .notFound("No such book.") }
        return title.hasPrefix("b") ? .bytes(Array(title.utf8)) : .text(title)
    }
    return Plugin(
        id: "shelf",
        version: "1.0.0",
        title: "Shelf",
        tools: [],
        needs: Needs(uris: ["shelf://"]),
        askingPrompts: asks ? [letter] : [],
        templates: asks ? [book] : [],
        complete: asks ? complete : nil
    )
}

struct `A plugin that may ask` {
    private func get(_ index: UInt32, _ meta: String = "{}") async throws -> (status: Int32, payload: JSON) {
        try await Host()
            .end(of: GATEWAY_PROMPT_2, gateway_prompt_2_t.self, plugin()) { table, plugin in
                Array(#"{"title":"t"}"#.utf8)
                    .lent { arguments in Array(meta.utf8).lent { table.get(plugin, 1, index, arguments, $0) } }
            }
    }

    private func read(_ title: String) async throws -> (status: Int32, payload: JSON) {
        try await Host()
            .end(of: GATEWAY_RESOURCE_2, gateway_resource_2_t.self, plugin()) { table, plugin in
                JSON.object(["title": .string(title)]).bytes
                    .lent { places in Array("{}".utf8).lent { table.read(plugin, 1, 0, places, $0) } }
            }
    }

    @Test func `asks in one round, and hears each answer by its name`() async throws {
        let asked = try await get(0)
        #expect(asked.status == GATEWAY_INPUT_REQUIRED && asked.payload["state"] == 7)
        #expect(asked.payload["questions"]?.objectValue?.map(\.key) == ["tone", "sure"])
        let meta = #"{"input":{"action":"accept","content":{"tone":{"tone":"kind"}}},"state":7}"#
        let made = try await get(0, meta)
        let expected: JSON = ["messages": [], "heard": ["tone": ["tone": "kind"]], "state": 7, "of": ["title": "t"]]
        #expect(made.status == GATEWAY_OK && made.payload == expected)
        #expect(try await get(7).status == GATEWAY_NOT_SUPPORTED)
    }

    @Test func `reads text and bytes, or says that there is none`() async throws {
        #expect(try await read("a text").payload == ["text": "a text"])
        let encoded = ["b": "Yg==", "bo": "Ym8=", "boo": "Ym9v", "book": "Ym9vaw==", "bé?~": "YsOpP34="]
        for (bytes, text) in encoded { #expect(try await read(bytes).payload == ["base64": .string(text)]) }
        #expect(try await read("none").status == GATEWAY_NOT_FOUND)
    }

    @Test func `tells at most 100 values, and how many there are`() async throws {
        let ended = try await Host()
            .end(of: GATEWAY_ARGUMENT_COMPLETION, gateway_argument_completion_t.self, plugin()) { table, plugin in
                Array(#"{"template":"book","argument":"title","value":"k","arguments":{}}"#.utf8)
                    .lent { request in Array("{}".utf8).lent { table.complete(plugin, 1, request, $0) } }
            }
        #expect(ended.payload["values"]?.arrayValue?.count == 100 && ended.payload["total"] == 101)
        #expect(ended.payload["values"]?[0]?.stringValue?.contains("book") ?? false)
    }

    @Test func `says so in its catalogue, and one that does not ask says nothing of it`() {
        let catalogue = plugin().catalogue
        #expect(catalogue["x-prompts"]?[0]?["name"] == "letter" && catalogue["x-templates"]?[0]?["name"] == "book")
        #expect(catalogue["needs"]?["x-uris"] == ["shelf://"])
        #expect(
            plugin(asks: false).catalogue["x-prompts"] == nil && plugin(asks: false).catalogue["x-templates"] == nil
        )
        for id in [GATEWAY_PROMPT_2, GATEWAY_RESOURCE_2, GATEWAY_ARGUMENT_COMPLETION] {
            #expect(Array(id.utf8).lent { PluginTables.shared.table($0, of: plugin(asks: false)) } == nil)
        }
    }
}
