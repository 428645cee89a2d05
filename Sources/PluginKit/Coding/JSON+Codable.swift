import OrderedJSON

extension JSON {
    /// Reads a Swift type, exactly: a number with a fraction is no whole number, what does not fit is refused.
    ///
    /// Members that the type does not read are passed over; the tool's schema is what refuses them.
    public func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws(CodingFailure) -> Value {
        try decoded(as: type, log: nil)
    }

    /// Reads a Swift type and keeps account of what was read.
    package func decoded<Value: Decodable>(
        as type: Value.Type,
        log: ReadLog?
    ) throws(CodingFailure) -> Value {
        do { return try ValueDecoder(self, log: log).decode(type) } catch { throw CodingFailure(error) }
    }

    /// Writes a Swift value, its members in the order in which its type writes them.
    public init<Value: Encodable>(encoding value: Value) throws(CodingFailure) {
        do { self = try ValueEncoder().written(value) } catch { throw CodingFailure(error) }
    }
}

/// For members of any form in a Swift type: `var details: JSON`.
extension JSON: Codable {
    /// Takes the value as it is, numbers included.
    ///
    /// Another decoder than this kit's may know numbers only as its own types.
    public init(from decoder: any Decoder) throws {
        if let decoder = decoder as? ValueDecoder {
            decoder.record(.whole)
            self = decoder.value
        } else if let members = try? decoder.container(keyedBy: MemberKey.self) {
            self = .object(
                JSONObject(try members.allKeys.map { ($0.stringValue, try members.decode(JSON.self, forKey: $0)) })
            )
        } else if var elements = try? decoder.unkeyedContainer() {
            var array: [JSON] = []
            while !elements.isAtEnd { array.append(try elements.decode(JSON.self)) }
            self = .array(array)
        } else {
            self = try JSON(scalar: try decoder.singleValueContainer())
        }
    }

    private init(scalar container: any SingleValueDecodingContainer) throws {
        if container.decodeNil() {
            self = .null
        } else if let bool = try? container.decode(Bool.self) {
            self = .bool(bool)
        } else if let integer = try? container.decode(Int64.self) {
            self = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    /// Writes the value as it is.
    public func encode(to encoder: any Encoder) throws {
        if let encoder = encoder as? ValueEncoder {
            encoder.node.single = self
            return
        }
        switch self {
        case .object(let object):
            var container = encoder.container(keyedBy: MemberKey.self)
            for (name, value) in object { try container.encode(value, forKey: MemberKey(stringValue: name)) }
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        default:
            var container = encoder.singleValueContainer()
            switch self {
            case .bool(let value): try container.encode(value)
            case .integer(let value): try container.encode(value)
            case .number(let value): try container.encode(value)
            case .string(let value): try container.encode(value)
            default: try container.encodeNil()
            }
        }
    }
}
