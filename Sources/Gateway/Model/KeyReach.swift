import Addresses

/// How far a key reaches: everything by which it is decided what may be done with it.
///
/// What lets a key do more than before must not be one administrator's work alone, as little as looser rules
/// (`ApprovalPolicy`): it waits for another one, or for a day. What lets it do less holds at once.
package struct KeyReach: Sendable, Equatable {
    /// What it may do.
    package var role: Role
    /// Which kinds of tool; nil for every kind that the role allows.
    package var scopes: Set<String>?
    /// What narrows it further.
    package var rules: KeyRules

    /// States it.
    package init(role: Role, scopes: Set<String>?, rules: KeyRules) {
        self.role = role
        self.scopes = scopes
        self.rules = rules
    }

    /// Whether a key that reaches so far may do nothing that one of another reach may not, in an organization with
    /// these rules.
    ///
    func isWithin(_ other: KeyReach, by policy: [ApprovalRule]) -> Bool {
        guard role <= other.role, Self.isSubset(scopes, other.scopes), Self.isSubset(rules.tools, other.rules.tools),
            Self.isSubset(rules.accounts, other.rules.accounts), Self.isWithin(rules.sources, other.rules.sources)
        else { return false }
        if let most = other.rules.amountMax { guard rules.amountMax.map({ $0 <= most }) ?? false else { return false } }
        // Stops and rules about agents must not be left by a mark, nor those about machines.
        guard Self.strictness(rules.isAgent) >= Self.strictness(other.rules.isAgent) else { return false }
        return Door.callers.allSatisfy { door in
            policy.ask(of: Self.caller(rules, door), atLeastAsOf: Self.caller(other.rules, door))
        }
    }

    /// What both may do.
    func narrowed(to other: KeyReach) -> KeyReach {
        var rules = other.rules
        rules.tools = Self.common(self.rules.tools, rules.tools)
        rules.accounts = Self.common(self.rules.accounts, rules.accounts)
        rules.amountMax = [self.rules.amountMax, rules.amountMax].compactMap { $0 }.min()
        rules.sources = Self.common(self.rules.sources, rules.sources)
        if Self.strictness(self.rules.isAgent) > Self.strictness(rules.isAgent) { rules.isAgent = self.rules.isAgent }
        return KeyReach(role: min(role, other.role), scopes: Self.common(scopes, other.scopes), rules: rules)
    }

    private static func isSubset<Word: Hashable>(_ some: Set<Word>?, _ all: Set<Word>?) -> Bool {
        all.map { all in some?.isSubset(of: all) ?? false } ?? true
    }

    private static func common<Word: Hashable>(_ one: Set<Word>?, _ other: Set<Word>?) -> Set<Word>? {
        guard let one, let other else { return one ?? other }
        return one.intersection(other)
    }

    /// Whether no address is of some blocks and of none of the others; no block stands for every address.
    private static func isWithin(_ some: [AddressBlock], _ all: [AddressBlock]) -> Bool {
        guard !all.isEmpty else { return true }
        return !some.isEmpty && some.allSatisfy { block in all.contains { $0.contains(block) } }
    }

    /// The blocks of both; where they have none together, those that hold stay alone.
    private static func common(_ held: [AddressBlock], _ asked: [AddressBlock]) -> [AddressBlock] {
        guard !held.isEmpty, !asked.isEmpty else { return held.isEmpty ? asked : held }
        let inner = asked.filter { isWithin([$0], held) }
        let both = inner + held.filter { isWithin([$0], asked) && !inner.contains($0) }
        return both.isEmpty ? held : both
    }

    private static func strictness(_ isAgent: Bool?) -> Int { isAgent.map { $0 ? 2 : 0 } ?? 1 }

    private static func caller(_ rules: KeyRules, _ door: Door) -> CallerKind {
        rules.isAgent.map { $0 ? .agent : .machine } ?? (door == .mcp ? .agent : .machine)
    }
}

extension KeyReach {
    /// The same, from any address.
    fileprivate var anywhere: KeyReach {
        var reach = self
        reach.rules.sources = []
        return reach
    }
}

extension ApprovalPolicy {
    /// Whether each limit and each stop that is about another key is about this one as well.
    fileprivate func holds(_ key: APIKey, asMuchAs other: APIKey, at now: Timestamp) -> Bool {
        guard !stops.contains(.key(other.id)) else { return false }
        let (names, others) = (Set(key.subjects), Set(other.subjects))
        return bounds(at: now).compactMap(\.subject).allSatisfy { !others.contains($0) || names.contains($0) }
    }
}

extension APIKey {
    /// By which names limits are about it.
    fileprivate var subjects: [String] { ["key:\(id)"] + holders.map { "user:\($0)" } }
}

extension Door {
    /// The doors by which a key's calls are told apart.
    fileprivate static let callers: [Door] = [.rest, .mcp]
}

