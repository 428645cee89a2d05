import Gateway
import GatewayTesting
import OrderedJSON
import Store
import Synchronization

/// One life of the process: a Gateway on the world's disks, through ports that stop when it dies.
///
/// A dead host's jobs run on as ghosts: nothing that they do reaches a disk, M-Pesa or a caller.
final class SimulatedHost: Sendable {
    let number: Int
    let gateway: Assembly
    let clock: SteadyClock
    let life: Life
    private let tasks = Mutex<[Task<Void, Never>]>([])

    /// Whether it lives, shared by its ports.
    final class Life: Sendable {
        private let ended = Atomic(false)
        let number: Int

        init(number: Int) { self.number = number }

        var isOver: Bool { ended.load(ordering: .relaxed) }
        func end() { ended.store(true, ordering: .relaxed) }
    }

    init(_ world: World, _ mpesa: SimulatedMPesa, _ registry: ToolRegistry) {
        number = world.nextHost()
        let (life, time) = (Life(number: number), world.time)
        self.life = life
        clock = SteadyClock(wall: { time.wall }, uptime: { time.uptime })
        let words = Words(seed: world.seed &* 31 &+ UInt64(number))
        let entropy = Entropy(
            steady: clock,
            uptime: { time.uptime },
            wall: { time.wall },
            sleep: Self.sleep(time, life),
            random: { words.next() }
        )
        let store = Self.store(world, life)
        let records = WrongRecords(store, world, world.fault.flatMap(WrongRecords.Fault.init))
        var ports = Assembly.Ports(
            store: Assembly.Repositories(
                withoutPluginData: store,
                records: records,
                batches: WrongBatches(store: store, fault: world.fault)
            ),
            journal: HostJournal(world: world, life: life),
            upstream: HostLine(world: world, mpesa: mpesa, life: life, clock: clock),
            registry: registry,
            tokens: NoSessions(),
            passwords: NoSessions(),
            entropy: entropy,
            logger: .quiet
        )
        let clock = clock
        ports.approval = RequireApproval { asked throws(GatewayError) in
            guard world.script == nil, world.chance(0.3) else { return nil }
            world.note("a person is asked about \(asked.record.id)")
            // Some are asked about by a rule, others are held by something else.
            let asked = world.chance(0.6) ? Hold.Asked(role: .manager, count: world.pick(1...3)) : nil
            let until = clock.now() + .seconds(world.pick(20...600))
            return HoldOrder(reason: "By chance.", until: until, asked: asked)
        }
        ports.failpoints = Failpoints { point in
            // A host dies at a named point as it does anywhere else.
            if world.trouble(0.004) { world.die(at: point.rawValue, life) }
            world.reach(point.rawValue, life)
        }
        let keys = Assembly.Keys(master: Secret([UInt8](repeating: 7, count: 32)))
        gateway = Assembly(ports, keys: keys, settings: Self.settings)
    }

    private static var settings: Assembly.Settings {
        var settings = Assembly.Settings()
        settings.sweeper.every = .seconds(3)
        settings.inbox.searchEvery = .seconds(7)
        settings.claims.every = .seconds(120)
        (settings.batchRunner.inFlightMax, settings.batchRunner.every) = (3, .seconds(5))
        return settings
    }

    /// Begins what runs by itself: what moves money, and nothing else.
    func run(in world: World) {
        let gateway = gateway
        let work: [@Sendable () async -> Void] = [
            { await gateway.inbox.run() }, { await gateway.sweeper.run() }, { await gateway.claimSweeper.run() },
            { await gateway.releases.run() }, { await gateway.batchRunner.run() }, { await gateway.rollups.run() },
        ]
        tasks.withLock { $0 += work.map { world.begin($0) } }
    }

    func cancel() { for task in tasks.withLock({ $0 }) { task.cancel() } }

    private static func sleep(_ time: SimulatedTime, _ life: Life) -> Sleep {
        Sleep(
            cancellable: { duration in
                guard await time.sleep(for: duration, owner: life.number) else { throw CancellationError() }
            },
            whole: { duration in _ = await time.sleep(for: duration, owner: life.number, endsEarly: false) }
        )
    }

    /// The host's own way to the disk: in memory, or to the real store.
    private static func store(_ world: World, _ life: Life) -> any SimulatedStore {
        if let memory = world.disk as? MemoryDisk {
            return MemoryStore(
                disk: memory,
                way: MemoryStore.Way(
                    before: { job throws(GatewayError) in try await leave(for: job.name, world, life) },
                    after: { job throws(GatewayError) in try comeBack(from: job.name, world, life) }
                )
            )
        }
        guard let disk = world.disk as? SQLDisk else { preconditionFailure("a disk of no kind") }
        return disk.store.along(
            StoreWay(
                before: { isWrite throws(GatewayError) in
                    try await leave(for: isWrite ? "a write" : "a read", world, life)
                },
                after: { () throws(GatewayError) in try comeBack(from: "a write", world, life) }
            )
        )
    }

    /// The way takes a moment, fails before or after the write, and ends with the host.
    private static func leave(for job: String, _ world: World, _ life: Life) async throws(GatewayError) {
        if world.trouble(0.3) { await world.wait(0...40) }
        if world.trouble(0.002) { world.die(at: "before " + job, life) }
        world.reach("before " + job, life)
        guard !life.isOver else { throw Self.away }
        if world.trouble(world.isStoreAway ? 0.9 : 0.02) {
            world.note("store: \(job) fails")
            throw Self.away
        }
    }

