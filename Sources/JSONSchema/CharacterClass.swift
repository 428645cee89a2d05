/// A set of characters as a pattern writes it: ranges, classes such as `\d`, and Unicode properties.
///
/// Whether an ASCII character is in it is worked out once.
struct CharacterClass: Sendable {
    /// What a class is made of.
    enum Item: Sendable {
        case range(ClosedRange<UInt32>)
        case category(UnicodeCategories, isNegated: Bool)
        case nested(CharacterClass)

        func contains(_ character: UInt32) -> Bool {
            switch self {
            case .range(let range): range.contains(character)
            case .category(let categories, let isNegated): categories.contains(character) != isNegated
            case .nested(let other): other.contains(character)
            }
        }
    }

    private let items: [Item]
    private let isNegated: Bool
    /// One bit for each ASCII character.
    private let ascii: (UInt64, UInt64)

    init(_ items: [Item], isNegated: Bool = false) {
        self.items = items
        self.isNegated = isNegated
        var ascii: (UInt64, UInt64) = (0, 0)
        for character in 0..<128 as Range<UInt32> {
            guard items.contains(where: { $0.contains(character) }) != isNegated else { continue }
            if character < 64 { ascii.0 |= 1 << UInt64(character) } else { ascii.1 |= 1 << UInt64(character - 64) }
        }
        self.ascii = ascii
    }

    /// Exactly one character.
    init(_ character: UInt32) { self.init([.range(character...character)]) }

    func contains(_ character: UInt32) -> Bool {
        if character < 64 { return ascii.0 >> UInt64(character) & 1 == 1 }
        if character < 128 { return ascii.1 >> UInt64(character - 64) & 1 == 1 }
        return items.contains { $0.contains(character) } != isNegated
    }

    var negated: CharacterClass { CharacterClass(items, isNegated: !isNegated) }

    private static func ranges(_ ranges: ClosedRange<UInt32>...) -> CharacterClass {
        CharacterClass(ranges.map { .range($0) })
    }

    /// `\d`, as ECMA-262 has it: ASCII alone.
    static let digits = ranges(0x30...0x39)
    /// `\w`, as ECMA-262 has it: ASCII alone.
    static let word = ranges(0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A)
    /// `\s`: white space and line ends of ECMA-262.
    static let space = ranges(
        0x09...0x0D,
        0x20...0x20,
        0xA0...0xA0,
        0x1680...0x1680,
        0x2000...0x200A,
        0x2028...0x2029,
        0x202F...0x202F,
        0x205F...0x205F,
        0x3000...0x3000,
        0xFEFF...0xFEFF
    )
    /// `.`: all but ends of lines.
    static let any = ranges(0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029).negated
}

/// General categories of Unicode, as `\p{…}` names them.
struct UnicodeCategories: Sendable {
    private let mask: UInt32

    /// The categories of a name, long or short, with or without `General_Category=`; nil for any other.
    init?(named text: String) {
        var name = text
        for prefix in ["General_Category=", "gc="] where name.hasPrefix(prefix) { name.removeFirst(prefix.count) }
        let short = Self.longNames[name] ?? name
        if short == "Any" {
            mask = .max
            return
        }
        let members = short == "LC" ? ["Lu", "Ll", "Lt"] : Self.shortNames.filter { $0.hasPrefix(short) }
        guard !short.isEmpty, short.utf8.count <= 2, !members.isEmpty else { return nil }
        mask = members.reduce(0) { mask, name in
            Self.shortNames.firstIndex(of: name).map { mask | 1 << UInt32($0) } ?? mask
        }
    }

    func contains(_ character: UInt32) -> Bool {
        guard let scalar = Unicode.Scalar(character) else { return mask == .max }
        return mask >> UInt32(Self.index(of: scalar.properties.generalCategory)) & 1 == 1
    }

    private static let shortNames = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    private static let longNames = [
        "Letter": "L", "Cased_Letter": "LC", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll",
        "Titlecase_Letter": "Lt", "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Combining_Mark": "M",
        "Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me", "Number": "N", "Decimal_Number": "Nd",
        "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P", "punct": "P",
        "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe",
        "Initial_Punctuation": "Pi", "Final_Punctuation": "Pf", "Other_Punctuation": "Po", "Symbol": "S",
        "Math_Symbol": "Sm", "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Other_Symbol": "So",
        "Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl", "Paragraph_Separator": "Zp", "Other": "C",
        "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs", "Private_Use": "Co", "Unassigned": "Cn",
    ]

    /// The place of a category in `shortNames`.
    private static func index(of category: Unicode.GeneralCategory) -> Int {
        switch category {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .surrogate: 27
        case .privateUse: 28
        case .unassigned: 29
        @unknown default: 29
        }
    }
}
