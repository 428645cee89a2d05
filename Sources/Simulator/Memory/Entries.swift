import OrderedJSON

/// What was asked of M-Pesa, as a line of the journal.
protocol JournalEntry: Sendable {
    /// Every id that it is looked up by, its own first.
    var ids: [String] { get }
    /// Whether M-Pesa, or the customer, has decided: then it changes no more.
    var isDecided: Bool { get }
    var phone: String { get }
    var createdMilliseconds: Int64 { get }
    var json: JSON { get }

    init?(_ json: JSON)
}

/// The entries of one kind: the newest in memory, those before by their places in the journal.
struct Entries<Entry: JournalEntry>: Sendable {
    private struct Kept {
        var entry: Entry
        /// Where its newest line is; nil where that could not be written.
        var place: Int64?
    }

    /// How many stay in memory; while more are open, up to twice as many.
    let most: Int
    private let journal: Journal
    private var kept: [String: Kept] = [:]
    /// The own id by every other one, of what is in memory.
    private var names: [String: String] = [:]
    /// Own ids, the oldest first, from `first` on.
    private var order: [String] = []
    private var first = 0
    private var places: Remembered
    /// How many are in the journal alone.
    private(set) var olderCount = 0

    init(_ journal: Journal, most: Int, idsMax: Int) {
        self.journal = journal
        self.most = max(1, most)
        places = Remembered(most: idsMax)
    }

    /// Whether so many are open that no more is taken.
    var isFull: Bool { kept.count >= most * 2 }
    /// Those in memory, the oldest first.
    var newest: [Entry] {
        kept.values.map(\.entry).sorted { $0.createdMilliseconds < $1.createdMilliseconds }
    }

    /// The entry with one of its ids, wherever it is.
    func find(_ id: String) -> Entry? {
        if let known = kept[names[id] ?? id] { return known.entry }
        guard let place = places[id], let entry = journal.entry(at: place).flatMap(Entry.init) else { return nil }
        return entry.ids.contains(id) ? entry : nil
    }

    /// Keeps an entry as a line of the journal says that it stands now; answers it as it stood before.
    @discardableResult
    mutating func keep(_ entry: Entry, at place: Int64?) -> Entry? {
        let id = entry.ids[0]
        let before = kept.updateValue(Kept(entry: entry, place: place), forKey: id)?.entry
        if before == nil { order.append(id) }
        for other in entry.ids.dropFirst() { names[other] = id }
        leaveOlderToJournal()
        return before
    }

    /// Changes what no line of the journal holds; nothing where the entry is not in memory.
    mutating func change(_ id: String, _ change: (inout Entry) -> Void) {
        guard var known = kept[id] else { return }
        change(&known.entry)
        kept[id] = known
    }

    private mutating func leaveOlderToJournal() {
        // What is open stays, and is looked at again later: so only a few are looked at each time.
        for _ in 0..<16 where kept.count > most && first < order.count {
            let id = order[first]
            first += 1
            guard let known = kept[id] else { continue }
            guard known.entry.isDecided else {
                order.append(id)
                continue
            }
            kept[id] = nil
            olderCount += 1
            for other in known.entry.ids {
                names[other] = nil
                if let place = known.place { places.set(place, for: other) }
            }
        }
        guard first > 1024, first > order.count / 2 else { return }
        order.removeFirst(first)
        first = 0
    }
}