    private static func comeBack(from job: String, _ world: World, _ life: Life) throws(GatewayError) {
        world.note("store: \(job)")
        if world.trouble(0.002) { world.die(at: "after " + job, life) }
        world.reach("after " + job, life)
        guard !life.isOver else { throw Self.away }
        if world.trouble(0.02) {
            world.note("store: the answer to \(job) is lost")
            throw Self.away
        }
    }

    private static let away = GatewayError(.unavailable, "The store is away.", retryAfter: .seconds(1))
}

/// Chance behind a reference, so that a closure can hold it.
final class Words: Sendable {
    private let random: Mutex<SeededRandom>

    init(seed: UInt64) { random = Mutex(SeededRandom(seed: seed)) }

    func next() -> UInt64 { random.withLock { $0.next() } }
}

/// The journal of one host: durable, until the host has died.
private struct HostJournal: AnswerJournal {
    let world: World
    let life: SimulatedHost.Life

    func keep(_ answer: ReceivedCallback) async -> Bool {
        guard !life.isOver else { return false }
        world.note("journal: keeps \(answer.name) of \(answer.record)")
        if answer.isUnsent { world.noteKeptUnsent(answer.record) }
        if answer.isUnsent, world.fault == .losesWhatWasNotSent { return true }
        return await world.journal.keep(answer)
    }

    func entries() async -> [ReceivedCallback] { life.isOver ? [] : await world.journal.entries() }
    func remove(_ id: CallbackID) async { if !life.isOver { await world.journal.remove(id) } }
}

/// The way out of one host: slow, and lossy in both directions.
private struct HostLine: Upstream {
    let world: World
    let mpesa: SimulatedMPesa
    let life: SimulatedHost.Life
    let clock: SteadyClock

    func prepare(_ request: UpstreamRequest) async throws(GatewayError) -> PreparedRequest {
        if world.trouble(0.03) { throw GatewayError(.upstreamUnavailable, "No token.", retryAfter: .seconds(1)) }
        var body = request.template.body
        for callback in request.kind.callbacks {
            _ = body.set(.string(request.callbacks[callback.name] ?? ""), at: callback.pointer)
        }
        return PreparedRequest(request: request, body: Secret(body.bytes), token: Secret("token"))
    }

    func send(_ request: PreparedRequest) async -> UpstreamOutcome {
        let outcome = await sendOnce(request)
        // A client that tries again by itself what it does not know.
        guard world.fault == .sendsAgainUnasked, case .unknown = outcome else { return outcome }
        return await sendOnce(request)
    }

    private func sendOnce(_ request: PreparedRequest) async -> UpstreamOutcome {
        // A connection: seldom it takes longer than the request may wait.
        await world.wait(world.trouble(0.03) ? 30_000...120_000 : 0...500)
        guard !life.isOver else { return .unknown("the host is dead") }
        let isLate = request.leaveBy.map { world.time.uptime >= $0 } ?? false
        if isLate && world.fault != .sendsTooLate { return .notSent("Too late.") }
        if world.trouble(world.isStoreAway ? 0.3 : 0.06) {
            // A network that is cut may be cut in both directions.
            if world.trouble(0.25) { world.begin { [world] in await world.storm() } }
            return .notSent("There was no connection.")
        }
        let kind = request.request.kind.name
        guard let body = try? JSON(parsing: request.body.reveal()) else { return .notSent("Not readable.") }
        watchTime(body)
        world.note("line: \(kind) \(body["id"]?.stringValue ?? body["about"]?.stringValue ?? "") leaves")
        // What has left arrives, or is lost, whatever becomes of its host.
        return
            await world.begin { [world, mpesa] in
                await world.wait(10...300)
                if world.trouble(0.05) { return .unknown("the request was lost") }
                let answer = mpesa.answer(kind, body)
                if kind == "refund", world.script?.way == .answerLost { return .unknown("the answer was lost") }
                await world.wait(world.trouble(0.1) ? 5_000...40_000 : 10...1_500)
                return world.trouble(0.08) ? .unknown("the answer was lost") : answer
            }
            .value
    }

    /// What a rule asks people about leaves only with so many of them.
    private func watch(_ hold: Hold, _ asked: Hold.Asked, _ record: Record) {
        let id = record.id
        let who = Set(hold.approvers)
        if who.count < asked.count || !who.isSubset(of: world.approvers(of: id)) {
            world.accuse("\(id) left, and too few had approved it")
        }
        // What is being sent is not called back, however long its connection takes.
        let begun = [record.sentAt, record.resentAt].compactMap { $0 }.max() ?? clock.now()
        if let one = who.first(where: { world.wasLongDismissed($0, clock.now() - begun) }) {
            world.accuse("\(id) left, approved by \(one), who may not any more")
        }
    }

    private func watchTime(_ body: JSON) {
        guard let id = body["id"]?.stringValue.flatMap({ RecordID($0) }), let record = world.disk.record(id) else {
            return
        }
        let isReleased =
            record.batch.map { world.wasReleased("\(record.organization) \($0.batch)") } ?? world.wasReleased(id)
        if record.hold != nil, !isReleased { world.accuse("\(id) left, and nobody had released it") }
        if let hold = record.hold, let asked = hold.asked { watch(hold, asked, record) }
        if let place = record.batch { world.watch(record, at: place, in: mpesa) }
        if record.state == .withdrawn { world.accuse("\(id) left after it had been withdrawn") }
        // A request's own time goes by no clock; the clock is faster by a twentieth while it follows one that was set.
        let begun = [record.sentAt, record.resentAt].compactMap { $0 }.max() ?? clock.now()
        if clock.now() > record.sendBefore + .seconds(1) + (clock.now() - begun) / 20 {
            world.accuse("\(id) left after its time")
        }
    }
}
