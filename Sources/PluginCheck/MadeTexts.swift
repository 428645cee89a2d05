import Foundation
import JSONSchema
import OrderedJSON

/// Texts for a place in a schema: ordinary ones, the shortest and longest, and those that trip code over.
enum MadeTexts {
    private static let formats: [String: [String]] = [
        "date-time": ["2026-01-02T03:04:05Z", "2024-02-29T23:59:60Z", "9999-12-31T23:59:59.999999999+14:00"],
        "date": ["2026-01-02", "2024-02-29", "0001-01-01", "9999-12-31"], "time": ["03:04:05Z", "23:59:60Z"],
        "email": ["a@example.org", "\"a b\"@example.org"], "uri": ["https://example.org/", "urn:a:b", "x:"],
        "uuid": ["0192f3c4-0000-7000-8000-000000000001", "00000000-0000-0000-0000-000000000000"],
        "ipv4": ["192.0.2.1", "0.0.0.0"], "ipv6": ["::", "2001:db8::1"], "hostname": ["example.org", "a"],
        "duration": ["P1D", "PT0S", "P9999Y"],
    ]
    /// What phones, dates, amounts, ids and names look like.
    private static let usual = [
        "x", "254712345678", "0712345678", "+254712345678", "2026-01-02", "12:30", "100", "0", "-1", "1.5", "KES",
        "INV-001", "NLJ7RT61SV", "a@example.org", "https://example.org/", "019ab3c4-0000-7000-8000-000000000001", "",
    ]
    /// What is written otherwise in JSON, in C, in printf, in SQL, or in more bytes than it has characters.
    private static let odd = [
        "\"", "\\", "a\"b\\c", "\u{0}", "a\u{0}b", "\u{1}\u{1F}\u{7F}", "\n\r\t", "%s%n%d%x", "' OR 1=1 --", "é", "日本語",
        "😀", "👩‍👩‍👧‍👦", "e\u{301}\u{301}\u{301}", "\u{FEFF}x", "\u{202E}abc", "\u{2028}", "\u{FFFD}", "٣٤٥", "null", "true",
        "{\"a\":1}", "[", "1e999", "99999999999999999999", "../../etc/passwd", " ", "  x  ",
    ]

    static func texts(_ schema: JSON, lengthMax: Int) -> [String] {
        let least = Int(clamping: schema["minLength"]?.integerValue ?? 0)
        let most = min(schema["maxLength"]?.integerValue.map { Int(clamping: $0) } ?? .max, max(lengthMax, least))
        let formatted = schema["format"]?.stringValue.flatMap { formats[$0] } ?? []
        let patterned = schema["pattern"]?.stringValue.map { PatternSamples.texts(of: $0) } ?? []
        let ordinary = min(max(least, 5), most)
        guard least <= lengthMax else { return formatted + patterned }
        // Lengths are counted in Unicode scalars: so the longest text has up to four bytes, or six as an escape, for each.
        let lengths = Set([least, most, most - 1, 63, 64, 127, 255, 256, 1_023, 4_096])
            .filter { (least...most).contains($0) }
        let long = ["😀", "\"", "\u{0}", "7"].map { String(repeating: $0, count: most) }
        let sized = lengths.sorted().map { String(repeating: "y", count: $0) }
        return formatted + patterned + [String(repeating: "x", count: ordinary)] + long + sized
            + padded(odd + usual, to: least)
    }

    /// Texts that are too short repeated until they are long enough.
    private static func padded(_ texts: [String], to least: Int) -> [String] {
        texts.map { text in
            let length = text.unicodeScalars.count
            guard length > 0, length < least else { return text }
            return String(repeating: text, count: (least + length - 1) / length)
        }
    }
}
