/// Things that wait their turn, bounded, so that nobody's many keep others' few waiting.
///
/// Whoever waits is asked for in turn, one thing each time round. When it is full, whoever has most of it waiting loses
/// the newest of that to somebody who has less.
struct FairQueue<Element> {
    private var waiting: [String: [Element]] = [:]
    /// Who waits, in turn.
    private var turns: [String] = []
    private(set) var count = 0
    private let countMax: Int
    private let ofOneMax: Int

    init(countMax: Int, ofOneMax: Int) {
        self.countMax = countMax
        self.ofOneMax = ofOneMax
    }

    /// What became of an addition.
    enum Added {
        /// It waits.
        case waits
        /// It waits in the place of this one, which does not wait any more.
        case insteadOf(Element)
        /// There is no room for it.
        case refused
    }

    mutating func add(_ element: Element, of name: String) -> Added {
        let own = waiting[name]?.count ?? 0
        guard own < ofOneMax else { return .refused }
        var outcome = Added.waits
        if count >= countMax {
            guard let most = waiting.max(by: { $0.value.count < $1.value.count }), most.value.count > own + 1,
                let displaced = waiting[most.key]?.popLast()
            else { return .refused }
            count -= 1
            outcome = .insteadOf(displaced)
        }
        if own == 0 { turns.append(name) }
        waiting[name, default: []].append(element)
        count += 1
        return outcome
    }

    /// The next one's oldest; nil when nothing waits.
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
