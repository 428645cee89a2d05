import Synchronization

/// One change of the configuration: whose it was, and the version that it made.
package struct ConfigurationChange: Sendable, Equatable {
    /// Counts up with every change, in the order of their commits.
    package let version: Int64
    /// Whose organization, plan, people, keys, profile or secrets; nil for what concerns everybody.
    package let organization: OrganizationID?

    /// States a change.
    package init(version: Int64, organization: OrganizationID?) {
        self.version = version
        self.organization = organization
    }
}

/// How long what was read of the configuration holds: until the store says that it was changed.
///
/// Every commit that changes the configuration counts its version up and says whose it was. Beside the calls the store
/// is asked what has changed since (`run`), and only that is read again: what ten thousand organizations are is in
/// memory, and a call reads no SQL.
///
///     commit: version 42, organization A -> asked each `period` -> what is known of A is read anew
///     a change by this process           -> `forget`            -> the next call asks first
///     the store does not answer          -> `believedFor`       -> calls ask, and are refused while it is away
package final class ConfigurationWatch: Sendable {
    /// What bounds it, and the caches that go by it.
    package struct Settings: Sendable {
        /// How often the store is asked what has changed.
        ///
        /// Default 250 ms: another process's change is felt within that and the time of the question.
        package var period: Duration = .milliseconds(250)
        /// For how long after it was last asked what is known is believed; past that a call asks first, and is refused
        /// where the store does not answer.
        ///
        /// Default a second: nothing older than that is ever believed.
        package var believedFor: Duration = .seconds(1)
        /// How many organizations each cache holds at least, and at most twice as many.
        ///
        /// Default 10,000: about 30 MB where every one of them is in use.
        package var organizationsMax = 10_000
        /// How many changes are read at a time.
        ///
        /// Default 1,000.
        package var changesMax = 1_000

        /// The defaults.
        package init() {}
    }

    /// A moment at which something was looked up: it is believed while nothing has changed since.
    package struct Stamp: Sendable {
        fileprivate let moment: Int64
    }

    private struct State {
        /// Counts up with every change that is heard of.
        var moment: Int64 = 1
        /// Nothing that was looked up before is believed.
        var floor: Int64 = 0
        /// When each organization was last heard to have changed.
        var changed: [OrganizationID: Int64] = [:]
        /// The store's version up to which everything was heard of; nil before the store was first asked.
        var version: Int64?
        /// How often something was changed here.
        var forgotten = 0
    }

    /// The bounds.
    package let settings: Settings
    private let directory: any DirectoryRepository
    private let entropy: Entropy
    private let state = Mutex(State())
    /// Until when what is known is believed: nanoseconds of uptime.
    private let believedUntil = Atomic<Int64>(.min)
    /// The moment of the newest change that was heard of, for who only asks whether there was any.
    private let newest = Atomic<Int64>(1)

    /// Makes one that has asked nothing yet.
    package init(directory: any DirectoryRepository, entropy: Entropy, settings: Settings = Settings()) {
        self.directory = directory
        self.entropy = entropy
        self.settings = settings
    }

    /// Sees to it that what is known may be believed: asks the store where it was not asked lately.
    ///
    /// - Throws: as the store does.
    func believe() async throws(GatewayError) {
        guard entropy.uptime().nanoseconds >= believedUntil.load(ordering: .acquiring) else { return }
        try await look()
    }

    /// To be taken before something is looked up.
    var stamp: Stamp { state.withLock { Stamp(moment: $0.moment) } }

    /// Whether what was looked up at a stamp still holds, for an organization or, without one, for everybody.
    func holds(_ stamp: Stamp, for organization: OrganizationID?) -> Bool {
        if stamp.moment >= newest.load(ordering: .acquiring) { return true }
        return state.withLock { state in
            guard stamp.moment >= state.floor else { return false }
            guard let organization, !state.changed.isEmpty else { return true }
            return state.changed[organization].map { stamp.moment >= $0 } ?? true
        }
    }

    /// Whose configuration is heard to have changed since a stamp; nil for everybody's.
    func changed(since stamp: Stamp) -> Set<OrganizationID>? {
        if stamp.moment >= newest.load(ordering: .acquiring) { return [] }
        return state.withLock { state in
            guard stamp.moment >= state.floor else { return nil }
            return Set(state.changed.filter { $0.value > stamp.moment }.keys)
        }
    }

    /// Something was changed here: before anything is believed again the store is asked what.
    package func forget() {
        state.withLock { state in
            state.forgotten += 1
            believedUntil.store(.min, ordering: .releasing)
        }
    }

    /// Asks the store what has changed since it was last asked.
    ///
    /// - Throws: as the store does.
    package func look() async throws(GatewayError) {
        let began = entropy.uptime()
        let (known, forgotten) = state.withLock { ($0.version, $0.forgotten) }
        guard var version = known else {
            let first = try await directory.configurationVersion()
            return state.withLock { state in
                state.version = min(state.version ?? first, first)
                believe(from: began, unless: forgotten, state)
            }
        }
        while true {
            let changes = try await directory.configurationChanges(after: version, limit: settings.changesMax)
            version = changes.last?.version ?? version
            state.withLock { learn(changes, in: &$0) }
            if changes.count < settings.changesMax { break }
        }
        state.withLock { believe(from: began, unless: forgotten, $0) }
    }

    private func believe(from began: Uptime, unless forgotten: Int, _ state: State) {
        // What was changed here meanwhile may not have been seen.
        guard state.forgotten == forgotten else { return }
        let until = (began + settings.believedFor).nanoseconds
        if until > believedUntil.load(ordering: .relaxed) { believedUntil.store(until, ordering: .releasing) }
    }

    private func learn(_ changes: [ConfigurationChange], in state: inout State) {
        for change in changes {
            state.moment += 1
            state.version = max(state.version ?? 0, change.version)
            if let organization = change.organization, state.changed.count < settings.organizationsMax {
                state.changed[organization] = state.moment
            } else {
                state.floor = state.moment
                state.changed = [:]
            }
        }
        newest.store(state.moment, ordering: .releasing)
    }

    /// Asks until it is cancelled, so that no call has to.
    package func run() async {
        await entropy.sleep.repeating(every: settings.period, pausesFirst: true) {
            // Where the store does not answer, calls ask it themselves before long, and are told.
            try? await look()
        }
    }
}
