import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import MCP

private let takesTasks: JSONObject = [Message.capabilitiesKey: ["extensions": [TaskView.extensionName: [:]]]]

extension Office {
    /// Asks as a client that takes tasks.
    fileprivate func task(_ method: String, _ id: JSON, credential: Credential? = nil) async -> Said {
        await ask(method, ["taskId": id], meta: takesTasks, credential: credential)
    }

    /// Calls a tool that moves money, as such a client.
    fileprivate func begin(_ tool: String, _ more: JSONObject = [:], credential: Credential? = nil) async -> Said {
        var arguments: JSONObject = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
        for (name, value) in more { arguments[name] = value.isNull ? nil : value }
        let params: JSONObject = ["name": .string(tool), "arguments": .object(arguments)]
        return await ask("tools/call", params, meta: takesTasks, credential: credential)
    }
}

struct `A task` {
    @Test func `is the transaction that a call began, from its beginning to the tool's own answer`() async throws {
        try await Office.with { office in
            let begun = await office.begin("fake_collect")
            let id = try #require(begun.result["taskId"]?.stringValue, "\(begun.json)")
            #expect(begun.result["resultType"] == "task" && begun.result["status"] == "working")
            #expect(begun.result["ttlMs"] == .null && begun.result["pollIntervalMs"] == 5000)
            #expect(begun.result["content"] == nil && begun.result["_meta"] != nil)

            let open = await office.task("tasks/get", .string(id))
            #expect(open.result["resultType"] == "complete" && open.result["status"] == "working")
            #expect(open.result["createdAt"] == begun.result["createdAt"] && open.result["result"] == nil)
            try await office.end(String(id.dropFirst("transactions/".count)))

            let ended = await office.task("tasks/get", .string(id))
            let result = try #require(ended.result["result"])
            #expect(ended.result["status"] == "completed" && ended.result["pollIntervalMs"] == nil)
            #expect(result["structuredContent"]?["record"]?["state"] == "failed" && result["isError"] == false)
            #expect(result["resultType"] == "complete" && result["_meta"]?[Marks.environmentKey] == "test")
        }
    }

    @Test func `is a tool's own work that goes on, and tells what the tool answers`() async throws {
        try await Office.with { office in
            let call: JSONObject = ["name": "desk_dig", "arguments": [:]]
            let begun = await office.ask("tools/call", call, meta: takesTasks)
            let id = try #require(begun.result["taskId"]?.stringValue, "\(begun.json)")
            #expect(id.hasPrefix("tasks/") && begun.result["status"] == "working")
            #expect(await office.task("tasks/get", .string(id)).result["status"] == "working")

            await office.gateway.tasks.workOnDue()

            let ended = await office.task("tasks/get", .string(id))
            #expect(ended.result["status"] == "completed", "\(ended.json)")
            #expect(ended.result["result"]?["structuredContent"] == ["number": 7])

            // Whoever takes no tasks is told what to ask.
            let said = await office.ask("tools/call", call)
            #expect(said.result["taskId"] == nil && said.result["structuredContent"]?["tool"] == "tasks_show")
            let handle = said.result["structuredContent"]?["handle"]?.stringValue ?? ""
            let cancelled = await office.task("tasks/cancel", .string("tasks/" + handle))
            #expect(cancelled.result["resultType"] != nil)
            #expect(await office.task("tasks/get", .string("tasks/" + handle)).result["status"] == "cancelled")
        }
    }

    @Test func `says which M-Pesa it is with, by which account, and whether it was there before`() async throws {
        try await Office.with { office in
            let (first, again) = (await office.begin("fake_collect"), await office.begin("fake_collect"))
            let id = try #require(first.result["taskId"]?.stringValue, "\(first.json)")
            let open = await office.task("tasks/get", .string(id))
            try await office.end(String(id.dropFirst("transactions/".count)))
            let ended = await office.task("tasks/get", .string(id))

            for said in [first, again, open, ended] {
                let meta = said.result["_meta"]
                #expect(meta?[Marks.environmentKey] == "test" && meta?[Marks.accountKey] == "main", "\(said.json)")
                #expect(meta?[Results.infoKey]?["name"] == "mpesa-gateway")
                let message = said.result["statusMessage"]?.stringValue ?? ""
                #expect(message.hasSuffix(" Environment: test, no real money. Account: main."), "\(message)")
            }
            #expect(first.result["_meta"]?[Marks.replayedKey] == nil)
            #expect(again.result["_meta"]?[Marks.replayedKey] == true)
            #expect(open.result["_meta"]?[Marks.replayedKey] == nil)
            let inner = ended.result["result"]?["_meta"]
            #expect(inner?[Results.infoKey] == ended.result["_meta"]?[Results.infoKey])
            #expect(inner?[Marks.environmentKey] == "test" && inner?[Marks.accountKey] == "main")
        }
    }

