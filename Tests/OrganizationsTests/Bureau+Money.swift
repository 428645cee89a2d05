import Gateway
import GatewayTesting
import OrderedJSON

extension Bureau {
    /// Lets the shop collect and pay: a plugin, a plan that names its tools, a short code.
    func openShop(_ plan: Plan? = nil) async throws {
        try registry.publish(FakePlugin.make())
        try await store.save(plan ?? Bureau.tradePlan())
        _ = try await store.change(shop.id) { $0.plan = "trade" }
        try await store.save(
            Profile(environment: .test, shortCode: "174379", shortCodeType: "paybill", organizationName: "Shop"),
            organization: shop.id
        )
    }

    /// Changes a plan, as its action does.
    func setPlan(_ plan: Plan) async throws {
        _ = try await store.set(plan, from: nil)
        gateway.directory.forget()
    }

    /// Who shows a credential.
    func principal(_ credential: Secret<String>) async throws -> Principal {
        try await gateway.authenticate.principal(for: .token(credential), environment: nil, at: .rest)
    }

    /// The plan `trade`, of the fake plugin's tools.
    static func tradePlan(_ ceilings: Ceilings = Ceilings(), price: Plan.Price = Plan.Price()) -> Plan {
        Plan(
            name: "trade",
            tools: ["fake_*", "fake_collect", "fake_pay"],
            organizationLimits: [:],
            principalLimits: [:],
            ceilings: ceilings,
            price: price
        )
    }

    /// Calls a tool.
    func call(
        _ tool: String,
        _ arguments: JSON = [:],
        as credential: Secret<String>,
        from address: String? = "192.0.2.1",
        by door: Door = .rest,
        once key: String? = nil
    ) async -> ToolReply {
        clock.advance(.milliseconds(1))
        return await pipeline.serve(
            ToolCall(
                id: CallID(clock.entropy.identifier()),
                door: door,
                credential: .token(credential),
                tool: tool,
                arguments: arguments,
                idempotencyKey: key,
                address: address
            )
        )
    }

    /// Collects from a customer; each call another amount, so that none repeats another.
    func collect(_ amount: Int64, as credential: Secret<String>, by door: Door = .rest) async -> ToolReply {
        await call("fake_collect", ["phone": "254711000001", "amount": .integer(amount)], as: credential, by: door)
    }

    /// A file that a plugin made for an organization, and closed.
    func export(of organization: Organization) async throws -> Identifier {
        let export = PluginExport(
            id: clock.entropy.identifier(),
            owner: PluginOwner(organization: organization.id, environment: .test, plugin: "example.fake"),
            name: "sales.csv",
            mediaType: "text/csv",
            expiresAt: clock.entropy.now() + .seconds(86_400),
            madeBy: "key:none"
        )
        try await store.add(export, exportsMax: 10)
        _ = try await store.append(Array("a,b".utf8), to: export.id, of: export.owner, bytesMax: 100)
        _ = try await store.closeExport(export.id, of: export.owner)
        return export.id
    }

    /// Ends an organization as its erasure does, whatever is open.
    func erase(_ organization: Organization) async throws(GatewayError) {
        try await store.erase(organization.id)
        gateway.directory.forget()
        gateway.authenticate.forget()
    }

    /// One more who may do everything in the shop.
    func otherAdministrator() async throws(GatewayError) -> Person {
        do { return try await person("other", .orgAdmin, of: shop) } catch {
            throw error as? GatewayError ?? .fault("\(error)")
        }
    }

    /// A key that somebody makes, and its text.
    func makeKey(_ more: JSONObject = [:], by person: Person) async throws -> (id: JSON, text: Secret<String>) {
        var arguments: JSONObject = ["name": "till", "environment": "test", "role": "manager"]
        for (name, value) in more { arguments[name] = value }
        let made = await ask("keys.create", .object(arguments), as: person.token)
        guard let id = made.data["key"]?["id"], let text = made.data["api_key"]?.stringValue else {
            throw made.error ?? GatewayError(.notFound, "no key")
        }
        return (id, Secret(text))
    }
}

extension ToolReply {
    /// The error's code; nil for a success.
    var code: GatewayError.Code? { error?.code }

    /// Why there is no answer; nil for a success.
    var error: GatewayError? {
        if case .failure(let error) = result { error } else { nil }
    }
}
