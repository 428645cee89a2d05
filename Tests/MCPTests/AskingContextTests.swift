import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import MCP

private let elicits: JSONObject = [Message.capabilitiesKey: ["elicitation": [:]]]
private func accept(_ content: JSON) -> JSON { ["action": "accept", "content": content] }

/// An office in which the shelf stands too.
private func withShelf(_ body: (Office, ShelfPlugin) async throws -> Void) async throws {
    try await Office.with { office in
        let shelf = ShelfPlugin()
        try office.registry.publish(shelf.loaded())
        try await body(office, shelf)
    }
}

struct `A prompt that asks` {
    private static let letter: JSONObject = ["name": "shelf_letter", "arguments": ["title": "Mirabai", "other": "x"]]
    private static let answers: JSON = ["tone": accept(["tone": "kind"]), "sure": accept(["sure": true])]

    private func get(_ office: Office, _ more: JSONObject = [:], credential: Credential? = nil) async -> Said {
        var params = Self.letter
        for (name, value) in more { params[name] = value }
        return await office.ask("prompts/get", params, meta: elicits, credential: credential)
    }

    @Test func `asks all of it in one round, and is made of the answers, once`() async throws {
        try await withShelf { office, shelf in
            let asked = await get(office)
            let requests = try #require(asked.result["inputRequests"]?.objectValue, "\(asked.json)")
            let state = try #require(asked.result["requestState"])
            #expect(asked.result["resultType"] == "input_required" && requests.map(\.key) == ["tone", "sure"])
            #expect(shelf.calls.first?.document == ["title": "Mirabai"], "what it does not take is left out")

            let wrong: JSON = ["tone": accept(["tone": 7]), "sure": accept(["sure": true])]
            let refused = await get(office, ["requestState": state, "inputResponses": wrong])
            #expect(refused.code == -32602 && refused.json.text.contains("tone"), "\(refused.json)")
            let half: JSON = ["sure": accept(["sure": true]), "zz": 7]
            let rest = await get(office, ["requestState": state, "inputResponses": half])
            #expect(rest.result["inputRequests"]?.objectValue?.map(\.key) == ["tone"], "\(rest.json)")
            #expect(shelf.calls.count == 1, "nothing ran for it")
            for _ in 0..<2 {
                let made = await get(office, ["requestState": state, "inputResponses": Self.answers])
                #expect(
                    made.result["messages"] == ShelfPlugin.message("Write in a kind tone.")["messages"],
                    "\(made.json)"
                )
            }
            #expect(shelf.calls.count == 2, "the same answer once more runs nothing")
        }
    }

    @Test func `hears an answer only from whom it asked, about what it asked`() async throws {
        try await withShelf { office, shelf in
            let state = try #require(await get(office).result["requestState"])
            let answered: JSONObject = ["requestState": state, "inputResponses": Self.answers]
            var other = answered
            other["arguments"] = ["title": "another"]
            let key = try await office.addKey(scopes: nil)

            #expect(await get(office, other).code == -32602)
            #expect(await get(office, answered, credential: key).code == -32602)
            var sneak = answered
            sneak["name"] = "shelf_sneak"
            #expect(await get(office, sneak).code == -32602)
            let day = await office.ask(
                "prompts/get",
                ["name": "desk_day", "arguments": ["day": "d"], "requestState": state, "inputResponses": Self.answers],
                meta: elicits
            )
            #expect(day.code == -32602, "what asks nothing is answered nothing")
            #expect(shelf.calls.count == 1)
        }
    }

    @Test func `is refused before it runs where nobody can be asked`() async throws {
        try await withShelf { office, shelf in
            let said = await office.ask("prompts/get", Self.letter)
            #expect(said.status == 400 && said.code == -32021, "\(said.json)")
            #expect(said.json["error"]?["data"]?["requiredCapabilities"] == ["elicitation": [:]])
            let older = await office.ask("prompts/get", Self.letter, in: .november2025)
            #expect(older.status == 200 && older.code == -32602, "\(older.json)")
            #expect(older.json["error"]?["message"]?.stringValue?.contains("elicitation") ?? false)
            #expect(shelf.calls.isEmpty)
        }
    }

    @Test(arguments: [Revision.june2025, .november2025])
    func `asks a client of an older revision in its session, one thing after another`(revision: Revision) async throws {
        try await withShelf { office, shelf in
            let params: JSONObject = [
                "protocolVersion": .string(revision.rawValue), "capabilities": ["elicitation": [:]],
            ]
            let begun = await office.ask("initialize", params, in: nil)
            let session = [(Exchange.sessionHeader, try #require(begun.session))]
            let body = Office.request("prompts/get", Self.letter, id: "call")
            let exchange = try #require(await office.read(body.bytes, session))
            #expect(office.server.tellsProgress(of: exchange), "or no door opens a stream for it")

            let made = await office.send(body.bytes, session) { bytes in
                guard let message = try? JSON(parsing: bytes) else { return }
                let tone = message["params"]?["message"] == "In which tone?"
                let result: JSON = accept(tone ? ["tone": "kind"] : ["sure": true])
                let reply: JSON = ["jsonrpc": "2.0", "id": message["id"] ?? .null, "result": result]
                Task { _ = await office.send(reply.bytes, session) }
            }
            #expect(made.result["messages"] == ShelfPlugin.message("Write in a kind tone.")["messages"], "\(made.json)")
            #expect(shelf.calls.count == 2)
        }
    }

    @Test func `may not ask where its catalogue does not say so`() async throws {
        try await withShelf { office, shelf in
            var sneak = Self.letter
            sneak["name"] = "shelf_sneak"
            let said = await office.ask("prompts/get", sneak, meta: elicits)

            #expect(said.code == -32603 && said.cause?.code == .pluginFailed, "\(said.json)")
            #expect(office.registry.snapshot.live("shelf")?.calls.malformedCount == 1)
        }
    }

    @Test func `may not ask by what no caller could send back`() async throws {
        try await withShelf { office, _ in
            #expect(await get(office, ["arguments": ["title": "huge"]]).cause?.code == .pluginFailed)
        }
    }

    @Test func `passes for no other plugin's, nor another's for it`() async throws {
        try await withShelf { office, _ in
            let named: (String) -> JSON = { ["name": .string($0), "title": "A", "description": "B."] }
            for (list, name, owner) in [
                ("x-prompts", "shelf_letter", "shelf"), ("prompts", "shelf_letter", "shelf"),
                ("x-prompts", "desk_day", "desk"),
            ] {
                let clash = #expect(throws: ToolRegistry.Clash.self) {
                    try office.registry.publish(
                        ShelfPlugin().loaded(id: "other", uris: []) { $0[list] = .array([named(name)]) }
                    )
                }
                #expect(clash == .prompt(name, plugin: owner))
            }
        }
    }

    @Test func `is listed with what its arguments are`() async throws {
        try await withShelf { office, _ in
            let prompts = await office.ask("prompts/list").result["prompts"]?.arrayValue ?? []
            let letter = try #require(prompts.first { $0["name"] == "shelf_letter" })
            #expect(letter["arguments"]?[1] == ["name": "place", "required": false, "description": "Where it stands."])
        }
    }
}

