import Gateway
import GatewayTesting
import Logging
import OrderedJSON
import Synchronization
import Testing

/// A plugin that only has timers, and whoever they acted as.
private final class Clockwork: Sendable {
    let fired = Mutex<[Principal]>([])
    /// Whether whoever set the newest one may act no longer, as the plugin's host asks while it runs.
    let isOver = Mutex<(@Sendable () async -> Bool)?>(nil)
    /// Timers called "slow" wait here.
    let gate = Gate()
    /// The others say that they have fired.
    let quick = AsyncStream.makeStream(of: Void.self)

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
                fire: { document, invocation in
                    self.fired.withLock { $0.append(invocation.principal) }
                    self.isOver.withLock { $0 = invocation.isOver }
                    if (try? JSON(parsing: document))?["name"] == "slow" {
                        await self.gate.pass()
                    } else {
                        self.quick.continuation.yield()
                    }
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
        let runner = makeRunner(in: house, registry)
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
            scopes: ["kept", "old"],
            environment: .test
        )
    }

    @Test func `acts with what its key may do now, and by scopes with no more than when it was set`() async throws {
        try await House.with { (house) async throws in
            let fired = try await fire(in: house, of: principal(house, .apiKey(house.key.id))) { house in
                _ = try await house.store.change(house.key.id, organization: house.organization) {
                    $0.scopes = ["kept", "new"]
                }
            }

            #expect(fired.map(\.role) == [.manager] && fired.first?.scopes == ["kept"])
        }
    }

    @Test func `that a narrower token of a key set acts with no more than that`() async throws {
        try await House.with { (house) async throws in
            // The key itself is held to no scopes.
            let fired = try await fire(in: house, of: principal(house, .apiKey(house.key.id))) { _ in }

            #expect(fired.first?.scopes == ["kept", "old"])
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
            #expect(try await house.store.dueTimers(at: later, limit: 5, except: BusyTimers()).isEmpty)
        }
    }

    @Test(arguments: [Loss.keyIsRevoked, .organizationIsSuspended])
    func `that runs is over when whoever set it may not act any more`(loss: Loss) async throws {
        try await House.with { (house) async throws in
            let clockwork = Clockwork()
            let registry = ToolRegistry()
            try registry.publish(clockwork.plugin())
            let runner = makeRunner(in: house, registry)
            try await house.plan("slow", for: house.key, in: .zero)
            house.clock.advance(.seconds(1))
            async let done: Void = runner.fireDue()
            await clockwork.gate.holds(1)
            let isOver = try #require(clockwork.isOver.withLock { $0 })
            #expect(await !isOver())

            try await loss.befalls(house, tool: "")
            house.clock.advance(.seconds(2))

            #expect(await isOver())
            clockwork.gate.open()
            await done
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
            #expect(try await house.store.dueTimers(at: later, limit: 5, except: BusyTimers()).count == 1)
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `that hangs delays nobody else's, however many of its kind are due before`() async throws {
        try await House.with { (house) async throws in
            let (clockwork, registry) = (Clockwork(), ToolRegistry())
            try registry.publish(clockwork.plugin())
            let other = try await house.neighbour()
            var own = TimerRunner.Settings()
            own.every = .milliseconds(10)
            let runner = makeRunner(in: house, registry, own)
            for number in 0..<60 { try await house.plan("slow", for: house.key, in: .milliseconds(number)) }
            try await house.plan("quick", for: other, in: .seconds(1))
            house.clock.advance(.seconds(2))

            let running = Task { await runner.run() }
            await clockwork.gate.holds(TimerRunner.Settings().ownerPlacesMax)
            _ = await clockwork.quick.stream.first { _ in true }

            #expect(clockwork.gate.waiting == TimerRunner.Settings().ownerPlacesMax)
            running.cancel()
            clockwork.gate.open()
            await running.value
        }
    }
}

/// A runner of its own, in a house.
private func makeRunner(
    in house: House,
    _ registry: ToolRegistry,
    _ settings: TimerRunner.Settings = TimerRunner.Settings()
) -> TimerRunner {
    var bounds = Assembly.Settings()
    bounds.timers = settings
    return house.another(bounds) { $0.registry = registry }.timers
}

extension House {
    /// Plans a timer of the clockwork's.
    fileprivate func plan(_ name: String, for key: APIKeyText, in wait: Duration) async throws {
        let owner = PluginOwner(organization: key.organization, environment: .test, plugin: "clockwork")
        let timer = PluginTimer(
            id: clock.entropy.identifier(),
            owner: owner,
            name: name,
            data: .null,
            scheduledBy: Principal(
                organization: key.organization,
                subject: .apiKey(key.id),
                name: "x",
                role: .manager,
                scopes: nil,
                environment: .test
            ),
            dueAt: clock.now + wait,
            attempt: 0
        )
        try await store.add(timer, timersMax: 100)
    }
}
