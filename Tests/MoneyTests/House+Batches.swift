import Gateway
import GatewayTesting
import OrderedJSON
import Store
import Testing

extension House {
    /// A house whose batches are limited by nothing but their account.
    static func forBatches(
        codes: JSONObject = ["pause_codes": ["1"], "break_codes": ["2001"]],
        inFlightMax: Int = 20,
        change: (inout BatchRunner.Settings) -> Void = { _ in },
        _ body: (House) async throws -> Void
    ) async throws {
        var bounds = Assembly.Settings()
        bounds.batchRunner.pace = nil
        bounds.batchRunner.inFlightMax = inFlightMax
        change(&bounds.batchRunner)
        try await House.with(plugin: FakePlugin.make(pay: codes), bounds: bounds, body)
    }

    /// So many payments, each to another person.
    static func payments(_ count: Int, amount: Int64 = 100) -> JSON {
        .array(
            (1...count)
                .map { number in
                    ["phone": .string("2547110\(10_000 + number)"), "amount": .integer(amount)]
                }
        )
    }

    /// Asks for a batch.
    func batch(
        _ id: String,
        of payments: JSON,
        door: Door = .rest,
        _ more: JSONObject = [:]
    ) async -> ToolReply {
        var arguments = more
        arguments["batch_id"] = .string(id)
        arguments["payments"] = payments
        return await call("fake_pay_many", .object(arguments), door: door)
    }

    /// A batch of so many payments that was let go.
    func run(_ id: String, _ count: Int, amount: Int64 = 100, _ more: JSONObject = [:]) async throws {
        _ = await batch(id, of: House.payments(count, amount: amount), more)
        _ = try await gateway.batches.release(id, by: try await releaser("releaser of " + id))
    }

    /// What the organization says of its own money, from now on.
    func set(_ change: @escaping @Sendable (inout ApprovalPolicy) -> Void) async throws {
        _ = try await store.change(organization) { change(&$0.approvals) }
        gateway.configuration.forget()
    }

    /// A batch as it stands.
    func batch(_ id: String) async throws -> Batch {
        let found = try await store.batch(try #require(BatchID(id)), organization: organization)
        return try #require(found)
    }

    /// Its items.
    func items(_ id: String) async throws -> [Record] {
        let id = try #require(BatchID(id))
        return try await store.items(BatchItems(of: id, organization: organization, limit: 20_000))
    }

    /// Somebody who may release batches.
    func releaser(_ name: String = "wanjiku") async throws -> Principal {
        let (user, _) = try await addPerson(name, role: .manager, hasSecondFactor: true)
        return person(user, hasSecondFactor: true)
    }

    func person(_ user: User, hasSecondFactor: Bool = false) -> Principal {
        Principal(
            organization: organization,
            subject: .user(user.id),
            name: user.username,
            role: user.role,
            scopes: nil,
            environment: key.environment,
            hasSecondFactor: hasSecondFactor
        )
    }

    /// M-Pesa says of each item that has been taken that it was paid.
    func payAll(_ id: String) async throws {
        for item in try await items(id) where item.state == .accepted {
            try await callback(
                item.id,
                says: [
                    "verdict": "succeeded", "amount": .integer(item.intent.amount?.amount ?? 0),
                    "receipt": .string("R\(item.id)"),
                ]
            )
        }
    }

    /// Why somebody cannot let a batch go; nil where they did.
    func refusal(_ decide: () async throws -> Batch) async throws -> GatewayError? {
        do { _ = try await decide() } catch let error as GatewayError { return error }
        return nil
    }

    /// Lets a second pass, and does what is due of batches.
    func sendBatches(after duration: Duration = .seconds(6)) async {
        clock.advance(duration)
        await gateway.batchRunner.sendDue()
    }
}

extension ToolReply {
    /// What the tool answered.
    var output: JSON {
        guard case .success(let output) = result else { return .null }
        return (try? JSON(parsing: output)) ?? .null
    }

    /// Why it was refused.
    var refused: GatewayError? { if case .failure(let error) = result { error } else { nil } }
}
