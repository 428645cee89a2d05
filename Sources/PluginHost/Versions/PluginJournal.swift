import Gateway
import Logging
import OrderedJSON
import Synchronization

/// What happens to plugins, kept where it can be found again: lines of the host's own audit chain, and counters.
///
/// A line belongs to no organization. What people and the host change is one line each. What a plugin does by itself,
/// as often as it likes, is bounded: the first crash at once, and then one line a minute with the number. Lines wait
/// here until the store has taken them, so that a store that is away for a while loses none.
package final class PluginJournal: Sendable {
    /// Who changed something.
    package enum Actor: String, Sendable {
        /// Whoever has the operator's token.
        case `operator`
        /// Nobody: plugins.json was followed, or a version judged.
        case host
    }

    /// What was done to a plugin, or what it did.
    package enum Action: String, Sendable, CaseIterable {
        case installed, promoted, canary, declared, disabled, removed, refused, restored, crashed, restarted, unchecked
        case rolledBack = "rolled_back"
        case takenBack = "taken_back"
        case violated
        case fileRefused = "file_refused"

        /// The word in the audit.
        var word: String { "PLUGIN_" + rawValue.uppercased() }
    }

    /// How often something happened, by plugin and word: what metrics show.
    package struct Count: Hashable, Sendable {
        /// The plugin's id; empty for plugins.json as a whole.
        package let plugin: String
        /// Of `Action`, or `calls` and `failed`.
        package let what: String
    }

    private struct Line: Sendable {
        let at: Timestamp
        let actor: Actor
        let action: Action
        let outcome: AuditRecord.Outcome
        let detail: JSON
    }

    /// What a plugin did of one kind that no line tells of yet, and when one may.
    private struct Sample {
        var untold = 0
        var last: String?
        var next: ContinuousClock.Instant
    }

    private struct State {
        var counts: [Count: Int] = [:]
        var waiting: [Line] = []
        var left = 0
        var isWriting = false
        var samples: [Count: Sample] = [:]
        /// How the generations stood that were looked at last.
        var seen: [ObjectIdentifier: PluginGeneration.Record] = [:]
    }

    /// How many lines wait for a store that does not take them; past that the oldest are left out, and their number told.
    private let waitingMax: Int
    /// How long a kind of thing that a plugin did is not told again.
    private let quiet: Duration
    /// How many different counters there may be; more than any honest set of plugins has.
    private let countsMax: Int
    private let audit: (any AuditRepository)?
    private let entropy: Entropy
    private let logger: Logger
    private let state = Mutex(State())

    init(
        audit: (any AuditRepository)?,
        entropy: Entropy,
        logger: Logger,
        waitingMax: Int = 1_000,
        quiet: Duration = .seconds(60),
        countsMax: Int = 10_000
    ) {
        self.audit = audit
        self.entropy = entropy
        self.logger = logger
        self.waitingMax = waitingMax
        self.quiet = quiet
        self.countsMax = countsMax
    }

    /// The counters as they are now.
    package var counts: [Count: Int] { state.withLock { $0.counts } }

    /// Notes what was done; `flush` hands it to the store.
    func note(
        _ action: Action,
        _ plugin: String,
        by actor: Actor,
        outcome: AuditRecord.Outcome = .success,
        _ facts: JSONObject = JSONObject()
    ) {
        var detail: JSONObject = ["plugin": .string(plugin)]
        for (name, value) in facts { detail[name] = value }
        let line = Line(at: entropy.now(), actor: actor, action: action, outcome: outcome, detail: .object(detail))
        state.withLock { state in
            count(Count(plugin: plugin, what: action.rawValue), 1, &state)
            append(line, &state)
        }
    }

    /// Notes what became of a change: the facts of the version that it was about.
    func note(_ action: Action, _ generation: PluginGeneration, by actor: Actor, _ note: String?) {
        let plugin = generation.plugin
        var facts: JSONObject = [
            "version": .string(plugin.version), "generation": .integer(Int64(plugin.generation)),
            "sha256": .string(plugin.digest), "trust": .string(generation.trust.word),
            "isolation": .string(generation.configuration.isolation),
        ]
        facts["note"] = note.map { .string($0) }
        self.note(action, plugin.id, by: actor, facts)
    }

    private func count(_ what: Count, _ number: Int, _ state: inout State) {
        guard state.counts[what] != nil || state.counts.count < countsMax else { return }
        state.counts[what, default: 0] += number
    }

    private func append(_ line: Line, _ state: inout State) {
        if state.waiting.count >= waitingMax {
            state.waiting.removeFirst()
            state.left += 1
        }
        state.waiting.append(line)
    }

    // MARK: What plugins do by themselves

    /// Compares the generations with how they were seen last: counts what is new, and tells as much of it as is due.
    func observe(_ generations: [PluginGeneration], at now: ContinuousClock.Instant) {
        let records = generations.map { (generation: $0, record: $0.record) }
        state.withLock { state in
            for (generation, record) in records {
                let before = state.seen.updateValue(record, forKey: ObjectIdentifier(generation)) ?? .init()
                let id = generation.plugin.id
                for (what, number) in [
                    ("calls", record.ended - before.ended), ("failed", record.failed - before.failed),
                ] {
                    count(Count(plugin: id, what: what), number, &state)
                }
                add(.crashed, id, record.crashes - before.crashes, record.lastCrash, now, &state)
                add(.restarted, id, record.restarts - before.restarts, nil, now, &state)
                add(.violated, id, record.violations - before.violations, nil, now, &state)
            }
            let known = Set(records.map { ObjectIdentifier($0.generation) })
            state.seen = state.seen.filter { known.contains($0.key) }
            tell(at: now, &state)
        }
    }

    private func add(
        _ action: Action,
        _ plugin: String,
        _ number: Int,
        _ last: String?,
        _ now: ContinuousClock.Instant,
        _ state: inout State
    ) {
        guard number > 0 else { return }
        let what = Count(plugin: plugin, what: action.rawValue)
        count(what, number, &state)
        var sample = state.samples[what] ?? Sample(next: now)
        sample.untold += number
        sample.last = last ?? sample.last
        if state.samples[what] != nil || state.samples.count < countsMax { state.samples[what] = sample }
    }

    private func tell(at now: ContinuousClock.Instant, _ state: inout State) {
        for (what, sample) in state.samples where sample.next <= now {
            guard sample.untold > 0, let action = Action(rawValue: what.what) else {
                // Quiet for as long as it takes: the next one is a first one again.
                state.samples[what] = nil
                continue
            }
            var facts: JSONObject = ["plugin": .string(what.plugin), "number": .integer(Int64(sample.untold))]
            facts["last"] = sample.last.map { .string($0) }
            append(
                Line(at: entropy.now(), actor: .host, action: action, outcome: .error, detail: .object(facts)),
                &state
            )
            state.samples[what] = Sample(next: now + quiet)
        }
    }

    // MARK: To the store

    /// Hands what waits to the store; what it does not take goes on waiting.
    func flush() async {
        guard let audit else { return state.withLock { $0.waiting = [] } }
        let (lines, left) = state.withLock { state -> ([Line], Int) in
            guard !state.isWriting, !state.waiting.isEmpty else { return ([], 0) }
            state.isWriting = true
            defer { (state.waiting, state.left) = ([], 0) }
            return (state.waiting, state.left)
        }
        guard !lines.isEmpty else { return }
        var isKept = false
        do throws(GatewayError) {
            // Each attempt has ids of its own: of one whose answer was lost nobody knows whether they are taken.
            try await audit.append(lines.map { record($0) }, usage: [])
            isKept = true
            if left > 0 {
                logger.error("lines of the audit about plugins were left out", metadata: ["lines": "\(left)"])
            }
        } catch {
            logger.error("the audit about plugins waits", metadata: ["reason": "\(error.message)"])
        }
        state.withLock { [isKept] state in
            state.isWriting = false
            guard !isKept else { return }
            let all = lines + state.waiting
            state.left += left + max(0, all.count - waitingMax)
            state.waiting = Array(all.suffix(waitingMax))
        }
    }

    private func record(_ line: Line) -> AuditRecord {
        AuditRecord(
            id: entropy.identifier(),
            organization: nil,
            at: line.at,
            call: CallID(entropy.identifier()),
            subject: line.actor.rawValue,
            action: line.action.word,
            door: line.actor == .operator ? "management" : "host",
            outcome: line.outcome,
            detail: String(decoding: line.detail.bytes, as: UTF8.self)
        )
    }
}
