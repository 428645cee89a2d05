import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import MCP

/// What becomes of a call whose client has gone: its task is cancelled.
struct `A call that is given up` {
    @Test(.timeLimit(.minutes(15)), arguments: [true, false])
    func `ends what a function tool waits for, with a progress token or without`(hasToken: Bool) async throws {
        try await Office.with { office in
            let meta: JSONObject = hasToken ? ["progressToken": 1] : [:]
            let asking = Task {
                await office.ask("tools/call", ["name": "desk_wait", "arguments": [:]], meta: meta)
            }
            for await _ in office.desk.waits.stream { break }

            asking.cancel()
            _ = await asking.value

            #expect(office.desk.givenUp == 1 && office.desk.runs == 1)
        }
    }

    @Test(.timeLimit(.minutes(15))) func `leaves a payment that was committed as it is, sent once`() async throws {
        try await Office.with { office in
            let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
            let (gate, open) = AsyncStream.makeStream(of: Void.self)
            office.upstream.answer { _ in
                arrived.yield()
                await Task { for await _ in gate {} }.value
                let accepted: JSON = ["verdict": "accepted", "external_ids": ["fake_id": "F1"]]
                return .answered(status: 200, body: accepted.bytes)
            }
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let params: JSONObject = ["name": "fake_collect", "arguments": arguments]
            let asking = Task { await office.ask("tools/call", params) }
            for await _ in arrivals { break }

            asking.cancel()
            open.finish()
            _ = await asking.value
            let again = await office.ask("tools/call", params)

            #expect(again.result["isError"] == false, "\(again.json)")
            #expect(again.result["structuredContent"]?["record"]?["state"] == "accepted", "\(again.json)")
            #expect(office.upstream.count("collect") == 1)
        }
    }
}

struct `A tool's digest` {
    @Test func `can be made anew by whoever reads the list`() async throws {
        try await Office.with { office in
            let tools = await office.ask("tools/list").result["tools"]?.arrayValue ?? []

            #expect(tools.count > 4)
            for tool in tools {
                var definition = tool.objectValue ?? JSONObject()
                let stated = definition.removeValue(forKey: "_meta")?[ToolList.digestKey]?.stringValue
                #expect(stated == SHA256.digest(JSON.object(definition).canonicalBytes).hexadecimal)
            }
        }
    }
}
