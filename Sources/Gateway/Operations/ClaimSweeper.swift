import Logging

/// Walks over all claims, slice by slice, and forgets those that have ended, so that what is kept is what still counts.
///
/// Slices are short transactions of their own: nobody waits for the walk.
package struct ClaimSweeper: Sendable {
    /// What bounds the walk.
    package struct Settings: Sendable {
        /// How long after one walk's beginning the next one begins.
        package var every: Duration = .seconds(60)
        /// How many claims a slice looks at.
        package var sliceMax = 500
        /// The pause between slices.
        package var pause: Duration = .milliseconds(50)
        /// How long a claim is kept after it has ended: clocks of several hosts differ by less.
        package var margin: Duration = .seconds(60)
        /// How long after its end a transaction that did not succeed keeps its key, which a late success makes count again.
        ///
        /// Default 30 days: as long as anything is asked about (`RecordMachine.Rules.askingMax`).
        package var lateMax: Duration = RecordMachine.Rules().askingMax

        /// The defaults.
        package init() {}
    }

    private let claims: any ClaimRepository
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings

    /// Makes it of its parts.
    init(claims: any ClaimRepository, entropy: Entropy, logger: Logger, settings: Settings = Settings()) {
        self.claims = claims
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
    }

    /// Walks again and again, until cancelled.
    package func run() async {
        while !Task.isCancelled {
            let began = entropy.uptime()
            await walk()
            // Only cancellation ends the sleep early, and the loop's condition sees it.
            try? await entropy.sleep(for: max(settings.pause, settings.every - (entropy.uptime() - began)))
        }
    }

    /// One walk over all claims; answers how many were forgotten.
    @discardableResult
    package func walk() async -> Int {
        var forgotten = 0
        for kind in ClaimPlace.Kind.allCases {
            var place: ClaimPlace? = ClaimPlace(kind)
            while let here = place, !Task.isCancelled {
                let moment = entropy.now() + (.zero - settings.margin)
                do {
                    let slice = try await claims.forgetClaims(
                        after: here,
                        limit: settings.sliceMax,
                        endedBy: moment,
                        late: moment + (.zero - settings.lateMax)
                    )
                    forgotten += slice.forgotten
                    place = slice.next
                } catch {
                    logger.warning("ended claims could not be forgotten", metadata: ["reason": "\(error.message)"])
                    return forgotten
                }
                if place != nil { try? await entropy.sleep(for: settings.pause) }
            }
        }
        return forgotten
    }
}