    @Test func `that has ended is no error where its plugin is not loaded`() async throws {
        try await Office.with { office in
            let id = try #require(await office.begin("fake_collect").result["taskId"]?.stringValue)
            let name = String(id.dropFirst("transactions/".count))
            office.registry.withdraw("fake")
            #expect(await office.task("tasks/get", .string(id)).result["status"] == "working")
            try await office.end(name)

            let ended = await office.task("tasks/get", .string(id))

            let result = try #require(ended.result["result"], "\(ended.json)")
            #expect(ended.result["status"] == "completed" && result["isError"] == false)
            #expect(result["structuredContent"]?["transaction_id"]?.stringValue == name)
            #expect(result["structuredContent"]?["status"] == "FAILED")
        }
    }

    @Test(arguments: 0..<4)
    func `that has ended is never told as an error because the store is away`(reads: Int) async throws {
        try await Office.with { office in
            let id = try #require(await office.begin("fake_collect").result["taskId"]?.stringValue)
            try await office.end(String(id.dropFirst("transactions/".count)))

            office.trouble.allow(reads: reads)
            let said = await office.task("tasks/get", .string(id))
            office.trouble.allow(reads: nil)

            let isTold = said.result["status"] == "completed" && said.result["result"]?["isError"] == false
            #expect(said.status == 503 || isTold, "\(said.json)")
            #expect(reads > 0 || said.status == 503)
            #expect(await office.task("tasks/get", .string(id)).result["result"]?["isError"] == false)
        }
    }

    @Test func `is given to nobody who may not ask about it`() async throws {
        try await Office.with { office in
            let blind = try await office.addKey(scopes: ["events:read"])
            let seeing = try await office.addKey(scopes: ["transactions:read"])
            let payments: JSON = [["phone": "254711000001", "amount": 10]]
            let many: JSONObject = [
                "payments": payments, "phone": .null, "amount": .null, "idempotency_key": "k3",
            ]

            let answered = await office.begin("fake_collect", credential: blind)
            #expect(answered.result["taskId"] == nil && answered.result["isError"] == false, "\(answered.json)")
            #expect(answered.result["structuredContent"] != nil)
            let batch = await office.begin("fake_pay_many", many, credential: blind)
            #expect(batch.result["taskId"] == nil && batch.result["isError"] == false, "\(batch.json)")

            let other: JSONObject = ["idempotency_key": "k2", "phone": "254711000002"]
            let begun = await office.begin("fake_collect", other, credential: seeing)
            let id = try #require(begun.result["taskId"], "\(begun.json)")
            #expect(await office.task("tasks/get", id, credential: seeing).result["status"] == "working")
        }
    }

