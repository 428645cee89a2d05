/// Sixteen bytes that name something for ever: a UUID, version 7, so that newer ones sort later.
///
/// Held as two words because it is copied, compared and hashed on every call. The text form is the usual
/// `8-4-4-4-12` in lower case.
package struct Identifier: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The first eight bytes, most significant first.
    package let high: UInt64
    /// The last eight bytes.
    package let low: UInt64

    /// Makes an identifier from its two words.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes a version 7 identifier for a moment from 74 random bits.
    ///
    /// - Parameters:
    ///   - time: The moment; its milliseconds lead, so identifiers sort by time.
    ///   - random: Two random words.
    package init(at time: Timestamp, random: (UInt64, UInt64)) {
        let milliseconds = UInt64(bitPattern: time.milliseconds) & 0xFFFF_FFFF_FFFF
        high = milliseconds << 16 | 0x7000 | random.0 & 0x0FFF
        low = random.1 & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    }

    /// The moment of one of version 7.
    package var time: Timestamp { Timestamp(milliseconds: Int64(high >> 16)) }

    /// Reads the text form; nil for anything else.
    package init?(_ text: String) {
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var position = 0
        for byte in text.utf8 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = Identifier.hexadecimalValue(byte), digits < 32 else { return nil }
                if digits < 16 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
                digits += 1
            }
            position += 1
        }
        guard digits == 32, position == 36 else { return nil }
        self.init(high: words.0, low: words.1)
    }

    /// The `8-4-4-4-12` text.
    package var description: String {
        String(unsafeUninitializedCapacity: Identifier.textCount) { buffer in
            write(to: buffer)
            return Identifier.textCount
        }
    }

    /// Appends the text form.
    package func append(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Identifier.textCount) { buffer in
            write(to: buffer)
            bytes.append(contentsOf: buffer)
        }
    }

    private static let textCount = 36

    private func write(to buffer: UnsafeMutableBufferPointer<UInt8>) {
        let raw = UnsafeMutableRawBufferPointer(buffer)
        for dash in stride(from: 8, through: 23, by: 5) { raw[dash] = UInt8(ascii: "-") }
        let (second, third) = (Identifier.digits(of: high), Identifier.digits(of: low >> 32))
        raw.storeBytes(of: Identifier.digits(of: high >> 32).bigEndian, as: UInt64.self)
        raw.storeBytes(of: UInt32(second >> 32).bigEndian, toByteOffset: 9, as: UInt32.self)
        raw.storeBytes(of: UInt32(truncatingIfNeeded: second).bigEndian, toByteOffset: 14, as: UInt32.self)
        raw.storeBytes(of: UInt32(third >> 32).bigEndian, toByteOffset: 19, as: UInt32.self)
        raw.storeBytes(of: UInt32(truncatingIfNeeded: third).bigEndian, toByteOffset: 24, as: UInt32.self)
        raw.storeBytes(of: Identifier.digits(of: low).bigEndian, toByteOffset: 28, as: UInt64.self)
    }

    /// The eight digits of a word's low half as the bytes of a word, the first one most significant: all at once,
    /// because every call writes some dozens of identifiers.
    private static func digits(of word: UInt64) -> UInt64 {
        var values = word & 0xFFFF_FFFF
        values = (values << 16 | values) & 0x0000_FFFF_0000_FFFF
        values = (values << 8 | values) & 0x00FF_00FF_00FF_00FF
        values = (values << 4 | values) & 0x0F0F_0F0F_0F0F_0F0F
        // One in each byte that is above nine: those are letters.
        let letters = (values &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return values &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }

    /// The sixteen bytes, most significant first.
    package var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64((7 - $0) * 8)) } }
    }

    /// Makes an identifier from sixteen bytes; nil for any other number of them.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let words = bytes.enumerated()
            .reduce(into: [UInt64](repeating: 0, count: 2)) { words, byte in
                words[byte.offset / 8] = words[byte.offset / 8] << 8 | UInt64(byte.element)
            }
        self.init(high: words[0], low: words[1])
    }

    /// Orders by time of making, then by chance.
    package static func < (left: Identifier, right: Identifier) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    private static func hexadecimalValue(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

/// An identifier that says of what, so that one cannot be passed for another.
package protocol TypedIdentifier: Sendable, Hashable, CustomStringConvertible {
    /// The sixteen bytes behind it.
    var raw: Identifier { get }
    /// Gives sixteen bytes their meaning.
    init(_ raw: Identifier)
}

extension TypedIdentifier {
    /// Reads the text form; nil for anything else.
    package init?(_ text: String) {
        guard let raw = Identifier(text) else { return nil }
        self.init(raw)
    }

    /// The `8-4-4-4-12` text.
    package var description: String { raw.description }
}

/// Names an organization.
package struct OrganizationID: TypedIdentifier {
    /// The sixteen bytes behind it.
    package let raw: Identifier
    /// Gives sixteen bytes their meaning.
    package init(_ raw: Identifier) { self.raw = raw }
}

/// Names a user within an organization.
package struct UserID: TypedIdentifier {
    /// The sixteen bytes behind it.
    package let raw: Identifier
    /// Gives sixteen bytes their meaning.
    package init(_ raw: Identifier) { self.raw = raw }
}

/// Names an API key within an organization.
package struct APIKeyID: TypedIdentifier {
    /// The sixteen bytes behind it.
    package let raw: Identifier
    /// Gives sixteen bytes their meaning.
    package init(_ raw: Identifier) { self.raw = raw }
}

/// Names a transaction or an exchange within an organization.
package struct RecordID: TypedIdentifier {
    /// The sixteen bytes behind it.
    package let raw: Identifier
    /// Gives sixteen bytes their meaning.
    package init(_ raw: Identifier) { self.raw = raw }
}

/// Names one use of a tool by any door; the caller, the log and the audit record all show it.
package struct CallID: TypedIdentifier {
    /// The sixteen bytes behind it.
    package let raw: Identifier
    /// Gives sixteen bytes their meaning.
    package init(_ raw: Identifier) { self.raw = raw }
}

/// Names one callback as it was received.
package struct CallbackID: TypedIdentifier {
    /// The sixteen bytes behind it.
    package let raw: Identifier
    /// Gives sixteen bytes their meaning.
    package init(_ raw: Identifier) { self.raw = raw }
}
