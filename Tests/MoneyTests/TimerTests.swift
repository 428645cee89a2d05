import Gateway
import GatewayTesting
import Logging
import OrderedJSON
import Synchronization
import Testing

/// A plugin that only has timers, and whoever they acted as.
private final class Clockwork: Sendable {
    let fired = Mutex<[Principal]>([])

    func plugin() throws -> LoadedPlugin {
        let schema: JSON = ["type": "object", "properties": [:], "additionalProperties": false]
        let document: JSON = [
            "plugin": ["id": "clockwork", "version": "1.0.0", "title": "Clockwork"],
            "tools": [
                [
                    "name": "clockwork_none", "kind": "function", "title": "None", "description": "None.",
                    "input_schema": schema, "output_schema": schema,
                    "annotations": [
                        "read_only": true, "destructive": false, "idempotent": true, "open_world": false,
                        "money_moving": false,
                    ],
                ]
            ],
        ]
        return LoadedPlugin(
            try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: [])),
            generation: 1,
            digest: "d",
            operationFunctions: nil,
            asynchronous: .init(
                invoke: nil,
                fire: { _, invocation in
                    self.fired.withLock { $0.append(invocation.principal) }
                    return .init(status: 0, payload: [])
                }
            ),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") },
                resource: { _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") }
            )
        )
    }
}

struct `A timer` {
    private func fire(
        in house: House,
        of principal: Principal,
        _ change: (House) async throws -> Void
    ) async throws -> [Principal] {
        let clockwork = Clockwork()
        let registry = ToolRegistry()
        try registry.publish(clockwork.plugin())
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let runner = TimerRunner(
            data: house.store,
            registry: registry,
            authenticate: Authenticate(directory: house.store, tokens: PlainTokens(), entropy: house.clock.entropy),
            admit: AdmitOrganization(
                directory: DirectoryCache(directory: house.store, entropy: house.clock.entropy)
            ),
            entropy: house.clock.entropy,
            logger: logger
        )
        let owner = PluginOwner(organization: house.organization, environment: .test, plugin: "clockwork")
        let timer = PluginTimer(
            id: house.clock.entropy.identifier(),
            owner: owner,
            name: "soon",
            data: .null,
            scheduledBy: principal,
            dueAt: house.clock.now,
            attempt: 0
        )
        try await house.store.add(timer, timersMax: 10)
        try await change(house)
        house.clock.advance(.seconds(1))
        await runner.fireDue()
        return clockwork.fired.withLock { $0 }
    }

    private func principal(_ house: House, _ subject: Principal.Subject) -> Principal {
        Principal(
            organization: house.organization,
            subject: subject,
            name: "x",
            role: .orgAdmin,
            scopes: ["old"],
            environment: .test
        )
    }

    @Test func `acts with what its key may do now`() async throws {
        try await House.with { (house) async throws in
            let fired = try await fire(in: house, of: principal(house, .apiKey(house.key.id))) { house in
                _ = try await house.store.change(house.key.id, organization: house.organization) { $0.scopes = ["new"] }
            }

            #expect(fired.map(\.role) == [.manager] && fired.first?.scopes == ["new"])
        }
    }

    @Test func `does not run once its key is revoked, and is forgotten`() async throws {
        try await House.with { (house) async throws in
            let fired = try await fire(in: house, of: principal(house, .apiKey(house.key.id))) { house in
                let now = house.clock.now
                _ = try await house.store.change(house.key.id, organization: house.organization) { $0.revokedAt = now }
            }
            let later = house.clock.now + .seconds(86_400)

            #expect(fired.isEmpty)
            #expect(try await house.store.takeDueTimers(at: later, until: later, limit: 5).isEmpty)
        }
    }

    @Test func `does not run once its user is gone`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            let fired = try await fire(in: house, of: principal(house, .user(people.asha.id))) { house in
                _ = try await house.store.change(people.asha.id, organization: house.organization) {
                    $0.isActive = false
                }
            }

            #expect(fired.isEmpty)
        }
    }

    @Test func `waits while its organization may make no calls`() async throws {
        try await House.with { (house) async throws in
            let fired = try await fire(in: house, of: principal(house, .apiKey(house.key.id))) { house in
                _ = try await house.store.change(house.organization) { $0.subscription = .suspended }
            }
            let later = house.clock.now + .seconds(86_400)

            #expect(fired.isEmpty)
            #expect(try await house.store.takeDueTimers(at: later, until: later, limit: 5).count == 1)
        }
    }
}
