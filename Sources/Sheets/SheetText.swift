/// Texts as they are written into files that spreadsheets open: the one rule of CSV and XLSX.
package enum SheetText {
    /// A text that no spreadsheet takes for a formula, in one line.
    ///
    /// One that begins as a formula does gets an apostrophe before it, whatever spaces stand there.
    package static func safe(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x30 && $0 < 0x7F && $0 != 0x3D && $0 != 0x40 }) { return text }
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            plain.append(isControl || scalar.value == 0x2028 || scalar.value == 0x2029 ? " " : scalar)
        }
        let first = plain.first { !$0.properties.isWhitespace }
        guard let first, isFormula(first) else { return String(plain) }
        return "'" + String(plain)
    }

    /// A text as its author wrote it, where it was written by this rule.
    static func unsafed(_ text: String) -> String {
        guard text.utf8.first == UInt8(ascii: "'") else { return text }
        let rest = text.unicodeScalars.dropFirst()
        guard let first = rest.first(where: { !$0.properties.isWhitespace }), isFormula(first) else { return text }
        return String(String.UnicodeScalarView(rest))
    }

    /// What a formula begins with, as it is typed on any keyboard.
    private static func isFormula(_ scalar: Unicode.Scalar) -> Bool {
        "=+-@\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}\u{2212}".unicodeScalars.contains(scalar)
    }

    /// A line of CSV (RFC 4180), safe to open: every cell by the rule, in quotes where it must be.
    package static func line(_ cells: [String]) -> [UInt8] { line(cells.map { .text($0) }) }

    /// The same of cells, of which numbers may begin with a minus.
    package static func line(_ cells: [WrittenCell]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            switch cell {
            case .text(let text): append(safe(text), to: &bytes)
            case .number(let number): bytes.append(contentsOf: String(number).utf8)
            case .fraction(let text): bytes.append(contentsOf: text.utf8)
            case .empty: continue
            }
        }
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        guard text.utf8.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x3B }) else {
            return bytes.append(contentsOf: text.utf8)
        }
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
