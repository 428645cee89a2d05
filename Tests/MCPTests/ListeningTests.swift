import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import MCP

/// What a subscription tells, as it comes.
struct Told: Sendable {
    let messages: AsyncStream<JSON>
    let task: Task<Void, Never>

    init(_ subscription: Listening) {
        let (messages, continuation) = AsyncStream.makeStream(of: JSON.self)
        self.messages = messages
        task = Task {
            try? await subscription.run { bytes in
                if let message = try? JSON(parsing: bytes) { continuation.yield(message) }
            }
            continuation.finish()
        }
    }
}

struct `Whoever listens` {
    /// Runs the news beside a test, and stops them afterwards.
    private func with(_ body: (Office, Task<Void, Never>) async throws -> Void) async throws {
        try await Office.with { office in
            let news = office.gateway.news
            try await news.begin()
            let running = Task { await news.run() }
            defer { running.cancel() }
            try await body(office, running)
        }
    }

    private func pay(_ office: Office, _ phone: String = "254711000001") async throws -> String {
        let arguments: JSON = ["phone": .string(phone), "amount": 100, "idempotency_key": .string(phone)]
        let paid = await office.ask("tools/call", ["name": "fake_collect", "arguments": arguments])
        return try #require(paid.result["structuredContent"]?["record"]?["id"]?.stringValue, "\(paid.json)")
    }

    private func uri(_ id: String) -> JSON { .string("mpesa://transactions/" + id) }

    @Test func `is told first what is heeded of the wishes, then of what becomes true, by the request's id`()
        async throws
    {
        try await with { office, _ in
            let (id, other) = (try await pay(office), try await pay(office, "254711000002"))
            let wishes: JSON = [
                "toolsListChanged": true, "promptsListChanged": false, "more": true,
                "resourceSubscriptions": [
                    uri(id), uri("254711000001"), "mpesa://transactions/unknown", "gateway://desk/manual",
                ],
            ]
            let told = Told(try await office.listen(wishes, id: "listen-1").get())
            var messages = told.messages.makeAsyncIterator()

            let first = try #require(await messages.next())
            #expect(first["method"] == "notifications/subscriptions/acknowledged")
            // The transaction goes by its own id and by the key that it was asked for with.
            let heeded: JSON = ["toolsListChanged": true, "resourceSubscriptions": [uri(id), uri("254711000001")]]
            #expect(first["params"]?["notifications"] == heeded)
            #expect(first["params"]?["_meta"]?[Listening.key] == "listen-1")
            try await office.end(other)
            try await office.end(id)
            var updated: Set<String> = []
            for _ in 0..<2 {
                let next = try #require(await messages.next())
                #expect(next["method"] == "notifications/resources/updated")
                #expect(next["params"]?["_meta"]?[Listening.key] == "listen-1")
                updated.insert(next["params"]?["uri"]?.stringValue ?? "")
            }
            #expect(updated == ["mpesa://transactions/\(id)", "mpesa://transactions/254711000001"])
        }
    }

    @Test func `is told of nothing that its key may no longer see`() async throws {
        try await with { office, _ in
            let id = try await pay(office)
            let wishes: JSON = ["toolsListChanged": true, "resourceSubscriptions": [uri(id)]]
            let told = Told(try await office.listen(wishes).get())
            var messages = told.messages.makeAsyncIterator()
            _ = await messages.next()

            let whole = try await office.addKey(scopes: nil)
            let other = Told(try await office.listen(wishes, credential: whole).get())
            var others = other.messages.makeAsyncIterator()
            _ = await others.next()

            try await office.narrowKey(to: [])
            #expect(await messages.next()?["method"] == "notifications/tools/list_changed")
            try await office.end(id)
            #expect(await others.next()?["method"] == "notifications/resources/updated", "whoever may see it is told")
            // What is told after the end shows that the end was passed over, and not that it is yet to come.
            try await office.narrowKey(to: ["usage:read"])
            #expect(await messages.next()?["method"] == "notifications/tools/list_changed")
            try await office.revokeKey()

            // A sign of life may come before, and that lists changed once more; of the payment nothing does.
            var said: [JSON] = []
            while let next = await messages.next() {
                said.append(next)
                if next["result"] != nil { break }
            }
            #expect(said.last?["result"] != nil, "\(said)")
            #expect(said.allSatisfy { $0["method"] != "notifications/resources/updated" }, "\(said)")
        }
    }