struct `A template of a plugin's` {
    private func uris(_ said: Said) -> [String] {
        (said.result["resourceTemplates"]?.arrayValue ?? []).compactMap { $0["uriTemplate"]?.stringValue }
    }

    private func read(_ office: Office, _ uri: String, _ more: JSONObject = [:]) async -> Said {
        var params: JSONObject = ["uri": .string(uri)]
        for (name, value) in more { params[name] = value }
        return await office.ask("resources/read", params, meta: elicits)
    }

    @Test func `is told of beside the host's, to whoever may read it`() async throws {
        try await withShelf { office, _ in
            let own = ["gateway://shelf/locked/{title}", "shelf://book/{title}"]
            let said = await office.ask("resources/templates/list")
            #expect(uris(said).filter { !$0.hasPrefix("mpesa") } == own && uris(said).count == 6)
            #expect(uris(said) == uris(said).sorted())
            #expect(said.result["resourceTemplates"]?[0]?["title"] == "A book")
            let first = await office.ask("resources/templates/list", in: .november2024)
            #expect(first.result["resourceTemplates"]?[0]?["title"] == nil)
            let bare = try await office.addKey(scopes: ["transactions:read"])
            #expect(!uris(await office.ask("resources/templates/list", credential: bare)).contains(own[0]))
            try await office.store.save(
                Plan(name: "all", tools: ["desk_*"], organizationLimits: [:], principalLimits: [:])
            )
            office.clock.advance(.seconds(2))
            #expect(uris(await office.ask("resources/templates/list")).allSatisfy { $0.hasPrefix("mpesa") })
            #expect(await read(office, "shelf://book/Mirabai").code == -32602)
        }
    }

