/// Who has a place and who waits for one; pure, under its dispatcher's lock.
///
/// Organizations with somebody waiting take turns, and so do the accounts of one: a long line delays only itself.
struct DispatcherLines {
    enum Entry {
        case taken
        case waits(UInt64)
        case full
    }

    /// A wait's state: its task may not have parked yet when its outcome is known.
    private enum Wait {
        case registered(AccountID)
        case parked(AccountID, CheckedContinuation<Bool, Never>)
        case over(Bool)
    }

    private struct Line {
        var taken = 0
        var waiting: [UInt64] = []
    }

    private let settings: Dispatcher.Settings
    private var lines: [AccountID: Line] = [:]
    private var waits: [UInt64: Wait] = [:]
    /// Organizations with somebody waiting, in the order of their turns, and their accounts likewise.
    private var turns: [OrganizationID] = []
    private var accounts: [OrganizationID: [AccountID]] = [:]
    private var tickets: UInt64 = 0
    private(set) var taken = 0
    private(set) var waiting = 0

    init(settings: Dispatcher.Settings) { self.settings = settings }

    /// Accounts that may take no other place now; nil when nobody may.
    var full: Set<AccountID>? {
        guard taken < settings.placesMax else { return nil }
        return Set(lines.filter { !mayTake($0.key) }.keys)
    }

    mutating func enter(_ account: AccountID) -> Entry {
        if enterIfFree(account) { return .taken }
        guard waiting < settings.waitingMax,
            lines[account]?.waiting.count ?? 0 < settings.accountWaitingMax
        else { return .full }
        tickets += 1
        waits[tickets] = .registered(account)
        lines[account, default: Line()].waiting.append(tickets)
        waiting += 1
        if lines[account]?.waiting.count == 1 { join(account) }
        return .waits(tickets)
    }

    mutating func enterIfFree(_ account: AccountID) -> Bool {
        guard lines[account]?.waiting.isEmpty ?? true, mayTake(account) else { return false }
        lines[account, default: Line()].taken += 1
        taken += 1
        return true
    }

    /// Gives a place back; answers who has one now.
    mutating func leave(_ account: AccountID) -> [CheckedContinuation<Bool, Never>] {
        taken -= 1
        lines[account]?.taken -= 1
        forgetIfIdle(account)
        var woken: [CheckedContinuation<Bool, Never>] = []
        while waiting > 0, let next = nextInTurn() { admit(next).map { woken.append($0) } }
        return woken
    }

    /// Parks a wait; answers its outcome where that is known already.
    mutating func park(_ ticket: UInt64, _ continuation: CheckedContinuation<Bool, Never>) -> Bool? {
        switch waits[ticket] {
        case .registered(let account):
            waits[ticket] = .parked(account, continuation)
            return nil
        case .over(let hasPlace):
            waits[ticket] = nil
            return hasPlace
        default: return false
        }
    }

    /// Ends a wait without a place, if it still waits; answers what to resume.
    mutating func giveUp(_ ticket: UInt64) -> CheckedContinuation<Bool, Never>? {
        let account: AccountID
        var parked: CheckedContinuation<Bool, Never>?
        switch waits[ticket] {
        case .registered(let its):
            account = its
            waits[ticket] = .over(false)
        case .parked(let its, let continuation):
            (account, parked) = (its, continuation)
            waits[ticket] = nil
        default: return nil
        }
        waiting -= 1
        lines[account]?.waiting.removeAll { $0 == ticket }
        if lines[account]?.waiting.isEmpty ?? true { part(account) }
        forgetIfIdle(account)
        return parked
    }

    // MARK: Turns

    private func mayTake(_ account: AccountID) -> Bool {
        let own = lines[account]?.taken ?? 0
        guard taken < settings.placesMax, own < settings.accountPlacesMax else { return false }
        return taken < settings.placesMax - settings.kept || own < settings.keptEach
    }

    /// Only accounts that hold places are passed over, so this looks at few, however many wait.
    private func nextInTurn() -> AccountID? {
        guard taken < settings.placesMax else { return nil }
        for organization in turns {
            if let account = accounts[organization]?.first(where: { mayTake($0) }) { return account }
        }
        return nil
    }

    private mutating func admit(_ account: AccountID) -> CheckedContinuation<Bool, Never>? {
        guard let ticket = lines[account]?.waiting.removeFirst() else { return nil }
        waiting -= 1
        taken += 1
        lines[account]?.taken += 1
        part(account)
        if lines[account]?.waiting.isEmpty == false { join(account) }
        let organization = account.organization
        turns.removeAll { $0 == organization }
        if accounts[organization] != nil { turns.append(organization) }
        if case .parked(_, let continuation) = waits[ticket] {
            waits[ticket] = nil
            return continuation
        }
        waits[ticket] = .over(true)
        return nil
    }

    /// The account takes its turn after those of its organization that wait already.
    private mutating func join(_ account: AccountID) {
        accounts[account.organization, default: []].append(account)
        if !turns.contains(account.organization) { turns.append(account.organization) }
    }

    private mutating func part(_ account: AccountID) {
        accounts[account.organization]?.removeAll { $0 == account }
        guard accounts[account.organization]?.isEmpty ?? false else { return }
        accounts[account.organization] = nil
        turns.removeAll { $0 == account.organization }
    }

    private mutating func forgetIfIdle(_ account: AccountID) {
        if let line = lines[account], line.taken == 0, line.waiting.isEmpty { lines[account] = nil }
    }
}
