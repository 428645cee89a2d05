import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
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

/// The same of calls that are answered later, or by a person.
struct `A call that is given up while it waits` {
    @Test(.timeLimit(.minutes(15)))
    func `for M-Pesa's outcome leaves the payment open, and is told no more`() async throws {
        try await Office.with { office in
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k", "wait": 60]
            let params: JSONObject = ["name": "fake_collect", "arguments": arguments, "_meta": ["progressToken": 1]]
            let body = Office.request("tools/call", params).bytes
            let (news, told) = AsyncStream.makeStream(of: Void.self)
            let count = Mutex(0)
            let asking = Task {
                await office.send(body, [("MCP-Protocol-Version", "2025-11-25")]) { _ in
                    count.withLock { $0 += 1 }
                    told.yield()
                }
            }
            for await _ in news { break }

            asking.cancel()
            let said = await asking.value

            #expect(said.result["structuredContent"]?["record"]?["state"] == "accepted", "\(said.json)")
            #expect(count.withLock { $0 } < 4, "a minute has more than ten of them")
            #expect(office.upstream.count("collect") == 1)
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `for a person's answer leaves the draft, which is asked about again`() async throws {
        var bounds = Conversations.Settings()
        bounds.lookEvery = .milliseconds(1)
        try await Office.with(conversations: bounds) { office in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, agentMax: 1_000)
            _ = try await office.store.change(office.organization) { $0.approvals.rules = [rule] }
            office.gateway.configuration.forget()
            let hello: JSONObject = ["protocolVersion": "2025-11-25", "capabilities": ["elicitation": [:]]]
            let session = try #require(await office.ask("initialize", hello, in: nil).session)
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let body = Office.request("tools/call", ["name": "fake_pay", "arguments": arguments]).bytes
            let (questions, asked) = AsyncStream.makeStream(of: Void.self)
            let asking = Task {
                await office.send(body, [(Exchange.sessionHeader, session)]) { bytes in
                    if !bytes.isEmpty { asked.yield() }
                }
            }
            for await _ in questions { break }

            asking.cancel()
            _ = await asking.value

            await office.gateway.releases.sendDue()
            #expect(office.upstream.count("pay") == 0)
            let waiting = await office.ask("tools/call", ["name": "approvals_list", "arguments": [:]])
            #expect(waiting.result["structuredContent"]?["data"]?.arrayValue?.count == 1, "\(waiting.json)")
            let elicits: JSONObject = [Message.capabilitiesKey: ["elicitation": [:]]]
            let again = await office.ask("tools/call", ["name": "fake_pay", "arguments": arguments], meta: elicits)
            #expect(again.result["resultType"] == "input_required", "\(again.json)")
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
