import Logging
import Synchronization

/// What organizations use of their quotas by the month.
///
/// Money is counted in its transaction's commit and administration in the commit of the line that says that it begins.
/// What only reads is taken in blocks: a commit takes some units of the month before the first of them is used, calls use
/// them from memory, and what is left is given back. So a kill lets nothing through twice; it costs the organization what
/// was left of a block.
///
///     call -> a unit of the block in memory -> goes on
///                 none left -> one commit takes the next block, whoever waits for it -> goes on, or the month is spent
package final class Quotas: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How many units a block has at least, where the month leaves so many.
        ///
        /// Default 16.
        package var blockMin = 16
        /// How many it has at most: what a kill costs an organization.
        ///
        /// Default 1,024; a block that lasts less than a second is followed by a larger one.
        package var blockMax = 1_024
        /// How often it is looked for blocks that nobody uses.
        ///
        /// Default a second.
        package var period: Duration = .seconds(1)
        /// After what time unused the rest of a block is given back.
        ///
        /// Default 30 s.
        package var idleAfter: Duration = .seconds(30)
        /// How many counts are kept in memory; past that those without a block are read again when needed.
        ///
        /// Default 20,000.
        package var countsMax = 20_000

        /// The defaults.
        package init() {}
    }

    private struct Count {
        /// What of the month is taken, as it was last written: what is used, and what is left of the block.
        var taken: Int
        /// What is left of the block.
        var left = 0
        /// How large the next block is.
        var size: Int
        /// When the last block was taken.
        var takenAt = Uptime(nanoseconds: 0)
        /// When a unit was last used.
        var usedAt = Uptime(nanoseconds: 0)
        /// Somebody takes the next block.
        var taking: Task<Outcome, Never>?

        var used: Int { taken - left }
    }

    /// What came of taking a block.
    private enum Outcome: Sendable {
        case taken
        case spent
        case failed(GatewayError)
    }

    private let repository: any QuotaRepository
    private let entropy: Entropy
    private let settings: Settings
    private let logger: Logger
    private let counts = Mutex<[QuotaPlace: Count]>([:])

    /// Makes it over where counts are kept.
    package init(
        repository: any QuotaRepository,
        entropy: Entropy,
        settings: Settings = Settings(),
        logger: Logger
    ) {
        self.repository = repository
        self.entropy = entropy
        self.settings = settings
        self.logger = logger
    }

    var now: Timestamp { entropy.now() }

    // MARK: What only reads

    /// Uses units for what only reads.
    ///
    /// - Returns: Where the month stands; nil where there is no quota.
    /// - Throws: `rateLimited` with the time until the next month, when it is used up; as the store does where a block must
    ///   be taken.
    func charge(
        _ counted: String,
        cost: Int,
        _ membership: DirectoryCache.Membership
    ) async throws(GatewayError) -> QuotaState? {
        guard let limit = membership.ceilings.quotas[counted] else { return nil }
        let place = place(counted, membership)
        while true {
            switch use(cost, of: place, limit: limit) {
            case .used(let used):
                return QuotaState(counted: counted, limit: limit, used: used, month: place.month)
            case .spent: throw QuotaClaim.spent(place, limit: limit, now: entropy.now())
            case .waits(let taking, let isOwn):
                switch await taking.value {
                // What was too much for another call may be enough for this one.
                case .taken: continue
                case .spent where !isOwn: continue
                case .spent: throw QuotaClaim.spent(place, limit: limit, now: entropy.now())
                case .failed(let error): throw error
                }
            }
        }
    }

    private enum Use {
        case used(Int)
        case spent
        case waits(Task<Outcome, Never>, isOwn: Bool)
    }

    private func use(_ cost: Int, of place: QuotaPlace, limit: Int) -> Use {
        let now = entropy.uptime()
        return counts.withLock { counts in
            guard var count = counts[place] else {
                makeRoom(in: &counts)
                let taking = Task { await begin(place, cost, limit) }
                counts[place] = Count(taken: 0, size: settings.blockMin, usedAt: now, taking: taking)
                return .waits(taking, isOwn: true)
            }
            if let taking = count.taking { return .waits(taking, isOwn: false) }
            guard count.used + cost <= limit else { return .spent }
            guard count.left < cost else {
                (count.left, count.usedAt) = (count.left - cost, now)
                counts[place] = count
                return .used(count.used)
            }
            let taking = Task { [count] in
                await take(place, count.taken, need: cost - count.left, count.size, limit)
            }
            count.taking = taking
            counts[place] = count
            return .waits(taking, isOwn: true)
        }
    }

    /// Takes the first block of a month.
    private func begin(_ place: QuotaPlace, _ cost: Int, _ limit: Int) async -> Outcome {
        do throws(GatewayError) {
            let taken = try await repository.used(place)
            return await take(place, taken, need: cost, settings.blockMin, limit)
        } catch {
            counts.withLock { $0[place] = nil }
            return .failed(error)
        }
    }

    private func take(_ place: QuotaPlace, _ known: Int, need: Int, _ size: Int, _ limit: Int) async -> Outcome {
        var taken = known
        do throws(GatewayError) {
            // Once more where more of the month is taken than was known.
            for _ in 1...2 {
                let units = block(need, taken, size, limit)
                let claim = QuotaClaim(place, units: units, limit: limit, entropy)
                if let used = try await repository.take(claim) {
                    note(place, taken: used, units)
                    return .taken
                }
                taken = try await repository.used(place)
            }
        } catch {
            note(place, taken: nil, 0)
            return .failed(error)
        }
        note(place, taken: taken, 0)
        return .spent
    }

    /// How many units to take: never past what people are told of, so that they are told when it is used and not before.
    private func block(_ need: Int, _ taken: Int, _ size: Int, _ limit: Int) -> Int {
        let next = QuotaClaim.told.map { (limit * $0 + 99) / 100 }.first { $0 > taken }
        guard let next, next - 1 - taken > need else { return need }
        return min(max(size, need), next - 1 - taken)
    }

    private func note(_ place: QuotaPlace, taken: Int?, _ units: Int) {
        let now = entropy.uptime()
        counts.withLock { counts in
            guard var count = counts[place] else { return }
            count.taking = nil
            if let taken { count.taken = taken }
            if units > 0 {
                let lasted = now - count.takenAt
                if lasted < .seconds(1) { count.size = min(count.size * 4, settings.blockMax) }
                if lasted > .seconds(10) { count.size = max(count.size / 2, settings.blockMin) }
                (count.left, count.takenAt, count.usedAt) = (count.left + units, now, now)
            }
            counts[place] = count
        }
    }

    /// Gives back what is left of blocks that were not used for a while, or of all of them.
    package func giveBack(all: Bool = false) async {
        let now = entropy.uptime()
        let unused = counts.withLock { counts in
            var unused: [Task<Outcome, Never>] = []
            for (place, count) in counts
            where count.left > 0 && count.taking == nil && (all || now - count.usedAt >= settings.idleAfter) {
                // Whoever calls meanwhile waits: what is taken is known again only afterwards.
                let giving = Task { await giveBack(count.left, to: place) }
                counts[place]?.left = 0
                counts[place]?.taken -= count.left
                counts[place]?.taking = giving
                unused.append(giving)
            }
            return unused
        }
        for giving in unused { _ = await giving.value }
    }

    private func giveBack(_ units: Int, to place: QuotaPlace) async -> Outcome {
        do throws(GatewayError) {
            try await repository.giveBack(units, to: place)
            counts.withLock { $0[place]?.taking = nil }
        } catch {
            // They count as used, as after a kill: that they were given back is not known.
            counts.withLock { counts in
                counts[place]?.taken += units
                counts[place]?.taking = nil
            }
            logger.warning("units of a quota were not given back", metadata: ["reason": "\(error.message)"])
        }
        return .taken
    }

    /// Gives back what nobody uses until it is cancelled, and then all.
    package func run() async {
        await entropy.sleep.repeating(every: settings.period) { await giveBack() }
        await giveBack(all: true)
    }

    private func makeRoom(in counts: inout [QuotaPlace: Count]) {
        guard counts.count >= settings.countsMax else { return }
        counts = counts.filter { $0.value.left > 0 || $0.value.taking != nil }
    }

    // MARK: What is counted in its commit

    /// What a commit has to count; nil where there is no quota.
    package func claim(
        _ counted: String,
        _ membership: DirectoryCache.Membership,
        call: CallID
    ) -> QuotaClaim? {
        guard let limit = membership.ceilings.quotas[counted] else { return nil }
        return QuotaClaim(place(counted, membership), limit: limit, call: call, entropy)
    }

    /// Appends a line in one commit with its claim.
    ///
    /// - Throws: `rateLimited` with the time until the next month, when the quota is used up.
    func append(_ line: AuditRecord, usage: [UsageRecord], taking claim: QuotaClaim) async throws(GatewayError) {
        guard try await repository.append(line, usage: usage, taking: claim) != nil else {
            throw QuotaClaim.spent(claim.place, limit: claim.limit, now: entropy.now())
        }
    }

    /// Appends the end of what nothing came of, with what it had taken.
    func append(_ line: AuditRecord, usage: [UsageRecord], givingBack claim: QuotaClaim) async throws(GatewayError) {
        try await repository.append(line, usage: usage, givingBack: claim)
    }

    /// Where an organization's month stands, by what is counted, for each quota that it has.
    package func states(of membership: DirectoryCache.Membership) async throws(GatewayError) -> [QuotaState] {
        let month = Month(of: entropy.now())
        let used = try await repository.used(of: membership.organization.id, in: month)
        return membership.ceilings.quotas.sorted { $0.key < $1.key }
            .map { counted, limit in
                let left = counts.withLock { $0[place(counted, membership)]?.left ?? 0 }
                return QuotaState(
                    counted: counted,
                    limit: limit,
                    used: max(0, (used[counted] ?? 0) - left),
                    month: month
                )
            }
    }

    private func place(_ counted: String, _ membership: DirectoryCache.Membership) -> QuotaPlace {
        QuotaPlace(
            organization: membership.organization.id,
            counted: counted,
            month: Month(of: entropy.now())
        )
    }
}

/// Where a month's quota stands.
package struct QuotaState: Sendable, Equatable {
    /// `money`, `administration` or a bucket.
    package let counted: String
    /// How much the month has.
    package let limit: Int
    /// How much is used.
    package let used: Int
    /// Which month.
    package let month: Month
}
