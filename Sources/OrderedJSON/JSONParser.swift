/// What a parser accepts at most.
public struct JSONLimits: Sendable {
    /// What to do when an object names a member twice.
    public enum DuplicateKeys: Sendable {
        /// Refuse the text: two readers of it could disagree.
        case reject
        /// Take the last, as most readers do; for what others send us.
        case lastWins
        /// Take the last, but refuse the text when the values of one of these names differ.
        case lastWinsUnlessDiffering(Set<String>)
    }

    /// The longest text.
    ///
    /// Default 4 MiB.
    public var bytesMax: Int
    /// The deepest nesting.
    ///
    /// Default 64.
    public var depthMax: Int
    /// What to do about duplicate keys.
    ///
    /// Default: reject.
    public var duplicateKeys: DuplicateKeys

    /// States the limits.
    public init(bytesMax: Int = 4 << 20, depthMax: Int = 64, duplicateKeys: DuplicateKeys = .reject) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.duplicateKeys = duplicateKeys
    }

    /// 4 MiB, 64 deep, no duplicate keys.
    public static let standard = JSONLimits()
}

/// Why some bytes are not acceptable JSON.
public struct JSONParseError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where, in bytes from the start.
    public let offset: Int
    /// What was expected there.
    public let reason: String

    /// The reason with its place.
    public var description: String { "\(reason) (at byte \(offset))" }
}

extension JSON {
    /// Parses one JSON text of UTF-8, strictly by RFC 8259.
    public init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONParseError) {
        self = try bytes.withUnsafeBufferPointer { buffer throws(JSONParseError) in
            try JSON(parsing: UnsafeRawBufferPointer(buffer), limits: limits)
        }
    }

    /// Parses one JSON text, strictly by RFC 8259.
    public init(parsing text: String, limits: JSONLimits = .standard) throws(JSONParseError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    /// Parses one JSON text that somebody else owns for the length of the call.
    public init(parsing bytes: UnsafeRawBufferPointer, limits: JSONLimits = .standard) throws(JSONParseError) {
        guard bytes.count <= limits.bytesMax else {
            throw JSONParseError(offset: limits.bytesMax, reason: "longer than \(limits.bytesMax) bytes")
        }
        var parser = JSONParser(bytes: bytes, limits: limits)
        self = try parser.document()
    }
}

/// A recursive-descent parser over bytes.
///
/// Strings without escapes, which nearly all are, are validated and copied once.
struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let limits: JSONLimits
    var position = 0

    init(bytes: UnsafeRawBufferPointer, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func document() throws(JSONParseError) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("expected the end of the text") }
        return value
    }

    func failure(_ reason: String) -> JSONParseError { JSONParseError(offset: position, reason: reason) }

    /// The byte at the position, or 0 at the end: no token begins with 0.
    var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    mutating func value(depth: Int) throws(JSONParseError) -> JSON {
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure("expected a value")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSON) throws(JSONParseError) -> JSON {
        let length = word.utf8CodeUnitCount
        guard position + length <= bytes.count else { throw failure("expected \(word)") }
        for index in 0..<length where bytes[position + index] != word.utf8Start[index] {
            throw failure("expected \(word)")
        }
        position += length
        return value
    }

    private mutating func array(depth: Int) throws(JSONParseError) -> JSON {
        guard depth <= limits.depthMax else { throw failure("nested deeper than \(limits.depthMax)") }
        position += 1
        skipSpace()
        if current == UInt8(ascii: "]") {
            position += 1
            return .array([])
        }
        var elements: [JSON] = []
        elements.reserveCapacity(4)
        while true {
            elements.append(try value(depth: depth))
            skipSpace()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return .array(elements)
            default: throw failure("expected ',' or ']' after an element")
            }
        }
    }

    private mutating func object(depth: Int) throws(JSONParseError) -> JSON {
        guard depth <= limits.depthMax else { throw failure("nested deeper than \(limits.depthMax)") }
        position += 1
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(JSONObject())
        }
        var members: [(key: String, value: JSON)] = []
        members.reserveCapacity(8)
        var seen = SeenKeys()
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("expected a member's name") }
            let keyStart = position
            let key = try string()
            let keyEnd = position
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw failure("expected ':' after a member's name") }
            position += 1
            let value = try value(depth: depth)
            let isNew = seen.insert(bytes, from: keyStart, to: keyEnd)
            let same = seen.place(of: key, in: members, isNew: isNew)
            try append(key, value, to: &members, same: same, keyStart: keyStart)
            skipSpace()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return .object(JSONObject(uniqueMembers: members))
            default: throw failure("expected ',' or '}' after a member")
            }
        }
    }

    private func append(
        _ key: String,
        _ value: JSON,
        to members: inout [(key: String, value: JSON)],
        same: Int?,
        keyStart: Int
    ) throws(JSONParseError) {
        // Whoever reads the object walks its members, so their number is bounded too.
        guard members.count < 4096 else { throw failure("an object has more than 4096 members") }
        guard let same else { return members.append((key, value)) }
        switch limits.duplicateKeys {
        case .reject:
            throw JSONParseError(offset: keyStart, reason: "an object names the member \"\(ShownName.of(key))\" twice")
        case .lastWins: break
        case .lastWinsUnlessDiffering(let names):
            guard !names.contains(key) || members[same].value == value else {
                throw JSONParseError(
                    offset: keyStart,
                    reason: "an object gives the member \"\(ShownName.of(key))\" two values"
                )
            }
        }
        members[same].value = value
    }
}
