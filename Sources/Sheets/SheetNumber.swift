import Daraja

/// A number as a cell holds it.
///
/// `Money` reads what M-Pesa writes, and forgives spaces and what nobody sees. In a file both may hide that digits are
/// lost, or that two amounts stand in one cell: so they are looked at before it reads.
struct SheetNumber {
    /// Its value.
    let money: Money
    /// Whether it stands there as a spreadsheet shows long ones, `2.54713E+11`: the digits that are not written are not
    /// zeros, but lost.
    let isShortened: Bool
    /// How many digits are written, zeros before them not counted.
    private let written: Int
    /// What it may mean instead, where its point may part thousands: `15.000` is fifteen to one person, and fifteen thousand
    /// to another.
    let asThousands: String?
    /// Whether a currency stands before it.
    let hasCurrency: Bool

    private static let currencies = ["KES", "KSHS", "KSH"]
    /// No-break and narrow no-break space, by which programs part groups of three digits.
    ///
    /// A space that is typed may as well stand between two amounts.
    private static let groupSpaces: [Unicode.Scalar] = ["\u{A0}", "\u{202F}"]

    /// Reads a text; nil for what is no number, or more than one.
    init?(_ text: String) {
        guard text.utf8.count <= 4 * Money.bytesMax else { return nil }
        let visible = SheetNumber.visible(text)
        let number = SheetNumber.withoutCurrency(visible)
        guard let plain = SheetNumber.withCommas(number), let money = Money(plain) else { return nil }
        self.money = money
        hasCurrency = number.utf8.count < visible.utf8.count
        let mark = plain.utf8.firstIndex { $0 | 0x20 == 0x65 }
        let before = plain[..<(mark ?? plain.endIndex)].utf8
        written = before.filter { (0x30...0x39).contains($0) }.drop { $0 == 0x30 }.count
        let digits = money.wholeShillings.map { String($0.magnitude).utf8.count } ?? 0
        isShortened = mark != nil && written < digits
        asThousands = SheetNumber.asThousands(plain)
    }

    /// A text without what is never seen, such as marks of direction, and without the spaces around it.
    private static func visible(_ text: String) -> String {
        let seen = text.unicodeScalars.filter { !$0.properties.isDefaultIgnorableCodePoint }
        return SheetItem.trimmed(String(String.UnicodeScalarView(seen)))
    }

    private static func withoutCurrency(_ text: String) -> String {
        let upper = text.uppercased()
        guard let word = currencies.first(where: { upper.hasPrefix($0) }) else { return text }
        let rest = text.dropFirst(word.count)
        return SheetItem.trimmed(String(rest.first == "." ? rest.dropFirst() : rest))
    }

    /// A number whose groups are parted by commas alone; nil where other spaces, or both, stand in it.
    private static func withCommas(_ text: String) -> String? {
        guard text.unicodeScalars.contains(where: \.properties.isWhitespace) else { return text }
        guard !text.utf8.contains(UInt8(ascii: ",")) else { return nil }
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard scalar.properties.isWhitespace else {
                plain.append(scalar)
                continue
            }
            guard groupSpaces.contains(scalar) else { return nil }
            plain.append(",")
        }
        return String(plain)
    }

    private static func asThousands(_ text: String) -> String? {
        guard let point = text.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        let rest = text[point...].utf8.dropFirst()
        guard rest.count == 3, rest.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return text.filter { $0 != "." && $0 != "," }
    }

    /// Whether digits are lost of the number of a cell that holds numbers, and no text.
    ///
    /// Some programs write each long one with an exponent, and leave zeros at its end away: `2.5471234567E11` is whole. No
    /// phone has as few digits as those that were shortened before.
    var isShortenedNumber: Bool { isShortened && written < 9 }
}
