import OrderedJSON

/// Writes Swift types as JSON values: the standard library's `Encoder`, in the order in which a type writes.
struct ValueEncoder: Encoder {
    let node: EncodedNode
    let parent: CodingPlace?
    let key: (any CodingKey)?

    var place: CodingPlace? { key.map { CodingPlace(parent: parent, key: $0) } ?? parent }
    var codingPath: [any CodingKey] { (parent?.codingPath ?? []) + (key.map { [$0] } ?? []) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(parent: CodingPlace? = nil, key: (any CodingKey)? = nil, node: EncodedNode = EncodedNode()) {
        self.node = node
        self.parent = parent
        self.key = key
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if node.object == nil { node.object = JSONObject() }
        if type == DictionaryKey.type { node.isDictionary = true }
        return KeyedEncodingContainer(MemberWriter(node: node, place: place))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if node.array == nil { node.array = [] }
        return ElementWriter(node: node, place: place)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    /// What a value writes.
    func written<Value: Encodable>(_ value: Value) throws -> JSON {
        try value.encode(to: self)
        guard let json = node.finished else { throw refusal(value, "expected a value that writes something") }
        return json
    }

    func json(_ value: some FixedWidthInteger) throws -> JSON {
        guard let integer = Int64(exactly: value) else { throw refusal(value, "expected a whole number of 64 bits") }
        return .integer(integer)
    }

    func json(_ value: Double) throws -> JSON {
        guard value.isFinite else { throw refusal(value, "expected a number, which infinity and not-a-number are not") }
        return .number(value)
    }

    /// The shortest text that reads back the same: 0.1 and not 0.10000000149011612.
    func json(_ value: Float) throws -> JSON { try json(Double(value.description) ?? Double(value)) }

    private func refusal(_ value: Any, _ reason: String) -> EncodingError {
        .invalidValue(value, EncodingError.Context(codingPath: codingPath, debugDescription: reason))
    }
}

/// What an encoder has been given so far.
///
/// Never shared between threads: it lives as long as one value's `encode(to:)`.
final class EncodedNode {
    var single: JSON?
    var object: JSONObject?
    var array: [JSON]?
    /// Whether the object is a dictionary, which has no order of its own.
    var isDictionary = false
    /// Containers that are still being written, by the place that is kept for them.
    var openMembers: [(key: String, node: EncodedNode)] = []
    var openElements: [(index: Int, node: EncodedNode)] = []

    var finished: JSON? {
        for (key, node) in openMembers { object?[key] = node.finished ?? [:] }
        for (index, node) in openElements { array?[index] = node.finished ?? [:] }
        // Each process would write a dictionary in another order; what is pure must not (rule P1).
        if isDictionary, let members = object {
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            object = JSONObject(sorted.map { ($0.key, $0.value) })
        }
        return object.map { .object($0) } ?? array.map { .array($0) } ?? single
    }

    func openMember(_ key: String) -> EncodedNode {
        let node = EncodedNode()
        object?[key] = .null
        openMembers.append((key, node))
        return node
    }

    func openElement() -> EncodedNode {
        let node = EncodedNode()
        openElements.append((array?.count ?? 0, node))
        array?.append(.null)
        return node
    }
}

extension ValueEncoder: SingleValueEncodingContainer {
    func encodeNil() throws { node.single = .null }
    func encode(_ value: Bool) throws { node.single = .bool(value) }
    func encode(_ value: String) throws { node.single = .string(value) }
    func encode(_ value: Double) throws { node.single = try json(value) }
    func encode(_ value: Float) throws { node.single = try json(value) }
    func encode<Integer: FixedWidthInteger & Encodable>(_ value: Integer) throws { node.single = try json(value) }
    // The protocols have answers of their own for these two, which say that there is none.
    func encode(_ value: Int128) throws { node.single = try json(value) }
    func encode(_ value: UInt128) throws { node.single = try json(value) }

    func encode<Value: Encodable>(_ value: Value) throws {
        node.single = try ValueEncoder(parent: parent, key: key).written(value)
    }
}

/// The standard library's own type for the keys of a dictionary, which has no public name.
///
/// Found by asking a dictionary to write itself.
private enum DictionaryKey {
    static let type: Any.Type? = {
        let probe = Probe()
        try? ["": 0].encode(to: probe)
        return probe.found.keyType
    }()

    private final class Found {
        var keyType: Any.Type?
    }

    private struct Probe: Encoder {
        let found = Found()
        var codingPath: [any CodingKey] { [] }
        var userInfo: [CodingUserInfoKey: Any] { [:] }

        func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
            found.keyType = type
            return KeyedEncodingContainer(MemberWriter(node: EncodedNode(), place: nil))
        }

        func unkeyedContainer() -> any UnkeyedEncodingContainer { ElementWriter(node: EncodedNode(), place: nil) }
        func singleValueContainer() -> any SingleValueEncodingContainer { ValueEncoder() }
    }
}
