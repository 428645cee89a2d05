import Testing

@testable import Gateway

struct `A place in the feed as it leaves the host` {
    private let places = FeedPlaces(key: Secret([UInt8](repeating: 7, count: 32)))
    private let ours = OrganizationID(Identifier(high: 1, low: 1))
    private let theirs = OrganizationID(Identifier(high: 1, low: 2))

    @Test(arguments: [0, 1, 2, 255, 1 << 40, Int64.max])
    func `comes back to whom it was given, and to nobody else`(_ position: Int64) {
        let text = places.text(position, for: ours)

        #expect(places.position(text, for: ours) == position)
        #expect(places.position(text, for: theirs) == nil)
        let others = FeedPlaces(key: Secret([UInt8](repeating: 8, count: 32)))
        #expect(others.position(text, for: ours) == nil)
    }

    @Test func `is the same each time, and tells nothing of how far it is`() {
        #expect(places.text(5, for: ours) == places.text(5, for: ours))

        let texts = (0..<100).map { places.text($0, for: ours) }
        #expect(Set(texts).count == 100 && texts != texts.sorted())
    }

    @Test(arguments: ["", "7", "x", "00000000-0000-0000-0000-000000000007"])
    func `is no text that somebody made up`(_ text: String) { #expect(places.position(text, for: ours) == nil) }
}
