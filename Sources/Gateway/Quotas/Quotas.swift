import Logging
import Synchronization

/// What organizations use of their quotas by the month.
///
/// Money is counted in its transaction's commit and administration in the commit of the line that says that it begins:
/// exactly. What only reads is counted here and written each second, so a kill loses a second's reads, and several
/// organizations' calls meet no SQL; only the first of a month asks what is used already.
package final class Quotas: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often what was read is written.
        ///
        /// Default a second.
        package var period: Duration = .seconds(1)
        /// How many counts are kept in memory; past that those with nothing to write are read again when needed.
        ///
        /// Default 20,000.
        package var countsMax = 20_000

        /// The defaults.
        package init() {}
    }

    private struct Count {
        /// As it is written.
        var written: Int
        /// Used since.
        var waiting = 0
        var limit: Int
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

    /// Counts a use of what only reads.
    ///
    /// - Returns: Where the month stands; nil where there is no quota.
    /// - Throws: `rateLimited` with the time until the next month, when it is used up.
    func charge(
        _ counted: String,
        cost: Int,
        _ membership: DirectoryCache.Membership
    ) async throws(GatewayError) -> QuotaState? {
        guard let limit = membership.ceilings.quotas[counted] else { return nil }
        let place = place(counted, membership)
        if counts.withLock({ $0[place] }) == nil {
            let used = try await repository.used(place)
            counts.withLock { counts in
                makeRoom(in: &counts)
                if counts[place] == nil { counts[place] = Count(written: used, limit: limit) }
            }
        }
        let used = counts.withLock { counts -> Int? in
            guard var count = counts[place], count.written + count.waiting + cost <= limit else { return nil }
            count.waiting += cost
            count.limit = limit
            counts[place] = count
            return count.written + count.waiting
        }
        guard let used else { throw QuotaClaim.spent(place, limit: limit, now: entropy.now()) }
        return QuotaState(counted: counted, limit: limit, used: used, month: place.month)
    }

    /// Writes what was counted.
    package func flush() async {
        let waiting = counts.withLock { $0.filter { $0.value.waiting > 0 } }
        for (place, count) in waiting {
            let claim = QuotaClaim(place, units: count.waiting, limit: count.limit, entropy)
            do throws(GatewayError) {
                let used = try await repository.add(claim)
                counts.withLock { counts in
                    counts[place]?.written = used
                    counts[place]?.waiting -= count.waiting
                }
            } catch {
                logger.warning("what was used could not be written yet", metadata: ["reason": "\(error.message)"])
                return
            }
        }
    }

    /// Writes until it is cancelled.
    package func run() async {
        await entropy.sleep.repeating(every: settings.period, pausesFirst: true) { await flush() }
    }

    private func makeRoom(in counts: inout [QuotaPlace: Count]) {
        guard counts.count >= settings.countsMax else { return }
        counts = counts.filter { $0.value.waiting > 0 }
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
                let waiting = counts.withLock { $0[place(counted, membership)]?.waiting ?? 0 }
                return QuotaState(counted: counted, limit: limit, used: (used[counted] ?? 0) + waiting, month: month)
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
