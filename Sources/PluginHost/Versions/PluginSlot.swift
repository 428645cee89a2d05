import Gateway

/// All that this host has of one plugin.
struct PluginSlot: Sendable {
    /// A version that is tried out, or waits to be promoted.
    struct Candidate: Sendable {
        let generation: PluginGeneration
        var share = 0
        var organizations: [OrganizationID] = []

        var isCanary: Bool { share > 0 || !organizations.isEmpty }
    }

    /// A version that has just been promoted, and how it stood then; it has passed once its window has.
    ///
    /// The time is the wall's, as it must count on after a restart of the host.
    struct Probation: Sendable {
        let since: Timestamp
        var before = PluginGeneration.Record()

        func isUnderWay(_ now: Timestamp, _ policy: PluginConfiguration.RollbackPolicy) -> Bool {
            now < since + policy.window
        }
    }

    let id: String
    /// What plugins.json says of it, and the digest of that.
    var configuration: PluginConfiguration?
    var declared: String?
    var live: PluginGeneration?
    var candidate: Candidate?
    var standby: PluginGeneration?
    /// Of the live version, since it serves.
    var probation: Probation?
    /// The live version's own, from when it was live, of what a rollback returns to.
    var standbyProbation: Probation?
    var lastGeneration = 0
    /// Why a version of it was refused.
    var refusal: String?
    /// What else is wrong, while it serves.
    var trouble: String?
    /// Whether there was no file where plugins.json says its library is.
    var isLibraryGone = false
    var note: String?

    init(id: String) { self.id = id }

    /// What an operator should do something about.
    var problem: String? { refusal ?? trouble }

    /// The generations that are not being retired.
    var generations: [PluginGeneration] { [live, candidate?.generation, standby].compactMap { $0 } }

    /// What the registry is to publish.
    var arrangement: ToolRegistry.Arrangement {
        var arrangement = ToolRegistry.Arrangement(live: live?.plugin, standby: standby?.plugin)
        if let candidate, candidate.isCanary {
            arrangement.canary = ToolRegistry.Canary(
                plugin: candidate.generation.plugin,
                share: candidate.share,
                organizations: Set(candidate.organizations)
            )
        }
        return arrangement
    }

    /// What is kept across a restart.
    var installed: InstalledPlugin {
        var versions: [InstalledVersion] = []
        let keep = { (generation: PluginGeneration, role: InstalledVersion.Role) in
            InstalledVersion(
                generation: generation.plugin.generation,
                role: role,
                digest: generation.plugin.digest,
                entry: generation.configuration.entry
            )
        }
        if let live {
            var version = keep(live, .live)
            version.promotedAt = probation?.since
            versions.append(version)
        }
        if let standby {
            var version = keep(standby, .standby)
            version.promotedAt = standbyProbation?.since
            versions.append(version)
        }
        if let candidate {
            var version = keep(candidate.generation, .candidate)
            version.share = candidate.share
            version.organizations = candidate.organizations
            versions.append(version)
        }
        return InstalledPlugin(
            id: id,
            declared: declared,
            lastGeneration: lastGeneration,
            note: note,
            versions: versions.sorted { $0.generation < $1.generation }
        )
    }

    /// Takes a version that was loaded again after a restart, in the role that it had.
    mutating func take(_ generation: PluginGeneration, as version: InstalledVersion) {
        switch version.role {
        case .live:
            live = generation
            probation = version.promotedAt.map { Probation(since: $0) }
        case .standby:
            standby = generation
            standbyProbation = version.promotedAt.map { Probation(since: $0) }
        case .candidate:
            candidate = Candidate(
                generation: generation,
                share: version.share,
                organizations: version.organizations
            )
        }
    }

    /// Whether the live version has yet to show that it can be relied on.
    func isOnProbation(at now: Timestamp) -> Bool {
        guard let live, let probation else { return false }
        return probation.isUnderWay(now, live.configuration.rollback)
    }

    /// The generation serves from now on; what a rollback returns to is the last version that passed its probation.
    ///
    /// What was live waits to be called back, unless it is on probation itself: then the version before it goes on
    /// waiting, because nothing else is known to be good. Only where there is none is an unproven one kept.
    mutating func promote(_ generation: PluginGeneration, at now: Timestamp) {
        if let former = live, standby == nil || !isOnProbation(at: now) {
            standby = former
            standbyProbation = probation
        }
        live = generation
        if candidate?.generation === generation { candidate = nil }
        probation = Probation(since: now, before: generation.record)
    }

    /// What waited serves again, and goes on with its own probation where that has not ended.
    mutating func rollBack() {
        live = standby
        probation = standbyProbation
        standby = nil
        standbyProbation = nil
    }
}