    @Test func `is told of lists that it asked about, when what it sees of them changes`() async throws {
        try await with { office, _ in
            let tools = Told(try await office.listen(["toolsListChanged": true]).get())
            let prompts = Told(try await office.listen(["promptsListChanged": true]).get())
            var (ofTools, ofPrompts) = (tools.messages.makeAsyncIterator(), prompts.messages.makeAsyncIterator())
            _ = (await ofTools.next(), await ofPrompts.next())

            try office.registry.publish(FakePlugin.make(id: "other"))

            #expect(await ofTools.next()?["method"] == "notifications/tools/list_changed")
            #expect(await ofPrompts.next()?["method"] == "notifications/prompts/list_changed")
        }
    }

    @Test func `hears nothing more once its key is revoked, and is told that it ends`() async throws {
        try await with { office, _ in
            let told = Told(try await office.listen(["toolsListChanged": true], id: 7).get())
            var messages = told.messages.makeAsyncIterator()
            _ = await messages.next()

            try await office.revokeKey()

            let last = try #require(await messages.next())
            #expect(last["id"] == 7 && last["result"]?["resultType"] == "complete")
            #expect(last["result"]?["_meta"]?[Listening.key] == 7)
            #expect(await messages.next() == nil)
        }
    }

    @Test func `is told that it ends when the gateway stops, and gives its place back`() async throws {
        try await with { office, running in
            let told = Told(try await office.listen([:]).get())
            var messages = told.messages.makeAsyncIterator()
            _ = await messages.next()
            #expect(office.gateway.news.count == 1)

            running.cancel()

            #expect(await messages.next()?["result"] != nil)
            await told.task.value
            #expect(office.gateway.news.count == 0)
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `loses its stream and its place where it reads too slowly, without a result`() async throws {
        var bounds = Office.bounds
        bounds.news.behindMax = 2
        try await Office.with(bounds: bounds) { office in
            let news = office.gateway.news
            try await news.begin()
            let running = Task { await news.run() }
            defer { running.cancel() }
            let subscription = try await office.listen(["toolsListChanged": true]).get()
            let (gate, open) = AsyncStream.makeStream(of: Void.self)
            let heard = Mutex<[JSON]>([])

            let reading = Task {
                try await subscription.run { bytes in
                    heard.withLock { $0.append((try? JSON(parsing: bytes)) ?? .null) }
                    for await _ in gate {}
                }
            }
            while news.count > 0 { await Task.yield() }
            open.finish()
            try await reading.value

            let told = heard.withLock { $0 }
            #expect(told.first?["method"] == "notifications/subscriptions/acknowledged", "\(told)")
            #expect(told.allSatisfy { $0["result"] == nil }, "\(told)")
        }
    }

    @Test func `gives its place back when the client goes`() async throws {
        try await with { office, _ in
            let told = Told(try await office.listen([:]).get())
            var messages = told.messages.makeAsyncIterator()
            _ = await messages.next()
            told.task.cancel()
            await told.task.value

            #expect(office.gateway.news.count == 0)
        }
    }

    @Test func `is refused where its wishes are not of their form`() async throws {
        try await Office.with { office in
            let wrong: [JSON] = [
                ["toolsListChanged": "yes"], ["promptsListChanged": 1], ["resourceSubscriptions": "x"],
                ["resourceSubscriptions": [7]], ["taskIds": ["a": 1]],
            ]
            for wishes in wrong {
                guard case .failure(let refused) = await office.listen(wishes) else {
                    Issue.record("\(wishes) was taken")
                    continue
                }
                #expect(refused.said.code == -32602, "\(refused.said.json)")
            }
        }
    }

    @Test func `is refused where all places of its organization are taken, and others are not`() async throws {
        try await with { office, _ in
            let (one, two) = (try await office.listen([:]).get(), try await office.listen([:]).get())
            let other = try await office.addKey(scopes: nil, of: office.addOrganization("other"))

            guard case .failure(let refused) = await office.listen([:]) else {
                Issue.record("a third was let in")
                return
            }
            #expect(refused.said.status == 429)
            _ = try await office.listen([:], credential: other).get()
            _ = (one, two)
        }
    }

    @Test(arguments: [JSON.null, 7, [], .string("all")])
    func `says what it wants to hear of`(wishes: JSON) async throws {
        try await with { office, _ in
            guard case .failure(let refused) = await office.listen(wishes) else {
                Issue.record("it was let in")
                return
            }
            #expect(refused.said.status == 400 && refused.said.code == -32602)
            let stranger = Credential.token(Secret("nobody"))
            guard case .failure(let unknown) = await office.listen(wishes, credential: stranger) else { return }
            #expect(unknown.said.status == 401)
        }
    }

    @Test func `needs a way that stays open, and a revision that has it`() async throws {
        try await with { office, _ in
            let params: JSONObject = ["notifications": [:]]
            #expect(await office.ask("subscriptions/listen", params).status == 406)
            #expect(await office.ask("subscriptions/listen", params, in: .november2025).code == -32601)
        }
    }

    @Test func `is told of a tool's own task, whole, when it ends`() async throws {
        try await with { office, _ in
            let capabilities: JSON = ["extensions": [TaskView.extensionName: [:]]]
            let begun = await office.ask(
                "tools/call",
                ["name": "desk_dig", "arguments": [:]],
                meta: [Message.capabilitiesKey: capabilities]
            )
            let id = try #require(begun.result["taskId"], "\(begun.json)")
            let told = Told(try await office.listen(["taskIds": [id]], capabilities: capabilities).get())
            var messages = told.messages.makeAsyncIterator()
            #expect(await messages.next()?["params"]?["notifications"] == ["taskIds": [id]])

            await office.gateway.tasks.workOnDue()

            let task = try #require(await messages.next())
            #expect(task["method"] == "notifications/tasks" && task["params"]?["taskId"] == id)
            #expect(task["params"]?["result"]?["structuredContent"] == ["number": 7])
        }
    }

    @Test func `is told of its tasks, whole, as they change`() async throws {
        try await with { office, _ in
            let id = try await pay(office)
            let capabilities: JSON = ["extensions": [TaskView.extensionName: [:]]]
            let wishes: JSON = ["taskIds": [.string("transactions/" + id), "transactions/unknown", "reports/1"]]
            let told = Told(try await office.listen(wishes, capabilities: capabilities).get())
            let deaf = Told(try await office.listen(wishes).get())
            var messages = told.messages.makeAsyncIterator()
            var others = deaf.messages.makeAsyncIterator()

            let heeded: JSON = ["taskIds": [.string("transactions/" + id)]]
            #expect(await messages.next()?["params"]?["notifications"] == heeded)
            #expect(
                await others.next()?["params"]?["notifications"] == [:],
                "who does not know of tasks is told of none"
            )
            try await office.end(id)

            let task = try #require(await messages.next())
            #expect(task["method"] == "notifications/tasks" && task["params"]?["_meta"]?[Listening.key] == 1)
            #expect(task["params"]?["taskId"]?.stringValue == "transactions/" + id)
            #expect(task["params"]?["_meta"]?[Marks.environmentKey] == "test")
            #expect(task["params"]?["_meta"]?[Marks.accountKey] == "main")
            #expect(task["params"]?["status"] == "completed" && task["params"]?["result"]?["isError"] == false)
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is one of a thousand, each of whom is told`() async throws {
        var bounds = Office.bounds
        (bounds.news.listenersMax, bounds.news.ofOrganizationMax) = (1_000, 1_000)
        bounds.news.period = .milliseconds(250)
        try await Office.with(bounds: bounds) { office in
            let news = office.gateway.news
            try await news.begin()
            let running = Task { await news.run() }
            defer { running.cancel() }
            let id = try await pay(office)
            var all: [Told] = []
            for number in 0..<1_000 {
                let wishes: JSON = ["resourceSubscriptions": [uri(id)]]
                all.append(Told(try await office.listen(wishes, id: .integer(Int64(number))).get()))
            }
            #expect(news.count == 1_000)
            guard case .failure = await office.listen([:]) else {
                Issue.record("one more was let in")
                return
            }
            try await office.end(id)

            var methods: Set<String> = []
            for told in all {
                var messages = told.messages.makeAsyncIterator()
                _ = await messages.next()
                methods.insert(await messages.next()?["method"]?.stringValue ?? "")
            }

            #expect(methods == ["notifications/resources/updated"])
            running.cancel()
            for told in all { await told.task.value }
            #expect(news.count == 0)
        }
    }
}
