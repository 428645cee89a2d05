import OrderedJSON

/// Writes the members of an object.
struct MemberWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: EncodedNode
    let place: CodingPlace?

    var codingPath: [any CodingKey] { place?.codingPath ?? [] }

    func encodeNil(forKey key: Key) throws { node.object?[key.stringValue] = .null }
    func encode(_ value: Bool, forKey key: Key) throws { node.object?[key.stringValue] = .bool(value) }
    func encode(_ value: String, forKey key: Key) throws { node.object?[key.stringValue] = .string(value) }
    func encode(_ value: Double, forKey key: Key) throws { try set(key) { try $0.json(value) } }
    func encode(_ value: Float, forKey key: Key) throws { try set(key) { try $0.json(value) } }
    func encode(_ value: Int128, forKey key: Key) throws { try set(key) { try $0.json(value) } }
    func encode(_ value: UInt128, forKey key: Key) throws { try set(key) { try $0.json(value) } }

    func encode<Integer: FixedWidthInteger & Encodable>(_ value: Integer, forKey key: Key) throws {
        try set(key) { try $0.json(value) }
    }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws { try set(key) { try $0.written(value) } }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        open(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { open(key).unkeyedContainer() }
    func superEncoder() -> any Encoder { open(MemberKey(stringValue: "super")) }
    func superEncoder(forKey key: Key) -> any Encoder { open(key) }

    private func set(_ key: Key, _ write: (ValueEncoder) throws -> JSON) throws {
        let member = try write(ValueEncoder(parent: place, key: key))
        node.object?[key.stringValue] = member
    }

    private func open(_ key: any CodingKey) -> ValueEncoder {
        ValueEncoder(parent: place, key: key, node: node.openMember(key.stringValue))
    }
}

/// Writes the elements of a list.
struct ElementWriter: UnkeyedEncodingContainer {
    let node: EncodedNode
    let place: CodingPlace?

    var codingPath: [any CodingKey] { place?.codingPath ?? [] }
    var count: Int { node.array?.count ?? 0 }

    func encodeNil() throws { node.array?.append(.null) }
    func encode(_ value: Bool) throws { node.array?.append(.bool(value)) }
    func encode(_ value: String) throws { node.array?.append(.string(value)) }
    func encode(_ value: Double) throws { try append { try $0.json(value) } }
    func encode(_ value: Float) throws { try append { try $0.json(value) } }
    func encode(_ value: Int128) throws { try append { try $0.json(value) } }
    func encode(_ value: UInt128) throws { try append { try $0.json(value) } }

    func encode<Integer: FixedWidthInteger & Encodable>(_ value: Integer) throws { try append { try $0.json(value) } }

    func encode<Value: Encodable>(_ value: Value) throws { try append { try $0.written(value) } }

    func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        open.container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { open.unkeyedContainer() }
    func superEncoder() -> any Encoder { open }

    private func append(_ write: (ValueEncoder) throws -> JSON) throws {
        // Written before the list is touched: what is written asks the list how long it is.
        let element = try write(ValueEncoder(parent: place, key: ElementKey(index: count)))
        node.array?.append(element)
    }

    private var open: ValueEncoder {
        ValueEncoder(parent: place, key: ElementKey(index: count), node: node.openElement())
    }
}
