/// A walk over what the store has unsettled, oldest first, page by page, from its end to its beginning again.
///
/// An account of which more is there than may wait is passed over for the rest of the walk, and the next walk goes on
/// with it behind what was taken of it: neither others nor its own later callbacks wait behind what cannot be read now.
struct CallbackWalk {
    /// Behind which the next page is read.
    private(set) var place: CallbackPlace?
    /// Whether something had to be left behind for want of room.
    private(set) var hasLeftSome = false
    private var taken: [AccountID: CallbackPlace] = [:]
    private var passedOver: Set<AccountID> = []

    /// Takes what `add` has room for of a page.
    mutating func take(_ page: [ReceivedCallback], isLast: Bool, _ add: (ReceivedCallback) -> Bool) {
        for callback in page {
            let account = AccountID(of: callback)
            let place = CallbackPlace(callback)
            guard !passedOver.contains(account), taken[account].map({ $0.isBefore(place) }) ?? true else { continue }
            if add(callback) { taken[account] = place } else { passedOver.insert(account) }
        }
        place = isLast ? nil : page.last.map(CallbackPlace.init)
        hasLeftSome = !passedOver.isEmpty
        guard isLast else { return }
        taken = taken.filter { passedOver.contains($0.key) }
        passedOver = []
    }
}

extension CallbackPlace {
    fileprivate func isBefore(_ other: CallbackPlace) -> Bool {
        (receivedAt, id.raw) < (other.receivedAt, other.id.raw)
    }
}
