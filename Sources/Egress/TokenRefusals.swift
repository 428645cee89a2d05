import Gateway

/// Which paths refuse the tokens of one credential, and whether a new token would help there.
///
/// A path that has refused one token and then refuses the next as well is left alone for a moment; as soon as a request
/// that was sent after that is taken on another path, with the same token, the token is known to be good and the path
/// "not enabled" for the account. A value: `DarajaTokens` holds one for each credential, under its lock.
///
///     refused n         a new token is fetched
///     refused n + 1     nothing, until `tokenRefusedPause` has passed: somebody else may have fetched one meanwhile
///     n + 1 is taken elsewhere   "not enabled": nothing for `notEnabledLife`
///     taken here        all is forgotten
struct TokenRefusals: Sendable {
    /// A path, as one version of an account's credential sees it: changed credentials begin anew.
    struct Path: Sendable, Hashable {
        let path: String
        let organization: OrganizationID
        let account: AccountName
        let version: Int
    }

    private struct Known: Sendable {
        /// The number of the newest token that was refused here.
        var number: Int
        /// When that was.
        var noted: Uptime
        /// The same, if the one before had been refused here as well.
        var twiceAt: Uptime?
        var notEnabledUntil: Uptime?
    }

    private var paths: [Path: Known] = [:]
    private let pause: Duration
    private let life: Duration
    private let pathsMax: Int

    init(settings: EgressSettings) {
        pause = settings.tokenRefusedPause
        life = settings.notEnabledLife
        pathsMax = settings.refusingPathsMax
    }

    var isEmpty: Bool { paths.isEmpty }

    /// A token older than the newest was refused here.
    mutating func noteOlder(than newest: Int, on path: Path, at now: Uptime) {
        guard paths[path] == nil else { return }
        remember(Known(number: newest - 1, noted: now), path)
    }

    /// The newest token was refused here; answers whether a newer one may help.
    mutating func note(_ number: Int, on path: Path, at now: Uptime) -> Bool {
        guard var known = paths[path], now < known.noted + life, known.notEnabledUntil.map({ now < $0 }) ?? true else {
            remember(Known(number: number, noted: now), path)
            return true
        }
        if known.notEnabledUntil != nil { return false }
        if number > known.number {
            known.number = number
            known.twiceAt = now
        } else if let twiceAt = known.twiceAt, now >= twiceAt + pause {
            known.twiceAt = nil
        }
        known.noted = now
        paths[path] = known
        return known.twiceAt == nil
    }

    /// The newest token was taken here, by a request that was sent at `sentAt`.
    mutating func noteTaken(_ number: Int, on path: Path, sentAt: Uptime, now: Uptime) {
        paths[path] = nil
        for (other, known) in paths where known.number == number {
            guard let twiceAt = known.twiceAt, known.notEnabledUntil == nil, sentAt >= twiceAt else { continue }
            paths[other]?.notEnabledUntil = now + life
        }
    }

    private mutating func remember(_ known: Known, _ path: Path) {
        if paths[path] == nil, paths.count >= pathsMax { paths = [:] }
        paths[path] = known
    }
}
