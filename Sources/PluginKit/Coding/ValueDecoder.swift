import OrderedJSON

/// Reads Swift types from JSON values: the standard library's `Decoder` without a detour over text.
///
/// Exact: a number with a fraction is no whole number, what does not fit is refused, nothing is rounded into an integer.
struct ValueDecoder: Decoder {
    let value: JSON
    let parent: CodingPlace?
    let key: (any CodingKey)?
    let log: ReadLog?

    /// Made when it is needed: most members are read without anybody asking where they stand.
    var place: CodingPlace? { key.map { CodingPlace(parent: parent, key: $0) } ?? parent }
    var codingPath: [any CodingKey] { (parent?.codingPath ?? []) + (key.map { [$0] } ?? []) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ value: JSON, parent: CodingPlace? = nil, key: (any CodingKey)? = nil, log: ReadLog? = nil) {
        self.value = value
        self.parent = parent
        self.key = key
        self.log = log
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        record(.object)
        guard case .object(let object) = value else { throw mismatch(type, "an object") }
        return KeyedDecodingContainer(MemberContainer(object: object, place: place, log: log))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        record(.array)
        guard case .array(let elements) = value else { throw mismatch([JSON].self, "a list") }
        return ElementContainer(elements: elements, place: place, log: log)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    // MARK: Values

    func bool() throws -> Bool {
        record(.boolean)
        guard case .bool(let bool) = value else { throw mismatch(Bool.self, "true or false") }
        return bool
    }

    func string() throws -> String {
        record(.string)
        guard case .string(let text) = value else { throw mismatch(String.self, "a string") }
        return text
    }

    func number<Number: BinaryFloatingPoint>(_ type: Number.Type) throws -> Number {
        record(.number)
        guard let double = value.doubleValue else { throw mismatch(type, "a number") }
        let number = Number(double)
        guard number.isFinite else { throw mismatch(type, "a number that a \(type) can hold") }
        return number
    }

    func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) throws -> Integer {
        record(.integer)
        let whole: Int64
        switch value {
        case .integer(let integer): whole = integer
        // From 2^53 on, a number that was written otherwise may stand here for one of its neighbours.
        case .number(let number) where abs(number) < 0x1p53 && number.rounded() == number: whole = Int64(number)
        case .number(let number) where abs(number) >= 0x1p53:
            throw mismatch(type, ValueDecoder.range(type), finds: false)
        default: throw mismatch(type, "a whole number")
        }
        guard let integer = Integer(exactly: whole) else {
            throw mismatch(type, ValueDecoder.range(type), finds: false)
        }
        return integer
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if log != nil, type is any RawRepresentable.Type {
            record(EnumeratedValues.of(type).map { .values($0) } ?? .unlisted)
        }
        do { return try Value(from: self) } catch DecodingError.dataCorrupted(let context) {
            // The standard library's words for an enumeration name the value that was found, and not what may be there.
            guard context.debugDescription.hasPrefix("Cannot initialize "), type is any RawRepresentable.Type else {
                throw DecodingError.dataCorrupted(context)
            }
            let values = EnumeratedValues.of(type)?.map(\.text).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                DecodingError.Context(
                    codingPath: codingPath,
                    debugDescription: values.map { "expected one of \($0)" } ?? "expected a value of \(type)"
                )
            )
        }
    }

    // MARK: Words

    func record(_ kind: ReadLog.Kind?) {
        guard let log else { return }
        log.record(kind, at: place)
    }

    private func mismatch(_ type: Any.Type, _ expected: String, finds: Bool = true) -> DecodingError {
        .typeMismatch(
            type,
            DecodingError.Context(
                codingPath: codingPath,
                debugDescription: "expected \(expected)" + (finds ? ", found \(ValueDecoder.name(of: value))" : "")
            )
        )
    }

    private static func range<Integer: FixedWidthInteger>(_ type: Integer.Type) -> String {
        "a whole number from \(type.min) to \(type.max), written without fraction and exponent"
    }

    private static func name(of value: JSON) -> String {
        switch value {
        case .null: "null"
        case .bool: "a truth value"
        case .integer: "a whole number"
        case .number(let number): number.rounded() == number ? "a number" : "a number with a fraction"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension ValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool {
        if value == .null { record(.null) }
        return value == .null
    }
    func decode(_: Bool.Type) throws -> Bool { try bool() }
    func decode(_: String.Type) throws -> String { try string() }
    func decode(_ type: Double.Type) throws -> Double { try number(type) }
    func decode(_ type: Float.Type) throws -> Float { try number(type) }
    func decode<Integer: FixedWidthInteger & Decodable>(_ type: Integer.Type) throws -> Integer { try integer(type) }
    // The protocols have answers of their own for these two, which say that there is none.
    func decode(_ type: Int128.Type) throws -> Int128 { try integer(type) }
    func decode(_ type: UInt128.Type) throws -> UInt128 { try integer(type) }
}

/// The values of an enumeration that says which it has.
package enum EnumeratedValues {
    /// The raw values of a type that is `CaseIterable` and has raw values of text or whole numbers.
    package static func of(_ type: Any.Type) -> [JSON]? {
        (type as? any CaseIterable.Type).flatMap { all($0) }
    }

    private static func all<Enumeration: CaseIterable>(_: Enumeration.Type) -> [JSON]? {
        let values = Enumeration.allCases.map { ($0 as? any RawRepresentable)?.rawValue }
        let known = values.compactMap { value -> JSON? in
            if let text = value as? String { return .string(text) }
            return (value as? any BinaryInteger).flatMap { Int64(exactly: $0) }.map { .integer($0) }
        }
        return known.count == values.count ? known : nil
    }
}
