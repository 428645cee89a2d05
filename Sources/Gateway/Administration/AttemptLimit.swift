import Addresses
import Cryptography
import Glibc
import Synchronization

/// Bounds how often passwords are guessed: per address, and per address and name.
///
/// Nothing is bounded by name alone, so that a stranger's guesses keep nobody else out. Only what fails counts: an
/// attempt is charged when it begins, so that many at once count as many, and gets its charge back when it succeeds.
/// Who once logged in from an address goes on there, whatever else comes from it.
package final class AttemptLimit: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// Failures of one name from one address.
        ///
        /// Default 10 a minute.
        package var ofName = RateLimit(units: 10, per: .seconds(60))
        /// Failures from one address; of IPv6, from one /64.
        ///
        /// Default 30 a minute.
        package var ofAddress = RateLimit(units: 30, per: .seconds(60))
        /// Wrong codes of one user's second factor, from wherever they come.
        ///
        /// Default 20 an hour: of the million that there are, three are right at a time.
        package var ofCode = RateLimit(units: 20, per: .seconds(3600))
        /// Wrong codes of one user's second factor from one network where they once logged in.
        ///
        /// Default 100 a day: many more than anybody mistypes, and far too few to guess one.
        package var ofCodeAtPlace = RateLimit(units: 100, per: .seconds(86_400))
        /// Wrong passwords of one user, shown by sessions of theirs from wherever they never logged in.
        ///
        /// Default 20 an hour: whoever found a session has no more guesses for having more addresses.
        package var ofPerson = RateLimit(units: 20, per: .seconds(3600))
        /// How often one session is given a new pair of tokens.
        ///
        /// Default 30 an hour, where an access token lives for 15 minutes.
        package var ofSession = RateLimit(units: 30, per: .seconds(3600))
        /// How many addresses and names are told apart at a time; past that new ones share one limit.
        ///
        /// Default 20,000 of each kind: strangers who log in, those who are known, users, sessions, and what else
        /// strangers ask for. However many strangers there are, they take no place from anybody else.
        package var entriesMax = 20_000
        /// For how long somebody who logged in is known at an address.
        ///
        /// Default 30 days, restarts of the host included.
        package var knownFor: Duration = .seconds(30 * 86_400)
        /// At how many addresses one person is known; the one where they were not seen for longest is forgotten.
        ///
        /// Default 20.
        package var knownPlacesMax = 20
        /// How many persons' addresses are remembered in all.
        ///
        /// Default 20,000.
        package var knownPlacesOfAllMax = 20_000

        /// The defaults.
        package init() {}
    }

    /// One attempt, charged until it succeeds.
    package struct Attempt: Sendable {
        /// Whose turn it is among those who wait for their password to be checked.
        package let turn: PasswordTurn
        fileprivate let charges: [Charge]
        fileprivate var login = ""
        fileprivate var network = ""
        /// Whether it is somebody who once logged in from there.
        package var isKnown: Bool { turn.isKnown }
    }

    /// What a stranger may try.
    package enum Kind: Sendable {
        /// To log in.
        case logIn
        /// To ask for a new password, to set one by a link, or to register.
        case errand
    }

    /// Who has places together.
    fileprivate enum Group: Sendable {
        case strangers, known, people, sessions, errands
    }

    fileprivate struct Charge: Sendable {
        let group: Group
        let limit: RateLimit
        let key: Digest32
    }

    /// When the last unit of each of a group would be back, in microseconds.
    private struct Table {
        var arrivals: [Digest32: Int64] = [:]
        /// Before then no room is made again, however full it is: that looks at every place.
        var cleansAgain = Int64.min

        static let others = SHA256.digest("others")
        static let pause: Int64 = 1_000_000

        /// Where a key's charges stand: its own place, or, while there is no room for one, one that all others share.
        func place(_ key: Digest32, _ entriesMax: Int) -> Digest32 {
            arrivals[key] != nil || arrivals.count < entriesMax ? key : Table.others
        }

        mutating func change(_ key: Digest32, _ entriesMax: Int, _ change: (Int64?) -> Int64?) {
            let place = place(key, entriesMax)
            arrivals[place] = change(arrivals[place])
        }

        mutating func makeRoom(_ entriesMax: Int, _ now: Int64) {
            guard arrivals.count + 2 > entriesMax, now >= cleansAgain else { return }
            cleansAgain = now + Table.pause
            arrivals = arrivals.filter { $0.value > now }
        }
    }

    private let entropy: Entropy
    private let settings: Settings
    private let tables = Mutex<[Group: Table]>([:])
    private let known: KnownPlaces

    /// Makes it of its parts.
    package init(entropy: Entropy, settings: Settings = Settings()) {
        self.entropy = entropy
        self.settings = settings
        known = KnownPlaces(
            life: settings.knownFor,
            ofPersonMax: settings.knownPlacesMax,
            placesMax: settings.knownPlacesOfAllMax
        )
    }

    /// Lets an attempt begin.
    ///
    /// - Throws: `rateLimited` with the time to wait.
    package func begin(
        name: String,
        address: String?,
        for kind: Kind = .logIn
    ) throws(GatewayError) -> Attempt {
        let group = AttemptLimit.group(of: address ?? "")
        let pair = KnownPlaces.key(of: name, in: group)
        let isKnown = kind == .logIn && known.isKnown(pair, at: entropy.uptime())
        let strangers = kind == .logIn ? Group.strangers : .errands
        let own = Charge(group: isKnown ? .known : strangers, limit: settings.ofName, key: pair)
        let ofAddress = Charge(group: strangers, limit: settings.ofAddress, key: SHA256.digest(group))
        let attempt = Attempt(
            turn: isKnown
                ? PasswordTurn(name: pair.hexadecimal, isKnown: true)
                : PasswordTurn(name: AttemptLimit.neighbourhood(of: address ?? ""), isKnown: false),
            charges: isKnown ? [own] : [own, ofAddress],
            login: name,
            network: group
        )
        try charge(attempt, "Too many failed log-ins from your address. Try again in a moment.")
        return attempt
    }

    /// Lets a code of a user's second factor be looked at.
    ///
    /// Whoever shows one knows the password, or has a session, so that a limit by user keeps nobody out whom a stranger
    /// could name. Recovery codes are too long to be guessed, and need no such limit. At a log-in from where they once
    /// logged in they have a limit of that network alone: guesses from elsewhere keep nobody out of their own place.
    /// - Throws: `rateLimited` with the time to wait.
    package func begin(codeOf user: UserID, at logIn: Attempt? = nil) throws(GatewayError) -> Attempt {
        let isKnown = logIn?.isKnown ?? false
        let key = SHA256.digest("code|\(user)" + (isKnown ? "|" + (logIn?.network ?? "") : ""))
        let limit = isKnown ? settings.ofCodeAtPlace : settings.ofCode
        let attempt = Attempt(
            turn: PasswordTurn(name: key.hexadecimal, isKnown: true),
            charges: [Charge(group: .people, limit: limit, key: key)]
        )
        try charge(attempt, "Too many wrong codes. Use a recovery code, or try again later.")
        return attempt
    }

    /// Lets the password of somebody who has a session be looked at.
    ///
    /// Whoever found the session guesses no more often than at the log-in, and keeps its owner from nothing where they
    /// log in themselves. What strangers do at the same address is not held against either.
    /// - Throws: `rateLimited` with the time to wait.
    package func begin(passwordOf user: UserID, address: String?) throws(GatewayError) -> Attempt {
        let group = AttemptLimit.group(of: address ?? "")
        let isKnown = known.isKnown(KnownPlaces.key(of: user, in: group), at: entropy.uptime())
        let own = Charge(group: .people, limit: settings.ofName, key: SHA256.digest("password|\(user)|\(group)"))
        let ofPerson = Charge(group: .people, limit: settings.ofPerson, key: SHA256.digest("password|\(user)"))
        let attempt = Attempt(
            turn: PasswordTurn(name: "user|\(user)", isKnown: true),
            charges: isKnown ? [own] : [own, ofPerson]
        )
        try charge(attempt, "Too many wrong passwords. Try again later.")
        return attempt
    }

    /// Lets a session have a new pair of tokens, each of which is a commit.
    ///
    /// - Throws: `rateLimited` with the time to wait.
    func begin(refreshOf session: Identifier) throws(GatewayError) {
        let key = SHA256.digest("refresh|\(session)")
        let attempt = Attempt(
            turn: PasswordTurn(name: key.hexadecimal, isKnown: true),
            charges: [Charge(group: .sessions, limit: settings.ofSession, key: key)]
        )
        try charge(attempt, "This session has been given new tokens too often. Use the newest while it lasts.")
    }

    private func charge(_ attempt: Attempt, _ refusal: String) throws(GatewayError) {
        let now = entropy.uptime().nanoseconds / 1000
        let most = settings.entriesMax
        let wait = tables.withLock { tables -> Int64 in
            for charge in attempt.charges { tables[charge.group, default: Table()].makeRoom(most, now) }
            let wait =
                attempt.charges
                .map { charge -> Int64 in
                    let table = tables[charge.group, default: Table()]
                    let last = table.arrivals[table.place(charge.key, most)]
                    return EvenPace(charge.limit).adding(to: last, at: now).excess
                }
                .max() ?? 0
            guard wait <= 0 else { return wait }
            for charge in attempt.charges {
                tables[charge.group, default: Table()]
                    .change(charge.key, most) { EvenPace(charge.limit).adding(to: $0, at: now).arrival }
            }
            return 0
        }
        guard wait <= 0 else { throw GatewayError(.rateLimited, refusal, retryAfter: .microseconds(wait)) }
    }

    /// Gives an attempt's charge back: it succeeded, and whoever made it is known there from now on.
    ///
    /// - Returns: The place, to be kept.
    package func succeed(_ attempt: Attempt, as user: User) -> KnownPlace {
        giveBack(attempt)
        let place = KnownPlace(
            organization: user.organization,
            user: user.id,
            network: attempt.network,
            login: attempt.login,
            seen: entropy.now()
        )
        known.note(place, at: entropy.uptime())
        return place
    }

    /// How many places of one person are kept.
    package var knownPlacesMax: Int { settings.knownPlacesMax }

    /// Remembers the places that the store has kept, as old as they are.
    package func recall(from directory: any DirectoryRepository) async throws(GatewayError) {
        let now = entropy.now()
        let kept = try await directory.knownPlaces(
            since: now + (.zero - settings.knownFor),
            limit: settings.knownPlacesOfAllMax
        )
        // The newest of a person is the last that is forgotten.
        for place in kept.reversed() { known.note(place, age: max(.zero, now - place.seen), at: entropy.uptime()) }
    }

    /// Gives an attempt's charge back: nobody looked at its password.
    package func giveBack(_ attempt: Attempt) {
        tables.withLock { tables in
            for charge in attempt.charges {
                tables[charge.group, default: Table()]
                    .change(charge.key, settings.entriesMax) { last in
                        last.map { $0 - EvenPace(charge.limit).interval }
                    }
            }
        }
    }

    /// Addresses that one host can have as many of as it likes are one: of IPv6 the first 64 bits.
    static func group(of address: String) -> String { IPAddress(bare(address))?.network.description ?? address }

    /// Who shares a turn: of IPv6 the first 48 bits, of which one subscriber may have all.
    static func neighbourhood(of address: String) -> String {
        IPAddress(bare(address))?.neighbourhood.description ?? address
    }

    /// Without the zone of a link.
    private static func bare(_ address: String) -> String { String(address.prefix { $0 != "%" }) }
}
