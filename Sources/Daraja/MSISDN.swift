import OrderedJSON

/// A Kenyan mobile number as Daraja wants it: `2547XXXXXXXX` or `2541XXXXXXXX`.
public struct MSISDN: Sendable, Hashable, CustomStringConvertible {
    /// The longest text that is read as a number.
    public static let bytesMax = 64

    /// Twelve digits.
    public let digits: String

    /// Reads a number as people write it: `07…`, `01…`, `7…`, `1…`, `254…`, `+254…` or `00254…`, with spaces, dashes and
    /// parentheses between.
    ///
    /// What pasting brings along (no-break spaces, zero-width and bidi marks) is stripped first. Nil for everything
    /// else: masked and hashed numbers, other prefixes, other digits than ASCII's.
    public init?(_ text: String) {
        guard text.utf8.count <= MSISDN.bytesMax else { return nil }
        let scalars = text.unicodeScalars.filter { !MSISDN.isBetween($0) }
        guard scalars.allSatisfy(\.isASCII) else { return nil }
        var bytes = scalars.map { UInt8(truncatingIfNeeded: $0.value) }
        let country = Array("254".utf8)
        if bytes.first == UInt8(ascii: "+") {
            bytes.removeFirst()
        } else if bytes.starts(with: Array("00254".utf8)) {
            bytes.removeFirst(2)
        }
        guard bytes.allSatisfy({ (48...57).contains($0) }) else { return nil }
        switch bytes.count {
        case 12 where bytes.starts(with: country): break
        // `+254 (0) 712 …`, as on visiting cards.
        case 13 where bytes.starts(with: country) && bytes[3] == 48: bytes.remove(at: 3)
        case 10 where bytes[0] == 48: bytes = country + bytes.dropFirst()
        case 9: bytes = country + bytes
        default: return nil
        }
        guard bytes[3] == UInt8(ascii: "7") || bytes[3] == UInt8(ascii: "1") else { return nil }
        digits = String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a member of a message: text, or a number in any of its forms (`254708374149`, `254708374149.0`,
    /// `2.54708374149E11`).
    public init?(_ value: JSON?) {
        if let text = value?.stringValue, let number = MSISDN(text) {
            self = number
            return
        }
        guard let value, let whole = Money(value)?.wholeShillings else { return nil }
        self.init(String(whole))
    }

    /// Reads the number that a party's public name begins with: `254708374149 - John Doe`.
    ///
    /// Nil when it begins with something else, such as a mask (`0722***000 - John Doe`) or a bank's name.
    public init?(publicName: String) {
        let scalars = publicName.unicodeScalars
        let number = scalars.prefix { "+()".unicodeScalars.contains($0) || MSISDN.isBetween($0) || MSISDN.isDigit($0) }
        let isWhole = number.count == scalars.count || number.last.map(MSISDN.isBetween) ?? false
        guard isWhole else { return nil }
        self.init(String(String.UnicodeScalarView(number)))
    }

    /// The twelve digits.
    public var description: String { digits }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { (48...57).contains(scalar.value) }

    /// What may stand between digits and means nothing.
    private static func isBetween(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case " ", "-", "(", ")": true
        // Hyphens and the minus that typesetters use.
        case "\u{2010}"..."\u{2015}", "\u{2212}": true
        default: WireText.isInvisible(scalar)
        }
    }
}
