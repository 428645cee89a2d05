import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization

/// Everything around one simulated Gateway: time, disks, M-Pesa, callers, and what was seen to be wrong.
///
/// All chance comes from one seed, and everything runs as jobs of one executor, so the same seed is the same history.
final class World: Sendable {
    private struct State {
        var random: SeededRandom
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        var lines: [String] = []
        var violations: [String] = []
        /// Nothing fails any more: all evidence comes.
        var isCalm = false
        var host: SimulatedHost?
        var hosts = 0
        /// Records of which the journal said that it keeps that nothing left.
        var keptUnsent: Set<RecordID> = []
        /// Drafts that somebody has let leave, or tried to.
        var released: Set<RecordID> = []
        /// Who has approved what, or tried to.
        var approved: [RecordID: Set<String>] = [:]
        /// Who may approve nothing any more, and since when.
        var dismissed: [String: Uptime] = [:]
        /// Batches likewise, each with its organization.
        var releasedBatches: Set<String> = []
        var storms = 0
        /// Where hosts have waited while somebody counted.
        var awaits: [String] = []
        var isCounting = false
        var isSilent = false
        var onDeath: (@Sendable () async -> Void)?
    }

    let seed: UInt64
    /// A part that is wrong on purpose; nil where all are right.
    let fault: PlantedFault?
    /// What happens instead of what chance would have; nil where chance alone decides.
    let script: Script?
    let executor: SeededExecutor
    let time = SimulatedTime()
    /// What outlives the hosts: in memory, or a file of the real store's.
    let disk: any SimulatedDisk
    let journal = MemoryJournal()
    let batchWatch = BatchWatch()
    private let keepsLines: Bool
    private let state: Mutex<State>

    /// Nobody's sleeps: they outlive every host.
    static let nobody: SimulatedTime.Owner = 0

    init(
        seed: UInt64,
        fault: PlantedFault? = nil,
        keepsLines: Bool = false,
        disk: any SimulatedDisk = MemoryDisk(),
        script: Script? = nil
    ) {
        self.script = script
        self.disk = disk
        self.seed = seed
        self.fault = fault
        self.keepsLines = keepsLines
        executor = SeededExecutor(seed: seed &* 2 &+ 1)
        var first = State(random: SeededRandom(seed: seed))
        // Nothing goes wrong by chance beside what a script says.
        first.isCalm = script != nil
        state = Mutex(first)
    }

    // MARK: Chance

    func chance(_ probability: Double) -> Bool {
        state.withLock { Double.random(in: 0..<1, using: &$0.random) < probability }
    }

    /// The same, while things still go wrong.
    func trouble(_ probability: Double) -> Bool {
        state.withLock { Double.random(in: 0..<1, using: &$0.random) < probability && !$0.isCalm }
    }

    func pick(_ range: ClosedRange<Int>) -> Int { state.withLock { Int.random(in: range, using: &$0.random) } }
    func word() -> UInt64 { state.withLock { $0.random.next() } }

    func wait(_ range: ClosedRange<Int>) async {
        _ = await time.sleep(for: .milliseconds(pick(range)), owner: Self.nobody)
    }

    /// Begins something that no host's death ends.
    @discardableResult
    func begin<Result: Sendable>(_ work: @escaping @Sendable () async -> Result) -> Task<Result, Never> {
        Task(executorPreference: executor) { await work() }
    }

    // MARK: History

