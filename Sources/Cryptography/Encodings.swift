/// Bytes as hexadecimal digits.
package enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Two digits a byte, in lower case.
    package static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[index * 2] = digits[Int(byte >> 4)]
                buffer[index * 2 + 1] = digits[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }

    /// The bytes; nil for an odd number of digits or anything that is none.
    package static func decode(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            default: nil
            }
        }
        guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

/// Bytes as Crockford's base 32, in lower case: no letter that is mistaken for a digit, nothing a URL must escape.
package enum CrockfordBase32 {
    private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// Five bits a character; the last is filled up with zeros.
    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var buffer = 0
        var bits = 0
        for byte in bytes {
            buffer = (buffer & 0xFF) << 8 | Int(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(digits[buffer >> bits & 31])
            }
        }
        if bits > 0 { text.append(digits[buffer << (5 - bits) & 31]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes; nil for any other character, or when the filling is not zero.
    package static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = 0
        var bits = 0
        for character in text.utf8 {
            guard let value = digits.firstIndex(of: character) else { return nil }
            buffer = (buffer << 5 | value) & 0xFFFF
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
            }
        }
        guard buffer & (1 << bits - 1) == 0, bits < 5 else { return nil }
        return bytes
    }
}

/// Bytes as base 64, with padding.
package enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Four characters for each three bytes.
    package static func encode(_ bytes: [UInt8]) -> String {
        let length = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: length) { buffer in
            var place = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let left = min(3, bytes.count - start)
                var word = Int(bytes[start]) << 16
                if left > 1 { word |= Int(bytes[start + 1]) << 8 }
                if left > 2 { word |= Int(bytes[start + 2]) }
                buffer[place] = digits[word >> 18]
                buffer[place + 1] = digits[word >> 12 & 63]
                buffer[place + 2] = left > 1 ? digits[word >> 6 & 63] : UInt8(ascii: "=")
                buffer[place + 3] = left > 2 ? digits[word & 63] : UInt8(ascii: "=")
                place += 4
            }
            return length
        }
    }

    /// The bytes of a text with its padding; nil for anything else.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var digits = Array(text.utf8)
        guard digits.count % 4 == 0 else { return nil }
        for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3 + 2)
        var (buffer, bits) = (0, 0)
        for byte in digits {
            guard let value = value(of: byte) else { return nil }
            buffer = (buffer << 6 | value) & 0xFFFF
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
        }
        return bytes
    }

    /// The bytes of a text for addresses and tokens (RFC 4648, section 5), without padding and in the one form that they
    /// have; nil for anything else.
    package static func decodeURL(_ text: some StringProtocol) -> [UInt8]? {
        let dash = UInt8(ascii: "-"), line = UInt8(ascii: "_")
        var usual: [UInt8] = []
        usual.reserveCapacity(text.utf8.count + 2)
        for byte in text.utf8 {
            guard byte == dash || byte == line || value(of: byte) ?? 62 < 62 else { return nil }
            usual.append(byte == dash ? UInt8(ascii: "+") : byte == line ? UInt8(ascii: "/") : byte)
        }
        let left = usual.count % 4
        guard left != 1 else { return nil }
        // Bits that no byte holds could be anything, and the same bytes would have several texts.
        if left > 0, let last = usual.last.flatMap(value) {
            guard last & (left == 2 ? 15 : 3) == 0 else { return nil }
            usual += [UInt8](repeating: UInt8(ascii: "="), count: 4 - left)
        }
        return decode(String(decoding: usual, as: UTF8.self))
    }

    private static func value(of digit: UInt8) -> Int? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(digit) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(digit) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(digit) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