    @Test func `is read by what stands at its place`() async throws {
        try await withShelf { office, shelf in
            let said = await read(office, "shelf://book/Njia%20ya%20%C3%A9")
            let contents: JSON = [
                "uri": "shelf://book/Njia%20ya%20%C3%A9", "mimeType": "text/plain", "text": "Njia ya é",
            ]
            #expect(said.result["contents"]?[0] == contents, "\(said.json)")
            #expect(shelf.calls.first?.document == ["title": "Njia ya é"])
            #expect(shelf.calls.first?.invocation.principal.organization == office.organization)
            for none in [
                "shelf://book/none", "shelf://book/", "shelf://book/a/b", "shelf://book/%zz", "shelf://nothing",
            ] {
                let said = await read(office, none)
                #expect(said.code == -32602 && said.json["error"]?["data"]?["uri"] != nil, "\(said.json)")
            }
            #expect(shelf.calls.count == 2, "what is of no template is asked of nobody")
        }
    }

    @Test func `asks before it is read, where it says so`() async throws {
        try await withShelf { office, shelf in
            let uri = "gateway://shelf/locked/Mirabai"
            let mute = await office.ask("resources/read", ["uri": .string(uri)])
            #expect(mute.code == -32021 && shelf.calls.isEmpty)
            let asked = await read(office, uri)
            let state = try #require(asked.result["requestState"], "\(asked.json)")
            #expect(asked.result["inputRequests"]?["question"]?["params"]?["message"] == "Open it?")
            #expect(asked.result["ttlMs"] == nil, "a question is kept by nobody")
            let answers: JSON = ["question": accept(["sure": true])]
            let again = await read(office, uri, ["requestState": state, "inputResponses": [:]])
            #expect(again.result["inputRequests"] == asked.result["inputRequests"], "\(again.json)")

            let elsewhere = await read(
                office,
                "gateway://shelf/locked/another",
                ["requestState": state, "inputResponses": answers]
            )
            #expect(elsewhere.code == -32602 && elsewhere.json["error"]?["data"] == nil, "\(elsewhere.json)")
            let opened = await read(office, uri, ["requestState": state, "inputResponses": answers])
            #expect(opened.result["contents"]?[0]?["blob"] == "AAEC/w==", "\(opened.json)")
            #expect(opened.result["contents"]?[0]?["mimeType"] == "image/png")
            let declined = await read(
                office,
                uri,
                ["requestState": state, "inputResponses": ["question": ["action": "decline"]]]
            )
            #expect(declined.code == -32602, "the first answer counts")
        }
    }

    @Test func `that is slow for one organization leaves places to the others`() async throws {
        var bounds = Office.bounds
        bounds.contexts.ofOrganizationMax = 1
        try await Office.with(bounds: bounds) { office in
            let shelf = ShelfPlugin()
            try office.registry.publish(shelf.loaded())
            let other = try await office.addKey(scopes: nil, of: office.addOrganization("other"))
            async let slow = read(office, "shelf://book/slow")
            for await _ in shelf.slow.asked.stream { break }

            #expect(await read(office, "shelf://book/a").status == 429)
            let uri: JSONObject = ["uri": "shelf://book/a"]
            #expect(await office.ask("resources/read", uri, credential: other).result["contents"] != nil)
            shelf.slow.let.continuation.finish()
            #expect(await slow.result["contents"] != nil)
            #expect(await read(office, "shelf://book/a").result["contents"] != nil)
        }
    }

