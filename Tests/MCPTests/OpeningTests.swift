import Gateway
import OrderedJSON
import Testing

@testable import MCP

/// How an assistant begins: what it was seen to send in 2025 and 2026, in the order in which it sent it.
struct Opening: Sendable, CustomTestStringConvertible {
    let name: String
    let version: String
    /// What it says it can.
    let capabilities: String
    var id: JSON = 1
    var title: String?
    /// What it asks for next, whatever the server said that it has.
    var lists = ["tools/list"]

    var testDescription: String { "\(name) at \(version)" }

    var params: JSONObject {
        var info: JSONObject = ["name": .string(name), "version": "1.0.0"]
        info["title"] = title.map { .string($0) }
        let capabilities = (try? JSON(parsing: Array(capabilities.utf8))) ?? .null
        return ["protocolVersion": .string(version), "capabilities": capabilities, "clientInfo": .object(info)]
    }

    private static let ui = #""extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}"#
    private static let all = ["resources/list", "tools/list", "prompts/list"]

    /// Those that begin with a handshake.
    static let handshakes = [
        Opening(name: "claude-ai", version: "2024-11-05", capabilities: "{}", id: 0, lists: all),
        Opening(name: "claude-ai", version: "2025-06-18", capabilities: "{}", id: 0, lists: all),
        Opening(name: "claude-ai", version: "2025-11-25", capabilities: "{\(ui)}", id: 0, lists: all),
        Opening(
            name: "cursor-vscode",
            version: "2024-11-05",
            capabilities:
                #"{"tools":true,"prompts":false,"resources":true,"logging":false,"roots":{"listChanged":false}}"#,
            id: 0
        ),
        Opening(
            name: "cursor-vscode",
            version: "2025-11-25",
            capabilities: #"{"roots":{"listChanged":false}}"#,
            id: 0,
            lists: all
        ),
        Opening(
            name: "Visual Studio Code - Insiders",
            version: "2025-03-26",
            capabilities: #"{"roots":{"listChanged":true}}"#
        ),
        Opening(
            name: "Visual Studio Code",
            version: "2025-11-25",
            capabilities: #"{"roots":{"listChanged":true},"sampling":{},"elicitation":{"form":{},"url":{}},"#
                + #""tasks":{"list":{},"cancel":{},"requests":{"sampling":{"createMessage":{}},"#
                + #""elicitation":{"create":{}}}},\#(ui)}"#,
            lists: all
        ),
        Opening(name: "openai-mcp", version: "2025-03-26", capabilities: "{}", id: 0),
        Opening(
            name: "openai-mcp",
            version: "2025-11-25",
            capabilities: #"{"experimental":{"openai/visibility":{"enabled":true}},\#(ui)}"#
        ),
        Opening(
            name: "gemini-cli-mcp-client-mpesa",
            version: "2025-06-18",
            capabilities: #"{"roots":{"listChanged":true}}"#,
            id: 0,
            lists: ["tools/list", "prompts/list"]
        ),
        Opening(
            name: "mcp-inspector",
            version: "2025-06-18",
            capabilities: #"{"sampling":{},"elicitation":{},"roots":{"listChanged":true}}"#,
            id: 0,
            title: "MCP Inspector",
            lists: all
        ),
    ]

    /// Those that ask first what there is, and then speak the newest revision.
    static let discoveries = [
        Opening(
            name: "openai-mcp",
            version: "2026-07-28",
            capabilities: #"{"experimental":{"openai/visibility":{"enabled":true}},\#(ui)}"#,
            id: "openai-mcp-discover"
        ),
        Opening(
            name: "claude-code",
            version: "2026-07-28",
            capabilities: #"{"roots":{"listChanged":true},"elicitation":{"form":{},"url":{}}}"#,
            id: 0
        ),
    ]
}

struct `An assistant` {
    private static let pay: JSONObject = [
        "name": "fake_collect", "arguments": ["phone": "254711000001", "amount": 100, "idempotency_key": "k"],
    ]

    @Test(arguments: Opening.handshakes)
    func `that begins with a handshake is served in its revision, and pays`(opening: Opening) async throws {
        try await Office.with { office in
            let hello = await office.send(Office.request("initialize", opening.params, id: opening.id).bytes)

            #expect(hello.status == 200 && hello.json["id"] == opening.id, "\(hello.json)")
            #expect(hello.result["protocolVersion"]?.stringValue == opening.version)
            #expect(hello.result["capabilities"]?["tools"]?.objectValue != nil)
            #expect((hello.session != nil) == (opening.params["capabilities"]?["elicitation"] != nil))
            // Before 2025-06-18 clients did not say their version again.
            var headers = opening.version < "2025-06-18" ? [] : [(Ladder.versionHeader, opening.version)]
            if let session = hello.session { headers.append((Exchange.sessionHeader, session)) }
            let begun: JSON = ["jsonrpc": "2.0", "method": "notifications/initialized"]
            #expect(await office.send(begun.bytes, headers).status == 202)
            for (number, list) in opening.lists.enumerated() {
                let id = JSON.integer(Int64(number + 1))
                let said = await office.send(Office.request(list, id: id).bytes, headers)
                #expect(said.status == 200 && said.json["id"] == id, "\(said.json)")
                #expect(said.result[String(list.prefix { $0 != "/" })]?.arrayValue?.isEmpty == false, "\(said.json)")
            }
            let paid = await office.send(Office.request("tools/call", Self.pay, id: 9).bytes, headers)
            #expect(paid.result["isError"] == false, "\(paid.json)")
        }
    }

    @Test(arguments: Opening.discoveries)
    func `that asks first what there is goes on in the newest revision, and pays`(opening: Opening) async throws {
        try await Office.with { office in
            let meta: JSONObject = [
                Message.versionKey: .string(opening.version),
                Message.capabilitiesKey: opening.params["capabilities"] ?? .null,
                "io.modelcontextprotocol/clientInfo": opening.params["clientInfo"] ?? .null,
            ]
            let message = Office.request("server/discover", ["_meta": .object(meta)], id: opening.id)
            let headers = [(Ladder.versionHeader, opening.version), ("Mcp-Method", "server/discover")]

            let found = await office.send(message.bytes, headers)

            #expect(found.status == 200 && found.json["id"] == opening.id, "\(found.json)")
            #expect(found.result["supportedVersions"]?.arrayValue?.contains(.string(opening.version)) == true)
            #expect(await !office.ask("tools/list", meta: meta).names("tools").isEmpty)
            #expect(await office.ask("tools/call", Self.pay, meta: meta).result["isError"] == false)
        }
    }
}
