import OrderedJSON

/// An amount of money as M-Pesa writes it, read exactly: `1`, `1.00`, `"1"`, `"1.00"`, `1E+0`, `1,700,000.00`.
///
/// Decimal arithmetic on the text of the number. Nothing is rounded and nothing becomes a binary fraction on its way,
/// so `1.50` is not whole, and neither is `1.0000000000000000001`.
public struct Money: Sendable, Hashable, CustomStringConvertible {
    /// The longest text that is read as an amount.
    public static let bytesMax = 64

    /// The amount in plain form: no exponent, no commas, no plus sign, the digits of its fraction as they were written.
    public let text: String
    /// The amount, when it is a whole number of shillings with at most 18 digits; it may be negative.
    public let wholeShillings: Int64?

    /// Reads a text; nil when it is no amount.
    ///
    /// Commas stand between groups of three digits or nowhere: `1,50` is no amount.
    public init?(_ text: String) {
        guard text.utf8.count <= Money.bytesMax else { return nil }
        let visible = text.unicodeScalars.filter { !WireText.isInvisible($0) && !" \t\r\n".unicodeScalars.contains($0) }
        guard visible.allSatisfy(\.isASCII) else { return nil }
        var scanner = NumberScanner(visible.map { UInt8(truncatingIfNeeded: $0.value) })
        guard let number = scanner.number() else { return nil }
        self.text = number.plain(most: Money.bytesMax) ?? String(String.UnicodeScalarView(visible))
        wholeShillings = number.wholeNumber
    }

    /// Reads a member of a message: text or a number.
    ///
    /// A number with a fraction or an exponent has lost its text once it is parsed, so what may lose money must be read
    /// from bytes, by DarajaKit's `Message`, which keeps it. Here it is what the parser made of it.
    public init?(_ value: JSON?) {
        switch value {
        case .string(let text): self.init(text)
        case .integer(let integer): self.init(String(integer))
        case .number(let number): self.init(Int64(exactly: number).map(String.init) ?? "\(number)")
        default: return nil
        }
    }

    /// The amount in cents, when it has no smaller part; it may be negative.
    public var cents: Int64? {
        let isNegative = text.first == "-"
        let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1].utf8.map { Int64($0) - 48 } : []
        guard (1...2).contains(parts.count), parts[0].utf8.count <= 15, let whole = Int64(parts[0]),
            fraction.dropFirst(2).allSatisfy({ $0 == 0 }), fraction.allSatisfy({ (0...9).contains($0) })
        else { return nil }
        let cents = whole * 100 + (fraction.first ?? 0) * 10 + (fraction.dropFirst().first ?? 0)
        return isNegative ? -cents : cents
    }

    /// The amount in plain form.
    public var description: String { text }
}

/// A number in decimal: `coefficient` with its point `fraction` digits from the right, times ten to the `exponent`.
private struct DecimalNumber {
    var isNegative = false
    /// ASCII digits.
    var coefficient: [UInt8] = []
    var fraction = 0
    var exponent = 0

    var wholeNumber: Int64? {
        let zero = UInt8(ascii: "0")
        var digits = coefficient.drop { $0 == zero }
        var power = exponent - fraction
        while digits.last == zero {
            digits.removeLast()
            power += 1
        }
        guard !digits.isEmpty else { return 0 }
        guard power >= 0, digits.count + power <= 18 else { return nil }
        let shown = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - zero) }
        let whole = (0..<power).reduce(shown) { value, _ in value * 10 }
        return isNegative ? -whole : whole
    }

    /// Without an exponent; nil when that takes more than `most` characters.
    func plain(most: Int) -> String? {
        let point = coefficient.count - fraction + exponent
        guard abs(point) <= most else { return nil }
        let zeros = { (count: Int) in [UInt8](repeating: UInt8(ascii: "0"), count: max(0, count)) }
        let digits = zeros(-point) + coefficient + zeros(point - coefficient.count)
        let whole = digits.prefix(max(0, point)).drop { $0 == UInt8(ascii: "0") }
        let rest = digits.dropFirst(max(0, point))
        let text = (whole.isEmpty ? zeros(1) : Array(whole)) + (rest.isEmpty ? [] : [UInt8(ascii: ".")] + rest)
        guard text.count <= most else { return nil }
        return (isNegative ? "-" : "") + String(decoding: text, as: UTF8.self)
    }
}

/// Reads one number from bytes, all of them.
private struct NumberScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func number() -> DecimalNumber? {
        var number = DecimalNumber()
        number.isNegative = take(UInt8(ascii: "-"))
        if !number.isNegative { _ = take(UInt8(ascii: "+")) }
        guard let whole = wholePart() else { return nil }
        number.coefficient = whole
        if take(UInt8(ascii: ".")) {
            let fraction = digits()
            number.coefficient += fraction
            number.fraction = fraction.count
        }
        guard !number.coefficient.isEmpty else { return nil }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            let isDown = take(UInt8(ascii: "-"))
            if !isDown { _ = take(UInt8(ascii: "+")) }
            let power = digits()
            guard (1...3).contains(power.count) else { return nil }
            let size = power.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            number.exponent = isDown ? -size : size
        }
        return position == bytes.count ? number : nil
    }

    /// Digits, with commas between groups of three or without any; nil when the commas stand elsewhere.
    private mutating func wholePart() -> [UInt8]? {
        var all = digits()
        guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { return all }
        guard (1...3).contains(all.count) else { return nil }
        while take(UInt8(ascii: ",")) {
            let group = digits()
            guard group.count == 3 else { return nil }
            all += group
        }
        return all
    }

    private mutating func digits() -> [UInt8] {
        let start = position
        while position < bytes.count, (48...57).contains(bytes[position]) { position += 1 }
        return Array(bytes[start..<position])
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }
}
