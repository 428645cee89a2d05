import Gateway
import OrderedJSON
import Testing

struct `A template of URIs` {
    @Test func `is read in one way, or is none`() throws {
        let good = ["a://{b}", "notes://{key}", "gateway://x/{a}/b/{c}", "a:///{b}?c={d}"]
        for text in good { #expect(URITemplate(text)?.text == text, "\(text)") }
        let none = [
            "", "a://b", "{a}", "a://{b}{c}", "a://{b}-{c}", "a://{b}c", "a://{b}%2F", "a://{b}/{b}", "a://{}",
            "a://{1}",
            "a://{+b}", "a://{b*}", "a://{b", "a://b}", "a://{b}/\u{E9}", "a://{b} ",
            "a://" + (0..<9).map { "{v\($0)}/" }.joined(), "a://{b}/" + String(repeating: "c", count: 512),
        ]
        for text in none { #expect(URITemplate(text) == nil, "\(text)") }
        #expect(URITemplate("a://x/{b}/{c}")?.variables == ["b", "c"])
        #expect(URITemplate("a://x/{b}/{c}")?.prefix == "a://x/")
    }

    @Test func `finds what stands at its places`() throws {
        let template = try #require(URITemplate("notes://{shelf}/of/{key}"))
        let found: [(String, JSONObject)] = [
            ("notes://a/of/b", ["shelf": "a", "key": "b"]),
            ("notes://A-z_0.~/of/%20b%2F%c3%A9", ["shelf": "A-z_0.~", "key": " b/é"]),
        ]
        for (uri, values) in found { #expect(template.values(in: uri) == values, "\(uri)") }
        let none = [
            "", "notes://a/of/", "notes:///of/b", "notes://a/of/b/", "notes://a/b/of/c", "Notes://a/of/b",
            "notes://a/of/%",
            "notes://a/of/%4", "notes://a/of/%zz", "notes://a/of/%FF", "notes://a/of/%00", "notes://a/of/%0A",
            "notes://a/of/%E2%80%AE", "notes://a/of/b?c", "notes://a/of/b#c", "notes://a/of/é", "notes://a/of/b c",
            "notes://a/of/" + String(repeating: "b", count: 512),
        ]
        for uri in none { #expect(template.values(in: uri) == nil, "\(uri)") }
    }
}

struct `A beginning of URIs` {
    @Test func `is of a scheme that is nobody's`() {
        for text in ["notes://", "books://ledger/", "a-b+c.1://x/y_z~/"] { #expect(URIPrefix.isOne(text), "\(text)") }
        let none = [
            "", "notes", "notes:", "notes:/", "notes://a", "Notes://", "notes://A/", "notes:// /", "notes://{a}/",
            "n://",
            "1a://", "mpesa://", "mpesa://x/", "MPESA://", "gateway://", "gateway://notes/", "http://a/", "https://a/",
            "file:///", "data:,/", "notes://?/", "://",
        ]
        for text in none { #expect(!URIPrefix.isOne(text), "\(text)") }
    }

    @Test func `meets whatever begins like it`() {
        #expect(URIPrefix.meet("notes://", "notes://") && URIPrefix.meet("notes://", "notes://a/"))
        #expect(URIPrefix.meet("notes://a/", "notes://"))
        #expect(!URIPrefix.meet("notes://", "notes2://") && !URIPrefix.meet("notes://a/", "notes://b/"))
    }

    @Test func `changes nothing of what plugins were granted that have none`() {
        let needs = Catalogue.Needs(collections: ["a"])
        #expect(needs.json.objectValue?.map(\.key) == ["upstreams", "secrets", "collections", "services"])
        let own = Catalogue.Needs(uris: ["notes://"])
        #expect(Catalogue.Needs(reading: own.json) == own)
        #expect(own.exceeding(needs) == "URIs that begin with notes://" && own.exceeding(own) == nil)
    }
}

struct `A catalogue of what may ask` {
    private static let argument: JSON = ["name": "key", "description": "Which."]

    private static func template(_ changed: JSONObject = [:]) -> JSON {
        var template: JSONObject = [
            "uri_template": "notes://{key}", "name": "note", "title": "A note", "description": "One.",
            "mime_type": "text/plain", "arguments": [argument],
        ]
        for (name, value) in changed { template[name] = value.isNull ? nil : value }
        return .object(template)
    }

    private static func prompt(_ changed: JSONObject = [:]) -> JSON {
        var prompt: JSONObject = [
            "name": "notes_letter", "title": "A letter", "description": "Writes.", "arguments": [argument],
        ]
        for (name, value) in changed { prompt[name] = value.isNull ? nil : value }
        return .object(prompt)
    }

    private static func catalogue(_ prompts: [JSON], _ templates: [JSON], uris: JSON) throws -> Catalogue {
        let tool: JSON = [
            "name": "notes_list", "kind": "function", "title": "List", "description": "Lists.",
            "input_schema": ["type": "object", "properties": [:], "additionalProperties": false],
            "output_schema": ["type": "object", "properties": [:], "additionalProperties": false],
            "annotations": [
                "read_only": true, "destructive": false, "idempotent": true, "open_world": false, "money_moving": false,
            ],
        ]
        let document: JSON = [
            "plugin": ["id": "notes", "version": "1.0.0"], "tools": [tool],
            "prompts": [["name": "notes_day", "title": "A day", "description": "One."]],
            "x-prompts": .array(prompts), "x-templates": .array(templates), "needs": ["x-uris": uris],
        ]
        return try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: []))
    }

    @Test func `says who asks, and what is completed`() throws {
        let completed: JSON = ["name": "key", "description": "Which.", "x-completes": true]
        let catalogue = try Self.catalogue(
            [Self.prompt(["asks": true])],
            [
                Self.template(["arguments": [completed]]),
                Self.template(["uri_template": "gateway://notes/{key}", "name": "b"]),
            ],
            uris: ["notes://"]
        )
        #expect(catalogue.askingPrompts.map(\.asks) == [true] && catalogue.templates.map(\.asks) == [false, false])
        #expect(catalogue.templates[0].arguments[0].isCompleted && catalogue.completesArguments)
        #expect(catalogue.needs.uris == ["notes://"])
        #expect(try !Self.catalogue([Self.prompt()], [], uris: []).completesArguments)
    }

    @Test func `is refused for every rule that it breaks`() throws {
        let wrong: [([JSON], [JSON], JSON, String)] = [
            ([], [Self.template()], [], "C1: /x-templates/0/uri_template"),
            (
                [], [Self.template(["uri_template": "mpesa://transactions/{key}"])], ["notes://"],
                "/x-templates/0/uri_template"
            ),
            (
                [], [Self.template(["uri_template": "gateway://other/{key}"])], ["notes://"],
                "/x-templates/0/uri_template"
            ),
            ([], [Self.template(["uri_template": "notes://{key}x"])], ["notes://"], "/x-templates/0/uri_template"),
            ([], [Self.template(["arguments": []])], ["notes://"], "/x-templates/0/arguments"),
            (
                [], [Self.template(["arguments": [Self.argument, Self.argument]])], ["notes://"],
                "/x-templates/0/arguments"
            ),
            (
                [], [Self.template(["arguments": [["name": "key"]]])], ["notes://"],
                "/x-templates/0/arguments/0/description"
            ),
            ([], [Self.template(["title": .null])], ["notes://"], "/x-templates/0/title"),
            ([], [Self.template(), Self.template()], ["notes://"], "C2: /x-templates/1"),
            ([], [], ["mpesa://"], "C1: /needs/x-uris"), ([], [], ["https://a/"], "/needs/x-uris"),
            ([Self.prompt(["arguments": [["name": "key"]]])], [], [], "C1: /x-prompts/0/arguments/0/description"),
            ([Self.prompt(["name": "notes_day"])], [], [], "C2: /x-prompts/0/name"),
            ([Self.prompt(["asks": "yes"])], [], [], "/x-prompts/0/asks"),
        ]
        for (prompts, templates, uris, reason) in wrong {
            let error = #expect(throws: CatalogueError.self) { try Self.catalogue(prompts, templates, uris: uris) }
            #expect(error?.description.contains(reason) ?? false, "\(error?.description ?? "") is not \(reason)")
        }
    }
}