    /// Notes what happened, and when.
    func note(_ line: @autoclosure () -> String) {
        let text = "\(time.uptime.nanoseconds / 1_000_000) \(line())"
        state.withLock { state in
            for byte in text.utf8 { state.digest = (state.digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
            if keepsLines { state.lines.append(text) }
        }
    }

    /// Notes what must not be.
    func accuse(_ what: String) {
        note("WRONG: \(what)")
        state.withLock { $0.violations.append(what) }
    }

    var digest: UInt64 { state.withLock { $0.digest } }
    var lines: [String] { state.withLock { $0.lines } }
    var violations: [String] { state.withLock { $0.violations } }
    var isCalm: Bool { state.withLock { $0.isCalm } }
    func calmDown() { state.withLock { $0.isCalm = true } }

    func noteKeptUnsent(_ id: RecordID) { state.withLock { _ = $0.keptUnsent.insert(id) } }
    var keptUnsent: Set<RecordID> { state.withLock { $0.keptUnsent } }

    func noteReleased(_ id: RecordID) { state.withLock { _ = $0.released.insert(id) } }
    func wasReleased(_ id: RecordID) -> Bool { state.withLock { $0.released.contains(id) } }
    func noteReleased(_ batch: String) { state.withLock { _ = $0.releasedBatches.insert(batch) } }
    func wasReleased(_ batch: String) -> Bool { state.withLock { $0.releasedBatches.contains(batch) } }

    func noteApproved(_ id: RecordID, by who: String) {
        state.withLock { _ = $0.approved[id, default: []].insert(who) }
    }
    func approvers(of id: RecordID) -> Set<String> { state.withLock { $0.approved[id] ?? [] } }

    func noteDismissed(_ who: String) { state.withLock { $0.dismissed[who] = time.uptime } }
    /// Whether somebody had been gone for a while so long ago.
    func wasLongDismissed(_ who: String, _ ago: Duration) -> Bool {
        state.withLock { $0.dismissed[who].map { time.uptime - $0 > .seconds(30) + ago } ?? false }
    }

    var isStoreAway: Bool { state.withLock { $0.storms > 0 && !$0.isCalm } }

    /// The store is away for a while; what only the process knows may be lost with it.
    func storm() async {
        guard !isCalm else { return }
        state.withLock { $0.storms += 1 }
        note("the store goes away")
        await wait(100...12_000)
        if trouble(0.3), let host { die(at: "with the store away", host.life) }
        state.withLock { $0.storms -= 1 }
    }

    /// Whether M-Pesa tells nothing more.
    var isSilent: Bool { state.withLock { $0.isSilent } }
    func fallSilent() { state.withLock { $0.isSilent = true } }

    // MARK: The host

    var host: SimulatedHost? { state.withLock { $0.host } }

    func nextHost() -> Int {
        state.withLock { state in
            state.hosts += 1
            return state.hosts
        }
    }

    /// What happens after a host has died.
    var onDeath: (@Sendable () async -> Void)? {
        get { state.withLock { $0.onDeath } }
        set { state.withLock { $0.onDeath = newValue } }
    }

    /// Ends a host here and now, and starts another after a while.
    func die(at place: String, _ life: SimulatedHost.Life) {
        guard !life.isOver, let onDeath else { return }
        note("host \(life.number) dies \(place)")
        life.end()
        time.bury(life.number)
        let dead = state.withLock { state in
            guard state.host?.number == life.number else { return nil as SimulatedHost? }
            defer { state.host = nil }
            return state.host
        }
        dead?.cancel()
        begin {
            await self.wait(0...20_000)
            await onDeath()
        }
    }

    /// Counts the awaits of hosts from now on, or no more.
    func count(_ isCounting: Bool) { state.withLock { $0.isCounting = isCounting } }
    var awaits: [String] { state.withLock { $0.awaits } }

    /// A host waits here: where a script says so, for ever.
    func reach(_ place: String, _ life: SimulatedHost.Life) {
        guard let script, !life.isOver, !Self.isOfNobody(place) else { return }
        let number = state.withLock { state -> Int? in
            guard state.isCounting else { return nil }
            state.awaits.append(place)
            return state.awaits.count
        }
        if number == script.diesAt { die(at: place, life) }
    }

    /// Whether it is only looked for something to do, which is done every few seconds.
    private static func isOfNobody(_ place: String) -> Bool {
        ["cursor(", "feed(", "openBatches(", "dueHeld("].contains { place.hasPrefix("before " + $0) }
    }

    func enter(_ host: SimulatedHost?) { state.withLock { $0.host = host } }

    /// Runs everything until nobody does anything any more.
    func drain() {
        while executor.step() || time.advance() {}
    }
}
