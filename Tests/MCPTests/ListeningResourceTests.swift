import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import MCP

/// What is told of something that does not end just then.
struct `A resource that somebody listens to` {
    /// Somebody who may let a batch leave.
    private func releaser(_ office: Office) async throws -> Principal {
        let user = User(
            id: UserID(office.clock.entropy.identifier()),
            organization: office.organization,
            username: "wanjiku",
            email: "w@x.example",
            passwordHash: "-",
            role: .manager,
            hasSecondFactor: true
        )
        try await office.store.save(user)
        return Principal(
            organization: office.organization,
            subject: .user(user.id),
            name: user.username,
            role: user.role,
            scopes: nil,
            environment: .test,
            hasSecondFactor: true
        )
    }

    /// Tells the feed of something about a payment that ends nothing.
    private func tell(_ office: Office, _ kind: FeedEvent.Kind, of id: String) async throws {
        guard let id = RecordID(id),
            var record = try await office.store.record(id, organization: office.organization, environment: .test)
        else { throw GatewayError(.notFound, "no such record") }
        record.version += 1
        let event = FeedEvent(
            organization: office.organization,
            id: office.clock.entropy.identifier(),
            kind: kind,
            subject: id.description,
            version: record.version,
            at: office.clock.now,
            payload: ["made_by": .string(record.madeBy), "account": .string(record.accountName.description)]
        )
        _ = try await office.store.apply([RecordChange(record: record, events: [], told: [event])])
    }

    @Test(arguments: [FeedEvent.Kind.disputed, .needsPerson])
    func `is a transaction that has not ended and wants to be looked at`(kind: FeedEvent.Kind) async throws {
        try await Office.withNews { office in
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let paid = await office.ask("tools/call", ["name": "fake_collect", "arguments": arguments])
            let id = try #require(paid.result["structuredContent"]?["record"]?["id"]?.stringValue)
            let uri = JSON.string("mpesa://transactions/" + id)
            let told = Told(try await office.listen(["resourceSubscriptions": [uri]]).get())
            var messages = told.messages.makeAsyncIterator()
            _ = await messages.next()

            try await tell(office, kind, of: id)

            let next = try #require(await messages.next())
            #expect(next["method"] == "notifications/resources/updated" && next["params"]?["uri"] == uri)
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `is a batch, as a resource and as a task, that is released, paused or ended`() async throws {
        try await Office.withNews { office in
            let capabilities: JSON = ["extensions": [TaskView.extensionName: [:]]]
            let payments: JSON = [["phone": "254711000001", "amount": 10], ["phone": "254711000002", "amount": 20]]
            let begun = await office.ask(
                "tools/call",
                ["name": "fake_pay_many", "arguments": ["payments": payments, "batch_id": "b-254711000001"]],
                meta: [Message.capabilitiesKey: capabilities]
            )
            let id = try #require(begun.result["taskId"]?.stringValue, "\(begun.json)")
            let wishes: JSON = ["resourceSubscriptions": [.string("mpesa://" + id)], "taskIds": [.string(id)]]
            let told = Told(try await office.listen(wishes, capabilities: capabilities).get())
            var messages = told.messages.makeAsyncIterator()
            #expect(await messages.next()?["params"]?["notifications"] == wishes)
            let (batches, name) = (office.gateway.batches, String(id.dropFirst("batches/".count)))
            let person = try await releaser(office)
            let steps: [(String, () async throws -> Void)] = [
                ("working", { _ = try await batches.release(name, by: person) }),
                ("working", { _ = try await batches.pause(name, by: person, because: "A look.") }),
                (
                    "cancelled",
                    {
                        _ = try await batches.cancel(name, by: person, because: "Not now.")
                        // It has ended once all that has not left is withdrawn.
                        for _ in 0..<3 { await office.gateway.batchRunner.sendDue() }
                    }
                ),
            ]

            for (status, step) in steps {
                try await step()
                let asked: JSONObject = ["taskId": .string(id)]
                let meta: JSONObject = [Message.capabilitiesKey: capabilities]
                let now = await office.ask("tasks/get", asked, meta: meta).result["statusMessage"]
                var (methods, task) = (Set<String>(), JSON.null)
                // What became true just before somebody listened may be told first.
                while task["statusMessage"] != now {
                    let next = try #require(await messages.next())
                    methods.insert(next["method"]?.stringValue ?? "")
                    if next["method"] == "notifications/tasks" { task = next["params"] ?? .null }
                }
                #expect(methods == ["notifications/resources/updated", "notifications/tasks"])
                #expect(task["taskId"]?.stringValue == id && task["status"]?.stringValue == status, "\(task)")
            }
        }
    }
}
