/// Things that wait their turn, bounded, so that nobody's many keep others' few waiting.
///
/// Whoever waits is asked for in turn, one thing each time round. When it is full, whoever has most of it waiting loses
/// the newest of that to somebody who has less. Those who are known stand in a line of their own: the two lines take
/// turns, and where there is no room strangers make it, down to a quarter.
struct FairQueue<Element> {
    private var known = Line<Element>()
    private var strangers = Line<Element>()
    private var wasKnown = false
    private let countMax: Int
    private let ofOneMax: Int

    init(countMax: Int, ofOneMax: Int) {
        self.countMax = countMax
        self.ofOneMax = ofOneMax
    }

    var count: Int { known.count + strangers.count }

    /// What became of an addition.
    enum Added {
        /// It waits.
        case waits
        /// It waits in the place of this one, which does not wait any more.
        case insteadOf(Element)
        /// There is no room for it.
        case refused
    }

    mutating func add(_ element: Element, of name: String, isKnown: Bool = false) -> Added {
        let own = isKnown ? known.count(of: name) : strangers.count(of: name)
        guard own < ofOneMax else { return .refused }
        var outcome = Added.waits
        if count >= countMax {
            guard let displaced = makeRoom(isKnown: isKnown, own: own) else { return .refused }
            outcome = .insteadOf(displaced)
        }
        if isKnown { known.add(element, of: name) } else { strangers.add(element, of: name) }
        return outcome
    }

    private mutating func makeRoom(isKnown: Bool, own: Int) -> Element? {
        guard isKnown else { return strangers.dropNewest(ofMoreThan: own + 1) }
        if strangers.count > countMax / 4 { return strangers.dropNewest(ofMoreThan: 0) }
        return known.dropNewest(ofMoreThan: own + 1)
    }

    /// The next one's oldest; nil when nothing waits.
    mutating func next() -> Element? {
        let isKnown = known.count > 0 && (!wasKnown || strangers.count == 0)
        wasKnown = isKnown
        return isKnown ? known.next() : strangers.next()
    }
}

/// One line of a fair queue.
private struct Line<Element> {
    private var waiting: [String: [Element]] = [:]
    /// Who waits, in turn.
    private var turns: [String] = []
    private(set) var count = 0

    func count(of name: String) -> Int { waiting[name]?.count ?? 0 }

    mutating func add(_ element: Element, of name: String) {
        if waiting[name] == nil { turns.append(name) }
        waiting[name, default: []].append(element)
        count += 1
    }

    /// Takes away the newest of whoever has most waiting, where that is more than so many.
    mutating func dropNewest(ofMoreThan least: Int) -> Element? {
        guard let most = waiting.max(by: { $0.value.count < $1.value.count }), most.value.count > least,
            let dropped = waiting[most.key]?.popLast()
        else { return nil }
        count -= 1
        if waiting[most.key]?.isEmpty ?? true {
            waiting[most.key] = nil
            turns.removeAll { $0 == most.key }
        }
        return dropped
    }

    mutating func next() -> Element? {
        guard !turns.isEmpty else { return nil }
        let name = turns.removeFirst()
        guard var elements = waiting.removeValue(forKey: name), !elements.isEmpty else { return nil }
        let element = elements.removeFirst()
        count -= 1
        if !elements.isEmpty {
            waiting[name] = elements
            turns.append(name)
        }
        return element
    }
}
