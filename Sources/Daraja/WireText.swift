import OrderedJSON

/// Texts of Daraja's messages, in each of the forms that they take.
enum WireText {
    /// A member as text: M-Pesa writes one value now as text, now as a number.
    static func text(_ value: JSON?) -> String? { value?.stringValue ?? value?.integerValue.map(String.init) }

    /// A code as text, whatever it is the code of: a number by its value, every other text as it is.
    ///
    /// `0`, `0.0`, `0E0`, `+0`, `00` and `" 0"` are all `0`.
    static func code(_ value: JSON?) -> String? {
        if case .number = value { return Money(value)?.wholeShillings.map(String.init) }
        guard let text = text(value).map(trimmed) else { return nil }
        let isOneWord = text.utf8.allSatisfy { (0x21..<0x7F).contains($0) && $0 != UInt8(ascii: ",") }
        guard isOneWord, let whole = Money(text)?.wholeShillings else { return text }
        return String(whole)
    }

    /// A text without the spaces and invisible characters around it.
    static func trimmed(_ text: String) -> String {
        let isOuter = { (scalar: Unicode.Scalar) in isInvisible(scalar) || scalar.properties.isWhitespace }
        var scalars = text.unicodeScalars.drop(while: isOuter)
        while let last = scalars.last, isOuter(last) { scalars.removeLast() }
        return String(scalars)
    }

    /// Whether a character says nothing of its own: no-break and thin spaces, zero-width and bidi marks, a soft hyphen.
    ///
    /// They come along when a number is pasted from a message or a web page.
    static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xA0, 0xAD, 0x34F, 0x61C, 0x180E, 0x2000...0x200F, 0x2028...0x202F, 0x205F...0x206F, 0x3000,
            0xFE00...0xFE0F,
            0xFEFF:
            true
        default: false
        }
    }
}

/// An id as a message names it: M-Pesa's messages leave ids out, leave them empty, and once in a while hold what
/// cannot be one.
public enum StatedID: Sendable, Hashable {
    /// The longest id that is taken as one; M-Pesa's own limit.
    public static let bytesMax = 128

    /// Not there, null or empty: nothing is known.
    case missing
    /// Longer than `bytesMax`, with a control character, or of another type: never taken as an id.
    case unusable
    /// An id.
    case named(String)

    /// Reads a member.
    public init(_ value: JSON?) {
        guard let value, !value.isNull else {
            self = .missing
            return
        }
        guard let text = WireText.text(value) else {
            self = .unusable
            return
        }
        self.init(text)
    }

    /// Reads a text.
    public init(_ text: String) {
        let isClean = text.utf8.count <= StatedID.bytesMax && text.unicodeScalars.allSatisfy(StatedID.mayStand)
        self = text.isEmpty ? .missing : isClean ? .named(text) : .unusable
    }

    /// The id, if there is one.
    public var text: String? {
        guard case .named(let text) = self else { return nil }
        return text
    }

    private static func mayStand(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029: false
        default: true
        }
    }
}
