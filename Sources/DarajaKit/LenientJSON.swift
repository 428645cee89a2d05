/// Makes strict JSON of bytes whose meaning is plain although they are none: see `Message`.
///
/// One walk over the bytes that knows whether it is within a text. It repairs the form of single characters and puts
/// quotation marks around numbers that a parser would change; what is broken otherwise stays broken, and the strict
/// parser refuses it.
struct LenientJSON {
    /// What a byte order mark is in UTF-8.
    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private var written: [UInt8] = []

    private init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
        written.reserveCapacity(bytes.count + 16)
    }

    /// The repaired bytes.
    static func repair(_ bytes: [UInt8]) -> [UInt8] {
        var text = bytes[...]
        if text.starts(with: mark) { text = text.dropFirst(mark.count) }
        while text.last == 0 { text.removeLast() }
        var walk = LenientJSON(text)
        walk.outside()
        return walk.written
    }

    private mutating func outside() {
        while position < bytes.endIndex {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                written.append(byte)
                position += 1
                inside()
            case UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"):
                number()
            default:
                written.append(byte)
                position += 1
            }
        }
    }

    // MARK: Texts

    private mutating func inside() {
        while position < bytes.endIndex {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                written.append(byte)
                return
            case UInt8(ascii: "\\"): escape()
            case 0..<0x20: write(escapeOf: byte)
            case 0x80...: notASCII(byte)
            default: written.append(byte)
            }
        }
    }

    /// An escape as it stands; `\'`, which JSON does not have, is an apostrophe, and half a surrogate pair is U+FFFD.
    private mutating func escape() {
        guard position < bytes.endIndex else { return }
        let escaped = bytes[position]
        position += 1
        if escaped == UInt8(ascii: "'") {
            written.append(escaped)
        } else if escaped == UInt8(ascii: "u"), let unit = unit(at: position) {
            write(unit)
        } else {
            written += [UInt8(ascii: "\\"), escaped]
        }
    }

    /// A unit of UTF-16 whose digits stand at the position.
    private mutating func write(_ unit: UInt16) {
        let start = position
        position += 4
        if UTF16.isLeadSurrogate(unit), bytes[position...].starts(with: Array("\\u".utf8)),
            self.unit(at: position + 2).map(UTF16.isTrailSurrogate) ?? false
        {
            position += 6
        } else if UTF16.isLeadSurrogate(unit) || UTF16.isTrailSurrogate(unit) {
            written += Array("\\ufffd".utf8)
            return
        }
        written += Array("\\u".utf8) + bytes[start..<position]
    }

    /// Four hexadecimal digits; nil when others stand there.
    private func unit(at start: Int) -> UInt16? {
        guard start + 4 <= bytes.endIndex else { return nil }
        let digits = bytes[start..<start + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    /// A control character that stands in a text unescaped.
    private mutating func write(escapeOf byte: UInt8) {
        let digits = Array("0123456789abcdef".utf8)
        written += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    /// A whole character of UTF-8, or else a single byte of Latin-1 as Windows writes it.
    private mutating func notASCII(_ first: UInt8) {
        let start = position - 1
        let length = LenientJSON.length(first)
        if length > 1, start + length <= bytes.endIndex,
            String(validating: bytes[start..<start + length], as: UTF8.self) != nil
        {
            written += bytes[start..<start + length]
            position = start + length
            return
        }
        let scalar =
            (0x80...0x9F).contains(first) ? LenientJSON.windows[Int(first) - 0x80] : Unicode.Scalar(first)
        written += Array(Character(scalar).utf8)
    }

    private static func length(_ first: UInt8) -> Int {
        switch first {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
    }

    /// Windows-1252 where it is not Latin-1.
    private static let windows: [Unicode.Scalar] = Array(
        "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ".unicodeScalars
    )

    // MARK: Numbers

    /// A number as it is when it is whole and short; else as text, so that nothing of it is lost.
    private mutating func number() {
        let start = position
        var isPlain = true
        while position < bytes.endIndex {
            switch bytes[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isPlain = false
            default:
                write(number: bytes[start..<position], isPlain: isPlain)
                return
            }
            position += 1
        }
        write(number: bytes[start..<position], isPlain: isPlain)
    }

    private mutating func write(number: ArraySlice<UInt8>, isPlain: Bool) {
        let digits = number.first == UInt8(ascii: "-") ? number.dropFirst() : number
        let isCanonical = digits.count == 1 || digits.first != UInt8(ascii: "0")
        if isPlain, isCanonical, (1...18).contains(digits.count), digits.allSatisfy({ $0 != UInt8(ascii: "-") }) {
            written += number
        } else {
            written += [UInt8(ascii: "\"")] + number + [UInt8(ascii: "\"")]
        }
    }
}