extension APIKey {
    /// How far it is to reach later.
    package struct Pending: Sendable, Equatable {
        /// How far.
        package let reach: KeyReach
        /// Who said so, as `user:<id>`.
        package let by: String
        /// From when on, unless another administrator agrees before.
        package let from: Timestamp

        /// States it.
        package init(reach: KeyReach, by: String, from: Timestamp) {
            self.reach = reach
            self.by = by
            self.from = from
        }
    }

    /// How many people may have seen a key's secrets.
    package static let knownToMax = 32

    /// How far it reaches.
    package func reach(at now: Timestamp) -> KeyReach {
        if let pending, pending.from <= now { return pending.reach }
        return KeyReach(role: role, scopes: scopes, rules: rules)
    }

    /// The key as it stands then, with what held from some moment on as its own.
    package func standing(at now: Timestamp) -> APIKey {
        var key = self
        let reach = reach(at: now)
        (key.role, key.scopes, key.rules, key.pending) = (reach.role, reach.scopes, reach.rules, pending(at: now))
        return key
    }

    /// What it is to do later; nil once that holds.
    package func pending(at now: Timestamp) -> Pending? { pending.flatMap { now < $0.from ? $0 : nil } }

    /// Lets it reach as far as somebody says: at once where that is no farther, else after a while, and until then as
    /// far as both.
    ///
    /// - Parameters:
    ///   - policy: The rules of its organization that hold.
    ///   - isSaid: Whether they say anything of its reach: what holds, said by another, refuses what waits.
    ///   - change: What they say of its reach: of what waits by their own word, else of what holds.
    package mutating func reach(
        by who: String,
        at now: Timestamp,
        policy: [ApprovalRule],
        isSaid: Bool = true,
        _ change: (inout KeyReach) -> Void
    ) {
        let held = reach(at: now)
        let waiting = pending(at: now)
        var asked = waiting.flatMap { $0.by == who ? $0.reach : nil } ?? held
        let before = asked
        change(&asked)
        // Who says nothing of it leaves what waits as it is.
        if asked == before, pending == waiting, !isSaid || waiting?.by == who { return }
        guard !asked.isWithin(held, by: policy) else {
            (role, scopes, rules, pending) = (asked.role, asked.scopes, asked.rules, nil)
            return
        }
        var narrow = held.narrowed(to: asked)
        if !narrow.isWithin(held, by: policy) { narrow.rules.isAgent = held.rules.isAgent }
        (role, scopes, rules) = (narrow.role, narrow.scopes, narrow.rules)
        let isSame = waiting?.reach == asked && waiting?.by == who
        pending = isSame ? waiting : Pending(reach: asked, by: who, from: now + ApprovalPolicy.settling)
    }

    /// Lets what waits hold at once, where it is what somebody has seen.
    package mutating func agree(to seen: Pending) {
        guard pending == seen else { return }
        (role, scopes, rules) = (seen.reach.role, seen.reach.scopes, seen.reach.rules)
        pending = nil
    }

    /// How far a new key reaches at first, beside those that stand: as far as one of them, or not at all for a while.
    ///
    /// Else whoever may not loosen a key would make another one. A key that a limit or a stop names, or whose holders one
    /// names, counts only where it names the new one's too. Where none stands any more, those that ended last do; the first
    /// key of an organization stands alone. Addresses are no part of it: they keep a stolen key from others, and a new one is
    /// nobody's yet but its maker's.
    package mutating func settle(
        beside others: [APIKey],
        by who: String,
        at now: Timestamp,
        policy: ApprovalPolicy
    ) {
        let known = others.filter { $0.environment == environment }
        let standing = Self.standing(among: known, at: now)
        let asked = KeyReach(role: role, scopes: scopes, rules: rules)
        let (anywhere, inForce) = (asked.anywhere, policy.rules(at: now))
        let isNoMore = standing.contains { other in
            let reach = other.reach(at: min(other.end ?? now, now)).anywhere
            return anywhere.isWithin(reach, by: inForce) && policy.holds(self, asMuchAs: other, at: now)
        }
        guard !known.isEmpty, !isNoMore else { return }
        rules.tools = []
        pending = Pending(reach: asked, by: who, from: now + ApprovalPolicy.settling)
    }

    /// Those that were good within a day, or within one of the end of the last that was.
    private static func standing(among keys: [APIKey], at now: Timestamp) -> [APIKey] {
        // One that waits itself may call no tool yet, and is no measure.
        let keys = keys.filter { $0.reach(at: min($0.end ?? now, now)).rules.tools?.isEmpty != true }
        let last = keys.map { min($0.end ?? now, now) }.max() ?? now
        return keys.filter { last < ($0.end ?? now) + ApprovalPolicy.settling }
    }

    /// When it was good for the last time; nil for one that nothing ends.
    private var end: Timestamp? { [revokedAt, expiresAt].compactMap { $0 }.min() }

    /// Whether it is somebody's own: they made it, or have seen a secret of it.
    func isOf(_ user: UserID) -> Bool { holders.contains(user) }

    /// Whose own it is.
    package var holders: [UserID] { (owner.map { [$0] } ?? []) + knownTo }
}
