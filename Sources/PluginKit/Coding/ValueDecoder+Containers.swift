import OrderedJSON

/// An object's members, for a type that knows them by key.
struct MemberContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let object: JSONObject
    let place: CodingPlace?
    let log: ReadLog?

    var codingPath: [any CodingKey] { place?.codingPath ?? [] }

    var allKeys: [Key] {
        log?.record(.members, at: place)
        return object.keys.compactMap { Key(stringValue: $0) }
    }

    func contains(_ key: Key) -> Bool {
        record(key)
        return object[key.stringValue] != nil
    }

    func decodeNil(forKey key: Key) throws -> Bool { try member(key, JSON.self).decodeNil() }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try member(key, type).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try member(key, type).string() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try member(key, type).number(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try member(key, type).number(type) }
    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try member(key, type).integer(type) }
    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try member(key, type).integer(type) }

    func decode<Integer: FixedWidthInteger & Decodable>(_ type: Integer.Type, forKey key: Key) throws -> Integer {
        try member(key, type).integer(type)
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try member(key, type).decode(type)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try member(key, [String: JSON].self).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try member(key, [JSON].self).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        let key = MemberKey(stringValue: "super")
        return ValueDecoder(object[key.stringValue] ?? .null, parent: place, key: key, log: log)
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        record(key)
        return ValueDecoder(object[key.stringValue] ?? .null, parent: place, key: key, log: log)
    }

    private func member(_ key: Key, _ type: Any.Type) throws -> ValueDecoder {
        guard let value = object[key.stringValue] else {
            record(key)
            let context = DecodingError.Context(
                codingPath: codingPath,
                debugDescription: "expected \(Words.name(of: type)), but it is missing"
            )
            throw DecodingError.keyNotFound(key, context)
        }
        return ValueDecoder(value, parent: place, key: key, log: log)
    }

    private func record(_ key: Key) {
        guard let log else { return }
        log.record(nil, at: CodingPlace(parent: place, key: key))
    }
}

/// A list's elements, one after another.
struct ElementContainer: UnkeyedDecodingContainer {
    let elements: [JSON]
    let place: CodingPlace?
    let log: ReadLog?
    private(set) var currentIndex = 0

    init(elements: [JSON], place: CodingPlace?, log: ReadLog?) {
        self.elements = elements
        self.place = place
        self.log = log
    }

    var codingPath: [any CodingKey] { place?.codingPath ?? [] }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    mutating func decodeNil() throws -> Bool {
        guard try current(JSON.self).decodeNil() else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try next(type) { try $0.bool() } }
    mutating func decode(_ type: String.Type) throws -> String { try next(type) { try $0.string() } }
    mutating func decode(_ type: Double.Type) throws -> Double { try next(type) { try $0.number(type) } }
    mutating func decode(_ type: Float.Type) throws -> Float { try next(type) { try $0.number(type) } }
    mutating func decode(_ type: Int128.Type) throws -> Int128 { try next(type) { try $0.integer(type) } }
    mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try next(type) { try $0.integer(type) } }

    mutating func decode<Integer: FixedWidthInteger & Decodable>(_ type: Integer.Type) throws -> Integer {
        try next(type) { try $0.integer(type) }
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try next(type) { try $0.decode(type) }
    }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try next([String: JSON].self) { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try next([JSON].self) { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder { try next(JSON.self) { $0 } }

    private func current(_ type: Any.Type) throws -> ValueDecoder {
        guard !isAtEnd else {
            let context = DecodingError.Context(
                codingPath: codingPath + [ElementKey(index: currentIndex)],
                debugDescription: "expected \(Words.name(of: type)), but the list ends before it"
            )
            throw DecodingError.valueNotFound(type, context)
        }
        return ValueDecoder(elements[currentIndex], parent: place, key: ElementKey(index: currentIndex), log: log)
    }

    /// What cannot be read is not passed over: a type may try it as something else.
    private mutating func next<Value>(_ type: Any.Type, _ read: (ValueDecoder) throws -> Value) throws -> Value {
        let value = try read(current(type))
        currentIndex += 1
        return value
    }
}

/// Words for what is missing.
private enum Words {
    static func name(of type: Any.Type) -> String {
        switch type {
        case is Bool.Type: "true or false"
        case is String.Type: "a string"
        case is Double.Type, is Float.Type: "a number"
        case is any BinaryInteger.Type: "a whole number"
        default: EnumeratedValues.of(type).map { "one of " + $0.map(\.text).joined(separator: ", ") } ?? "a value"
        }
    }
}
