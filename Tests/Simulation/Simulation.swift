import Cryptography
import Foundation
import Gateway
import GatewayTesting
import OrderedJSON

/// One seed's whole history: two organizations call, the host dies and is started again, M-Pesa and the store do what
/// they do, until all evidence has come and the judge reads the ledger.
package final class Simulation: Sendable {
    /// What came of a seed.
    package struct Outcome: Sendable {
        package let digest: UInt64
        package let violations: [String]
        package let lines: [String]
        package let jobs: UInt64
        package let payments: Int
        package let deaths: Int
    }

    let world: World
    let mpesa: SimulatedMPesa
    let registry = ToolRegistry()
    let keys: [APIKeyText]

    init(_ world: World, _ plugin: LoadedPlugin) throws {
        self.world = world
        mpesa = SimulatedMPesa(world)
        try registry.publish(plugin)
        keys = (1...2)
            .map { number in
                APIKeyText(
                    environment: .test,
                    organization: OrganizationID(Identifier(high: 1, low: UInt64(number))),
                    id: APIKeyID(Identifier(high: 2, low: UInt64(number))),
                    secret: [UInt8](repeating: UInt8(number), count: 20)
                )
            }
    }

    /// - Parameter plugin: What `WrongPlugin` made for the fault; it keeps nothing of a seed.
    package static func run(
        seed: UInt64,
        plugin: LoadedPlugin,
        fault: PlantedFault? = nil,
        keepsLines: Bool = false,
        onSQLite: Bool = false
    ) throws -> Outcome {
        let file = onSQLite ? try SQLDisk() : nil
        defer { file?.end() }
        let world = World(seed: seed, fault: fault, keepsLines: keepsLines, disk: file ?? MemoryDisk())
        let simulation = try Simulation(world, plugin)
        world.begin { await simulation.live() }
        world.drain()
        if world.host != nil { world.accuse("the simulation did not come to its end") }
        return Outcome(
            digest: world.digest,
            violations: world.violations,
            lines: world.lines,
            jobs: world.executor.count,
            payments: simulation.mpesa.entries.count { $0.isPaid },
            deaths: world.nextHost() - 2
        )
    }

    private func live() async {
        guard await settle() else { return world.accuse("the organizations could not be made") }
        world.onDeath = { [self] in await start() }
        await start()
        let weather = world.begin { await self.weather() }
        let people = world.begin { await self.people() }
        let releasers = world.begin { await self.releasers() }
        let moods = world.begin { await self.moods() }
        var callers = (0..<world.pick(3...6)).map { number in world.begin { await self.call(number) } }
        callers += (0..<world.pick(0...2)).map { number in world.begin { await self.callForBatch(number) } }
        for caller in callers { await caller.value }
        await world.wait(1_000...200_000)
        weather.cancel()
        people.cancel()
        releasers.cancel()
        moods.cancel()
        world.calmDown()
        await end()
        judge()
        world.onDeath = nil
        world.host?.cancel()
        world.enter(nil)
    }

    /// What each organization may pay out on a day.
    static let limit = MoneyLimit(directions: [.outgoing], dayMax: 215)

    func settle() async -> Bool {
        let store = world.plainStore
        do {
            try await store.save(Plan(name: "all", tools: ["**"], organizationLimits: [:], principalLimits: [:]))
            for key in keys {
                try await store.save(
                    Organization(
                        id: key.organization,
                        slug: "o\(key.organization)",
                        name: "O",
                        plan: "all",
                        approvals: ApprovalPolicy(limits: [Self.limit])
                    )
                )
                try await settlePeople(of: key.organization)
                try await store.save(
                    Profile(environment: .test, shortCode: "174379", shortCodeType: "paybill", organizationName: "O"),
                    organization: key.organization
                )
                try await store.save(Self.person(of: key.organization))
                try await store.save(
                    APIKey(
                        id: key.id,
                        organization: key.organization,
                        name: "k",
                        prefix: key.prefix,
                        hash: SHA256.digest(Array(key.text.reveal().utf8)).bytes,
                        environment: .test,
                        role: .manager,
                        scopes: nil
                    )
                )
            }
            return true
        } catch { return false }
    }

    /// The store goes away for a while, and somebody sets the wall clock.
    private func weather() async {
        while !world.isCalm, !Task.isCancelled {
            await world.wait(5_000...90_000)
            if world.chance(0.4) {
                await world.storm()
            }
            if !world.isCalm, world.chance(0.1) {
                let hours = world.pick(-2...2)
                world.note("the wall clock is set by \(hours) hours")
                world.time.setWallClock(by: .seconds(hours * 3_600))
            }
            if world.trouble(0.15), let host = world.host { world.die(at: "any moment", host.life) }
        }
    }

    // MARK: The host

    /// Starts a host, as `App` does: the clock, what the last one left, and what runs by itself.
    func start() async {
        let host = SimulatedHost(world, mpesa, registry)
        world.note("host \(host.number) starts")
        while !host.life.isOver {
            do {
                try await host.clock.resume(from: host.gateway.ports.store.records)
                if world.fault == .sendsAfterRestart { try await sendAgain(host) }
                try await host.gateway.settleAfterRestart()
                break
            } catch { await world.wait(50...500) }
        }
        guard !host.life.isOver else { return }
        world.enter(host)
        host.run(in: world)
    }

    /// What a restart must never do.
    private func sendAgain(_ host: SimulatedHost) async throws {
        for record in try await host.gateway.ports.store.records.records(in: .sending, limit: 10) {
            guard let (plugin, index) = registry.snapshot.generation(of: record.plugin, for: record.operation) else {
                continue
            }
            let request = UpstreamRequest(
                organization: record.organization,
                environment: record.environment,
                kind: plugin.operations[index],
                template: record.request,
                callbacks: [:]
            )
            _ = await host.gateway.ports.upstream.send(try await host.gateway.ports.upstream.prepare(request))
        }
    }

    // MARK: Callers

    /// One payment that somebody wants, asked for again and again until it is answered, and then looked up.
    private func call(_ number: Int) async {
        await world.wait(0...60_000)
        let key = keys[world.pick(0...1)]
        let isPayout = world.chance(0.5)
        let idempotency = world.chance(0.7) ? "k\(number)" : nil
        // Some are meant twice: the same customer and amount, under keys of their own. Without one they would be the same
        // payment for two minutes, and another after them.
        let party = idempotency != nil && world.chance(0.4) ? 0 : number
        let arguments: JSON = ["phone": .string("25471100000\(party)"), "amount": .integer(Int64(100 + party))]
        let tool = isPayout ? "fake_pay" : "fake_collect"
        let began = world.time.uptime
        let isTwice = world.chance(0.3)
        if isTwice {
            world.begin {
                await self.world.wait(0...4_000)
                _ = await self.ask(tool, arguments, key, idempotency)
            }
        }
        for attempt in 1...4 {
            // Without a key it is the same payment for a while only.
            if idempotency == nil, world.time.uptime - began > .seconds(60) { return }
            let reply = await ask(tool, arguments, key, idempotency)
            if let record = reply?.record { await lookUp(record, isPayout ? "pay" : "collect") }
            if case .success? = reply?.result, attempt > 1 || world.chance(0.7) {
                if let record = reply?.record, !isPayout, world.chance(0.5) { await refund(record, key, number) }
                return
            }
            await world.wait(500...12_000)
        }
    }

    /// Gives a payment back in parts that may be more than it was, some of them at once.
    private func refund(_ record: RecordID, _ key: APIKeyText, _ number: Int) async {
        for part in 1...world.pick(1...3) {
            await world.wait(world.chance(0.5) ? 1_000...4_000 : 60_000...150_000)
            let idempotency = "r\(number)-\(part)"
            var arguments: JSONObject = ["original": .string("\(record)")]
            if world.chance(0.7) { arguments["amount"] = .integer(Int64(world.pick(20...101))) }
            let asked = JSON.object(arguments)
            if world.chance(0.4) { world.begin { _ = await self.ask("fake_refund", asked, key, idempotency) } }
            _ = await ask("fake_refund", asked, key, idempotency)
        }
    }

    func ask(
        _ tool: String,
        _ arguments: JSON,
        _ key: APIKeyText,
        _ idempotency: String? = nil
    ) async -> ToolReply? {
        guard let host = world.host else {
            await world.wait(100...2_000)
            return nil
        }
        let call = ToolCall(
            id: CallID(Identifier(high: world.word(), low: world.word())),
            door: .rest,
            credential: .token(key.text),
            tool: tool,
            arguments: arguments,
            idempotencyKey: idempotency,
            wait: .seconds(world.chance(0.2) ? 20 : 0)
        )
        let reply = await host.gateway.pipeline.serve(call)
        guard !host.life.isOver else { return nil }
        world.note("caller: \(tool) \(idempotency ?? "-"): \(Self.text(reply))")
        return reply
    }

    private static func text(_ reply: ToolReply) -> String {
        switch reply.result {
        case .success: "\(reply.record.map { "\($0)" } ?? "") \(reply.state?.rawValue ?? "") \(reply.isReplayed)"
        case .failure(let error): error.code.rawValue
        }
    }

    /// Its owner sees it, and nobody else does.
    private func lookUp(_ record: RecordID, _ kind: String) async {
        guard let found = world.disk.record(record) else { return }
        let id = found.externalIDs["fake_id"] ?? "\(record)"
        for key in keys where world.chance(0.5) {
            let reply = await ask("fake_\(kind)_status", ["id": .string(id)], key)
            guard case .success? = reply?.result, key.organization != found.organization else { continue }
            world.accuse("\(record) was shown to another organization")
        }
    }

    // MARK: The end

    /// All evidence comes, and the host does what there is to do, from appointment to appointment.
    func end() async {
        await world.wait(150_000...150_000)
        while world.host == nil { await world.wait(1_000...1_000) }
        guard let host = world.host else { return }
        host.cancel()
        await world.wait(60_000...60_000)
        var told = await mpesa.tellAll()
        await endBatches(host)
        for _ in 0..<60 {
            await world.wait(10_000...10_000)
            // What left late is decided later.
            told = await mpesa.tellAll(but: told)
            await host.gateway.inbox.takeUpUnsettled()
            await host.gateway.releases.sendDue()
            await host.gateway.batchRunner.sendDue()
            await host.gateway.sweeper.sweep()
            let open = world.disk.records.filter { !$0.record.state.isEnded }
            guard let next = open.compactMap(\.record.nextActionAt).min() else { break }
            let wait = next - host.clock.now()
            // What is left waits for a person: a day is enough to see that.
            guard wait < .seconds(86_400), open.contains(where: { $0.record.state != .manual }) else { break }
            _ = await world.time.sleep(for: max(.seconds(1), wait + .seconds(1)), owner: World.nobody)
        }
        await world.wait(10_000...10_000)
        await host.gateway.batchRunner.sendDue()
        world.fallSilent()
        // As often as a callback that cannot be read is tried, and once more.
        for _ in 0..<7 {
            await world.wait(10_000...10_000)
            await host.gateway.inbox.takeUpUnsettled()
        }
        await catchUp(host)
    }
}
