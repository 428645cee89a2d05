/// The members of an object, in order.
///
/// Objects of this house are small, so a member is found by walking; that is faster than hashing up to some dozens of
/// members, and the parser's limits bound the rest.
public struct JSONObject: Sendable, Hashable, Sequence {
    private var members: [(key: String, value: JSON)]

    /// Makes an empty object.
    public init() { members = [] }

    /// Makes an object of pairs; of two pairs with one key the later wins, in the earlier's place.
    public init(_ pairs: [(String, JSON)]) {
        members = []
        members.reserveCapacity(pairs.count)
        var seen = SeenKeys()
        for (key, value) in pairs {
            if let place = seen.place(of: key, in: members) {
                members[place].value = value
            } else {
                members.append((key, value))
            }
        }
    }

    /// Makes an object of members that are known to have different keys.
    init(uniqueMembers: [(key: String, value: JSON)]) { members = uniqueMembers }

    /// How many members there are.
    public var count: Int { members.count }

    /// Whether there is none.
    public var isEmpty: Bool { members.isEmpty }

    /// The keys, in order.
    public var keys: [String] { members.map(\.key) }

    /// The member of this key.
    ///
    /// Setting keeps its place, or appends; setting nil removes.
    public subscript(key: String) -> JSON? {
        get { index(of: key).map { members[$0].value } }
        set {
            switch (index(of: key), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append((key, value))
            case (nil, nil): break
            }
        }
    }

    /// Removes a member and answers what it was.
    @discardableResult
    public mutating func removeValue(forKey key: String) -> JSON? {
        guard let index = index(of: key) else { return nil }
        return members.remove(at: index).value
    }

    /// Walks the members in order.
    public func makeIterator() -> IndexingIterator<[(key: String, value: JSON)]> { members.makeIterator() }

    /// Whether both have the same members, in whatever order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        guard left.count > SeenKeys.walkedMax else { return left.members.allSatisfy { right[$0.key] == $0.value } }
        var values: [SeenKeys.Key: JSON] = [:]
        for (key, value) in right.members { values[SeenKeys.Key(text: key)] = value }
        return left.members.allSatisfy { values[SeenKeys.Key(text: $0.key)] == $0.value }
    }

    /// Hashes without regard to order.
    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for (key, value) in members {
            var member = Hasher()
            for byte in key.utf8 { member.combine(byte) }
            member.combine(value)
            sum &+= member.finalize()
        }
        hasher.combine(sum)
    }

    private func index(of key: String) -> Int? { JSONObject.index(of: key, in: members) }

    /// Where the member of a key stands.
    static func index(of key: String, in members: [(key: String, value: JSON)]) -> Int? {
        var key = key
        return key.withUTF8 { key in
            members.firstIndex { JSONBytes.areSame($0.key, key) }
        }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Makes an object with members in the order written.
    public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}
