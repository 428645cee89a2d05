import Gateway
import GatewayTesting
import OrderedJSON

@testable import MCP

/// An office whose clients may lead people to the host's page, where payouts of up to 1,000 shillings are confirmed.
struct Guide {
    static let both: JSONObject = [Message.capabilitiesKey: ["elicitation": ["form": [:], "url": [:]]]]
    static let pages: JSONObject = [Message.capabilitiesKey: ["elicitation": ["url": [:]]]]
    static let forms: JSONObject = [Message.capabilitiesKey: ["elicitation": [:]]]

    let office: Office
    let person: Credential
    /// Another log-in of the same person, as the page makes one.
    let again: Credential

    static func with(
        wait: Duration = .zero,
        leads: Bool = true,
        _ body: (Guide) async throws -> Void
    ) async throws {
        var (bounds, settings, conversations) = (Office.bounds, MCPServer.Settings(), Conversations.Settings())
        bounds.publicURL = "https://gw.example"
        (bounds.confirmations.pageWait, bounds.confirmations.lookEvery) = (wait, .milliseconds(1))
        settings.leadsToPages = leads
        conversations.lookEvery = .milliseconds(1)
        try await Office.with(settings, conversations: conversations, bounds: bounds) { office in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, agentMax: 1_000)
            _ = try await office.store.change(office.organization) { $0.approvals.rules = [rule] }
            office.gateway.configuration.forget()
            let tokens = try await office.addPersonTwice()
            try await body(Guide(office: office, person: tokens.first, again: tokens.second))
        }
    }

    static let call: JSONObject = [
        "name": "fake_pay", "arguments": ["phone": "254711000001", "amount": 100, "idempotency_key": "k"],
    ]

    func pay(_ more: JSONObject = [:], meta: JSONObject = Guide.both, as credential: Credential? = nil) async -> Said {
        var params = Guide.call
        for (name, value) in more { params[name] = value }
        return await office.ask("tools/call", params, meta: meta, credential: credential ?? person)
    }

    /// Pays in a session, whose client hears what it is told, and does something about what it is asked.
    func pay(
        in session: String,
        hearing heard: @escaping @Sendable (JSON) -> Void,
        _ asked: @escaping @Sendable (JSON) async -> Void
    ) async -> Said {
        let body = Office.request("tools/call", Guide.call, id: "call").bytes
        return await office.send(body, [(Exchange.sessionHeader, session)], credential: person) { bytes in
            guard let message = try? JSON(parsing: bytes) else { return }
            heard(message)
            if message["method"] == "elicitation/create" { Task { await asked(message) } }
        }
    }

    /// What a person does by their own session, as on the page.
    func decide(_ word: String, _ id: String, as credential: Credential? = nil) async -> GatewayError.Code? {
        guard let action = ActionRegistry(office.gateway.actions).action("approvals." + word) else { return .notFound }
        let call = ActionCall(
            id: CallID(office.clock.entropy.identifier()),
            door: .rest,
            credential: credential ?? again,
            environment: nil,
            address: nil,
            arguments: .success(["id": .string(id)])
        )
        return await office.gateway.pipeline.serve(action, call).code
    }

    /// Has the organization's plan hold no tool any more.
    func takeToolsAway() async {
        try? await office.store.save(Plan(name: "all", tools: [], organizationLimits: [:], principalLimits: [:]))
        office.gateway.configuration.forget()
    }

    var sent: Int {
        get async {
            await office.gateway.releases.sendDue()
            return office.upstream.count("pay")
        }
    }
}

extension Said {
    /// What a person is asked.
    var asked: JSON { result["inputRequests"]?["question"]?["params"] ?? .null }
    /// The record whose page a client is led to.
    var led: String { String((asked["url"]?.stringValue ?? "").split(separator: "/").last ?? "") }
}
