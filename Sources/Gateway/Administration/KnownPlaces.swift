import Cryptography
import Synchronization

/// Who logged in from where, as far as it is remembered: they are no strangers there.
///
/// What is kept of one person is bounded, so that nobody with an account and many addresses makes the house forget
/// others; what is kept of all together is bounded by forgetting what is oldest.
final class KnownPlaces: Sendable {
    private struct Entry {
        let place: KnownPlace
        let until: Uptime
    }

    private struct State {
        /// A person's, the newest last.
        var ofUser: [UserID: [Entry]] = [:]
        var count = 0
        /// Until when each is known, by how they name themselves and by who they are.
        var until: [Digest32: Uptime] = [:]
    }

    private let life: Duration
    private let ofPersonMax: Int
    private let placesMax: Int
    private let state = Mutex(State())

    init(life: Duration, ofPersonMax: Int, placesMax: Int) {
        self.life = life
        self.ofPersonMax = max(1, ofPersonMax)
        self.placesMax = max(1, placesMax)
    }

    /// What a place is found by before it is known whose name it is.
    static func key(of login: String, in network: String) -> Digest32 { SHA256.digest("\(network)|login|\(login)") }

    /// What a place is found by once it is known who asks.
    static func key(of user: UserID, in network: String) -> Digest32 { SHA256.digest("\(network)|user|\(user)") }

    /// Whether one is known.
    func isKnown(_ key: Digest32, at now: Uptime) -> Bool {
        state.withLock { $0.until[key].map { now < $0 } ?? false }
    }

    /// Remembers one, seen so long ago.
    func note(_ place: KnownPlace, age: Duration = .zero, at now: Uptime) {
        guard age < life else { return }
        let entry = Entry(place: place, until: now + (life - age))
        state.withLock { state in
            var own = state.ofUser[place.user] ?? []
            state.count -= own.count
            for old in own where old.place.isSame(as: place) { KnownPlaces.forget(old, &state) }
            own.removeAll { $0.place.isSame(as: place) }
            own.append(entry)
            while own.count > ofPersonMax { KnownPlaces.forget(own.removeFirst(), &state) }
            state.ofUser[place.user] = own
            state.count += own.count
            // Others of theirs may have had a key that the one that was forgotten had too.
            for entry in own { KnownPlaces.remember(entry, &state) }
            if state.count > placesMax { makeRoom(&state, now) }
        }
    }

    private static func keys(_ place: KnownPlace) -> [Digest32] {
        [key(of: place.login, in: place.network), key(of: place.user, in: place.network)]
    }

    private static func remember(_ entry: Entry, _ state: inout State) {
        for key in keys(entry.place) { state.until[key] = max(entry.until, state.until[key] ?? entry.until) }
    }

    private static func forget(_ entry: Entry, _ state: inout State) {
        for key in keys(entry.place) { state.until[key] = nil }
    }

    /// Forgets what nobody goes by any more, and, where that is not enough, whoever was not seen for longest.
    private func makeRoom(_ state: inout State, _ now: Uptime) {
        var all = state.ofUser.values.flatMap { $0 }.filter { now < $0.until }
        // Some more than needed, so that this is not done for every one that comes.
        if all.count > placesMax { all = Array(all.sorted { $0.until > $1.until }.prefix(placesMax - placesMax / 10)) }
        state = State()
        for entry in all.sorted(by: { $0.until < $1.until }) {
            state.ofUser[entry.place.user, default: []].append(entry)
            state.count += 1
            KnownPlaces.remember(entry, &state)
        }
    }
}
