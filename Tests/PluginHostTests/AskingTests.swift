import Gateway
import OrderedJSON
import Testing

@testable import PluginHost

extension Bench {
    /// The plugin of what may ask, in a host.
    @discardableResult
    fileprivate func shelf(
        _ flags: [String] = [],
        id: String = "shelf",
        granting uris: [String] = ["shelf://"]
    ) throws -> LoadedPlugin {
        let configuration = PluginConfiguration(
            id: id,
            source: try compile(flags, name: id, source: "shelf"),
            sha256: nil,
            isEnabled: true,
            isolation: isolation.rawValue,
            grants: .init(uris: uris),
            settings: [:]
        )
        return try host.load(configuration, relativeTo: "/")
    }
}

extension LoadedPlugin {
    fileprivate func ask(
        _ work: ContextWork,
        _ document: JSON,
        _ answer: QuestionAnswer? = nil
    ) async throws -> (status: AnswerStatus?, said: JSON) {
        let usual = Invocation.ofATest()
        let invocation = Invocation(
            principal: usual.principal,
            call: usual.call,
            door: "mcp",
            timeout: .seconds(20),
            answer: answer
        )
        let run = try #require(asynchronous.context)
        let completion = await run(work, document.bytes, invocation)
        return (AnswerStatus(rawValue: completion.status), (try? JSON(parsing: completion.payload)) ?? .null)
    }
}

struct `What may ask` {
    @Test(arguments: Bench.Isolation.allCases)
    func `is an invocation, which hears arguments, environment and a person's answer`(
        isolation: Bench.Isolation
    ) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let shelf = try bench.shelf()
        #expect(shelf.askingPrompts.map(\.name) == ["shelf_letter"] && shelf.uris == ["shelf://"])

        let asked = try await shelf.ask(.prompt(0), ["title": "t"])
        #expect(asked.status == .inputRequired && asked.said["state"] == ["step": 1])
        let answer = QuestionAnswer(action: "accept", content: ["sure": ["sure": true]], state: ["step": 1])
        let made = try await shelf.ask(.prompt(0), ["title": "t"], answer)
        #expect(made.status == .ok && made.said["arguments"] == ["title": "t"])
        #expect(made.said["meta"]?["input"] == ["action": "accept", "content": ["sure": ["sure": true]]])
        #expect(made.said["meta"]?["state"] == ["step": 1] && made.said["meta"]?["environment"] == "test")
        #expect(made.said["meta"]?["caller"] == "mcp" && made.said["meta"]?["deadline_ns"] != nil)
        let book = try await shelf.ask(.resource(0), ["title": "t"])
        #expect(book.said["text"] == "Once upon a time." && book.said["arguments"] == ["title": "t"])
        #expect(try await shelf.ask(.resource(0), ["title": "none"]).status == .notFound)
        #expect(try await shelf.ask(.resource(1), ["title": "t"], answer).said["base64"] == "AAEC/w==")
        let request: JSON = ["prompt": "shelf_letter", "argument": "title", "value": "K", "arguments": [:]]
        let completion = try await shelf.ask(.completion, request)
        #expect(completion.said["arguments"] == request && completion.said["total"] == 9)
        #expect(try await shelf.ask(.prompt(7), [:]).status == .notSupported)
        #expect(bench.host.violations(of: "shelf") == 0)
    }

    private static let refusals: [([String], String)] = [
        (["-DNO_PROMPT"], "rule E5: x-prompt/2"), (["-DNO_RESOURCE"], "rule E5: x-resource/2"),
        (["-DNO_COMPLETION"], "rule E5: x-argument-completion/1"),
        (["-DNULL_FUNCTION"], "rule E5: a function of x-prompt/2"),
        (["-DSHELF_URIS=\"\\\"x-uris\\\":[\\\"mpesa://\\\"]\""], "rule C1: /needs/x-uris"),
        (["-DSHELF_URIS="], "rule C1: /x-templates/0/uri_template"),
        (["-DSHELF_TEMPLATE=\"shelf://{title}{place}\""], "rule C1: /x-templates/0/uri_template"),
    ]

    @Test(arguments: refusals, Bench.Isolation.allCases)
    func `is refused for every rule that it breaks`(refusal: ([String], String), isolation: Bench.Isolation) throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let found = #expect(throws: PluginRefusal.self) { try bench.shelf(refusal.0) }
        #expect(found?.description.contains(refusal.1) ?? false, "\(found?.description ?? "")")
    }

    @Test func `has a beginning of URIs where it was granted, and no other plugin has it`() throws {
        let bench = try Bench()
        defer { bench.remove() }
        #expect(throws: PluginRefusal.notGranted("URIs that begin with shelf://")) {
            try bench.shelf(granting: ["other://"])
        }
        try bench.shelf()
        let refusal = #expect(throws: PluginRefusal.self) {
            try bench.shelf(["-DSHELF_ID=\"copy\""], id: "copy")
        }
        #expect(refusal == .clash("URIs that begin with shelf:// are shelf's"))
    }

    @Test func `is granted nothing that another means`() {
        for (uris, pointer) in [
            (["mpesa://"], "/plugins/0/grants/x-uris"), (["https://shop.example/"], "/plugins/0/grants/x-uris"),
            (["notes"], "/plugins/0/grants/x-uris"),
        ] as [(JSON, String)] {
            let document: JSON = ["plugins": [["id": "notes", "source": "n.so", "grants": ["x-uris": uris]]]]
            let malformed = #expect(throws: PluginConfiguration.Malformed.self) {
                try PluginConfiguration.list(parsing: document.bytes)
            }
            #expect(malformed?.pointer == pointer)
        }
    }
}