    @Test func `is one plugin's alone`() async throws {
        try await withShelf { office, _ in
            let other = ShelfPlugin()
            for prefix in ["shelf://", "shelf://book/"] {
                let clash = #expect(throws: ToolRegistry.Clash.self) {
                    try office.registry.publish(other.loaded(id: "other", uris: [prefix]))
                }
                #expect(clash == .uris(prefix, plugin: "shelf"))
            }
            try office.registry.publish(other.loaded(id: "other", uris: ["shelves://"]))
            #expect(await read(office, "shelves://book/x").result["contents"] != nil)
        }
    }
}

struct `A completion of a plugin's` {
    private func complete(
        _ office: Office,
        _ begun: String,
        of reference: JSON = ["type": "ref/prompt", "name": "shelf_letter"],
        _ argument: String = "title",
        credential: Credential? = nil
    ) async -> Said {
        let params: JSONObject = [
            "ref": reference, "argument": ["name": .string(argument), "value": .string(begun)],
            "context": ["arguments": ["place": "a hall", "title": "x", "other": "y"]],
        ]
        return await office.ask("completion/complete", params, credential: credential)
    }

    @Test func `names what its plugin says, as a look-up of whoever types`() async throws {
        try await withShelf { office, shelf in
            let said = await complete(office, "Kar")
            #expect(
                said.result["completion"] == ["values": ["Karibu", "Kariuki"], "total": 9, "hasMore": true],
                "\(said.json)"
            )
            let call = try #require(shelf.calls.first)
            let document: JSON = [
                "prompt": "shelf_letter", "argument": "title", "value": "Kar", "arguments": ["place": "a hall"],
            ]
            #expect(call.work == .completion && call.document == document)
            #expect(call.invocation.timeout == .seconds(2) && call.invocation.answer == nil)
            #expect(call.invocation.principal.organization == office.organization)
            let template: JSON = ["type": "ref/resource", "uri": "shelf://book/{title}"]
            #expect(await complete(office, "Kar", of: template).result["completion"]?["values"]?[0] == "Karibu")
            #expect(shelf.calls.last?.document["template"] == "book")
        }
    }

    @Test func `is nothing where its plugin says nothing of it, and refused where there is none`() async throws {
        try await withShelf { office, shelf in
            let place = await complete(office, "", "place")
            #expect(place.result["completion"]?["values"] == [], "\(place.json)")
            let wrong: [(JSON, String)] = [
                (["type": "ref/prompt", "name": "shelf_letter"], "author"),
                (["type": "ref/resource", "uri": "shelf://book/{author}"], "author"),
                (["type": "ref/prompt", "name": 7], "title"),
            ]
            for (reference, argument) in wrong {
                #expect(await complete(office, "", of: reference, argument).code == -32602, "\(reference)")
            }
            let bare = try await office.addKey(scopes: ["transactions:read"])
            #expect(await complete(office, "", credential: bare).status == 403)
            #expect(shelf.calls.isEmpty)
        }
    }

    @Test(arguments: ["many", "hidden", "long", "asks"])
    func `is a fault of its plugin's where it is not of its form`(begun: String) async throws {
        try await withShelf { office, _ in
            let said = await complete(office, begun)
            #expect(said.cause?.code == .pluginFailed, "\(said.json)")
        }
    }

    @Test func `shows no phone to whom none may be shown`() async throws {
        try await withShelf { office, _ in
            let reads = try await office.addKey(scopes: ["context:read", "shelf_count", "phones:read", "tools:call"])
            #expect(await complete(office, "phone").result["completion"]?["values"] == ["Amina, 0722•••111"])
            let open = await complete(office, "phone", credential: reads)
            #expect(open.result["completion"]?["values"] == ["Amina, 0722000111"], "\(open.json)")
        }
    }
}