    @Test func `is what a repeat of the call leads to, and nobody gets one who did not ask for it`() async throws {
        try await Office.with { office in
            let first = await office.begin("fake_collect")
            let again = await office.begin("fake_collect")
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let plain = await office.ask("tools/call", ["name": "fake_collect", "arguments": arguments])
            let question = await office.begin(
                "transactions_list",
                ["phone": .null, "amount": .null, "idempotency_key": .null]
            )

            #expect(first.result["taskId"] != nil && again.result["taskId"] == first.result["taskId"])
            #expect(plain.result["taskId"] == nil && plain.result["structuredContent"] != nil)
            #expect(
                question.result["isError"] == false && question.result["taskId"] == nil,
                "what ends at once is answered at once"
            )
            #expect(office.upstream.count("collect") == 1)
        }
    }

    @Test func `of a payment that waits for a person says so, and is taken back by whoever asked`() async throws {
        try await Office.with { office in
            let begun = await office.begin("fake_pay")
            let id = try #require(begun.result["taskId"], "\(begun.json)")
            #expect(begun.result["statusMessage"]?.stringValue?.contains("a person must approve or confirm it") == true)
            let other = try await office.addKey(scopes: nil)

            let others = await office.task("tasks/cancel", id, credential: other)
            #expect(others.status == 200 && others.result["resultType"] == "complete")
            #expect(await office.task("tasks/get", id).result["status"] == "working", "another's is left alone")
            #expect(await office.task("tasks/cancel", id).status == 200)

            let cancelled = await office.task("tasks/get", id)
            #expect(cancelled.result["status"] == "cancelled" && cancelled.result["result"] == nil)
            #expect(await office.task("tasks/cancel", id).status == 200, "it is what it was")
            #expect(office.upstream.count("pay") == 0)
        }
    }

    @Test func `that has left is not taken back, and goes on`() async throws {
        try await Office.with { office in
            let id = try #require(await office.begin("fake_collect").result["taskId"])

            #expect(await office.task("tasks/cancel", id).status == 200)

            #expect(await office.task("tasks/get", id).result["status"] == "working")
            #expect(await office.task("tasks/update", id).result["resultType"] == "complete")
        }
    }

    @Test func `goes by its whole id where that has a phone in it, and shows no other`() async throws {
        try await Office.with { office in
            let payments: JSON = [["phone": "254711000001", "amount": 10], ["phone": "254711000002", "amount": 20]]
            let more: JSONObject = [
                "payments": payments, "phone": .null, "amount": .null, "batch_id": "b-254711000001",
            ]
            let begun = await office.begin("fake_pay_many", more)
            #expect(begun.result["taskId"] == "batches/b-254711000001", "\(begun.json)")

            let found = await office.task("tasks/get", "batches/b-254711000001")

            #expect(found.result["taskId"] == "batches/b-254711000001" && !found.json.text.contains("254711000002"))
        }
    }

    @Test func `is a batch too, which a person cancels and no key`() async throws {
        try await Office.with { office in
            let payments: JSON = [["phone": "254711000001", "amount": 10], ["phone": "254711000002", "amount": 20]]
            let begun = await office.begin(
                "fake_pay_many",
                ["payments": payments, "phone": .null, "amount": .null]
            )
            let id = try #require(begun.result["taskId"]?.stringValue, "\(begun.json)")
            #expect(id.hasPrefix("batches/") && begun.result["resultType"] == "task")
            #expect(begun.result["_meta"]?[Marks.environmentKey] == "test")
            #expect(begun.result["_meta"]?[Marks.accountKey] == "main", "\(begun.json)")

            #expect(await office.task("tasks/cancel", .string(id)).status == 200)

            let open = await office.task("tasks/get", .string(id))
            #expect(open.result["status"] == "working" && open.result["statusMessage"] != "")
            let read = await office.ask("resources/read", ["uri": .string("mpesa://" + id)])
            #expect(read.result["contents"]?[0]?["text"]?.stringValue?.contains("batch_id") == true, "\(read.json)")
        }
    }

    @Test(arguments: ["tasks/get", "tasks/update", "tasks/cancel"])
    func `is nobody else's, and asked about by those alone who know of tasks`(method: String) async throws {
        try await Office.with { office in
            let id = try #require(await office.begin("fake_collect").result["taskId"])
            let other = try await office.addKey(scopes: nil, of: office.addOrganization("other"))
            let words = await office.task(method, "transactions/unknown").json["error"]

            #expect(await office.task(method, id, credential: other).json["error"] == words)
            for wrong in ["", "unknown", "transactions/", "reports/1", "batches/x"] {
                let said = await office.task(method, .string(wrong))
                #expect(said.status == 400 && said.json["error"] == words, "\(wrong)")
            }
            let plain = await office.ask(method, ["taskId": id])
            #expect(plain.status == 400 && plain.code == -32021)
            #expect(plain.json["error"]?["data"]?["requiredCapabilities"]?["extensions"] != nil)
            let misled = await office.ask(method, ["taskId": id], meta: takesTasks, headers: ["Mcp-Name": "other"])
            #expect(misled.code == -32020)
            #expect(await office.task(method, id, credential: .token(Secret("nobody"))).status == 401)
            #expect(await office.ask(method, ["taskId": id], in: .november2025).code == -32601)
        }
    }

    @Test(arguments: ["tasks/list", "tasks/result"])
    func `is neither listed nor waited for`(method: String) async throws {
        try await Office.with { office in
            #expect(await office.ask(method, meta: takesTasks).code == -32601)
            let discovered = await office.ask("server/discover").result["capabilities"]
            #expect(discovered?["extensions"]?[TaskView.extensionName] == [:])
        }
    }
}
