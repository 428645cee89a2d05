/// The beginning of what somebody sent, fit for an event, a log and a person: one line, no control characters, no phone
/// numbers, bounded.
public enum Excerpt {
    /// How many characters of something are shown.
    public static let charactersMax = 120

    /// The beginning of bytes that may be anything.
    ///
    /// What a block page calls its incident is shown too, because Safaricom's support asks for it.
    public static func of(_ bytes: [UInt8]) -> String {
        guard bytes.contains(where: { $0 > 0x20 }) else { return "" }
        let beginning = of(String(decoding: bytes.prefix(charactersMax * 8), as: UTF8.self))
        guard let incident = incident(in: bytes) else { return beginning }
        return "\(beginning) (\(incident))"
    }

    /// A code of M-Pesa's, or what stands where one should; nil when that is nothing.
    public static func code(_ text: String) -> String? {
        // `100000000` is a code of M-Pesa's, and could be a phone anywhere else.
        let isNumber = text.utf8.count <= 9 && text.utf8.allSatisfy { (48...57).contains($0) }
        let code = line(text, most: codeCharactersMax, masks: !isNumber)
        return code.isEmpty ? nil : code
    }

    /// The beginning of a text that holds no phones, such as accounts and amounts.
    public static func ofAmounts(_ text: String, most: Int) -> String { line(text, most: most, masks: false) }

    /// The beginning of a text.
    public static func of(_ text: String, most: Int = charactersMax) -> String { line(text, most: most, masks: true) }

    /// How many characters of a code are shown.
    private static let codeCharactersMax = 64

    private static func line(_ text: String, most: Int, masks: Bool) -> String {
        var line: [Unicode.Scalar] = []
        // What lies far behind the part that is shown is not looked at, so a long text costs no more than a short one.
        for scalar in text.unicodeScalars.prefix(most * 8) {
            switch scalar.properties.generalCategory {
            case .control, .spaceSeparator, .lineSeparator, .paragraphSeparator:
                if line.last != " " { line.append(" ") }
            case .format, .surrogate, .privateUse, .unassigned: continue
            default: line.append(scalar)
            }
        }
        let words = line.drop { $0 == " " }
        let shown = masks ? PhoneMask.masked(words) : Array(words)
        let cut = shown.count > most || text.unicodeScalars.count > most * 8
        var kept = shown.prefix(most)
        while kept.last == " " { kept.removeLast() }
        return String(String.UnicodeScalarView(kept)) + (cut ? "…" : "")
    }

    /// `Incapsula incident ID: 893000101…`, wherever it stands in the first 16 KiB.
    private static func incident(in bytes: [UInt8]) -> String? {
        let text = bytes.prefix(16 << 10)
        let words = Array("incapsula incident id: ".utf8)
        guard text.count > words.count else { return nil }
        for start in text.startIndex..<(text.endIndex - words.count) {
            // Capitals differ from small letters by one bit.
            guard text[start] | 0x20 == words[0] else { continue }
            let end = start + words.count
            guard zip(text[start..<end], words).allSatisfy({ $0 == $1 || $0 | 0x20 == $1 }) else { continue }
            let id = text[end...].prefix(64).prefix { (48...57).contains($0) || $0 == UInt8(ascii: "-") }
            return id.isEmpty ? nil : "Incapsula incident ID: " + String(decoding: id, as: UTF8.self)
        }
        return nil
    }
}
