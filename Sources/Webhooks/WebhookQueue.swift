import Gateway

/// Endpoints that wait for a turn: organizations come one after another, however many endpoints each has.
struct WebhookQueue {
    private var order: [OrganizationID] = []
    private var places: [OrganizationID: [WebhookPlace]] = [:]
    private var waiting: [WebhookPlace: Bool] = [:]

    /// Whether nobody waits.
    var isEmpty: Bool { waiting.isEmpty }

    /// Has an endpoint wait, once.
    mutating func add(_ place: WebhookPlace, isSlow: Bool) {
        guard waiting.updateValue(isSlow, forKey: place) == nil else { return }
        if places[place.organization] == nil { order.append(place.organization) }
        places[place.organization, default: []].append(place)
    }

    /// Whoever is next of those that are quick, or slow, as far as there are places for them: altogether and their
    /// organization's.
    mutating func next(
        quick: (OrganizationID) -> Bool,
        slow: (OrganizationID) -> Bool
    ) -> WebhookPlace? {
        for (turn, organization) in order.enumerated() {
            let own = places[organization, default: []]
            let (takesQuick, takesSlow) = (quick(organization), slow(organization))
            guard let index = own.firstIndex(where: { waiting[$0] == true ? takesSlow : takesQuick }) else { continue }
            let place = own[index]
            waiting[place] = nil
            places[organization]?.remove(at: index)
            order.remove(at: turn)
            if own.count > 1 { order.append(organization) } else { places[organization] = nil }
            return place
        }
        return nil
    }
}
