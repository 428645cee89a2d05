/// Looks at text as the bytes that it is, many at a time.
enum JSONBytes {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// Whether eight bytes are ASCII that stands for itself in a JSON string: no quote, backslash or control character.
    @inline(__always)
    static func arePlainASCII(_ word: UInt64) -> Bool {
        // A byte of `x &- ones` has its high bit set where the byte of x was zero; a borrow can set it above such a
        // byte too, which only costs a closer look.
        let quotes = (word ^ (ones &* UInt64(UInt8(ascii: "\"")))) &- ones
        let backslashes = (word ^ (ones &* UInt64(UInt8(ascii: "\\")))) &- ones
        let controls = word &- (ones &* 0x20)
        return (quotes | backslashes | controls | word) & highs == 0
    }

    /// Whether a text has these bytes: `==` of texts normalizes, and two keys that differ in bytes are two keys.
    @inline(__always)
    static func areSame(_ text: String, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.utf8.count == bytes.count else { return false }
        let known = text.utf8.withContiguousStorageIfAvailable { text in
            var index = 0
            while index < bytes.count {
                if text[index] != bytes[index] { return false }
                index += 1
            }
            return true
        }
        return known ?? text.utf8.elementsEqual(bytes)
    }
}

/// Remembers the keys of an object roughly, so that a new one need not be compared with all of them: one bit a key.
struct SeenKeys {
    private var bits: UInt64 = 0

    /// Notes a key as it stands in the text, its quotes included; answers whether it is surely a new one.
    ///
    /// A key that is written with an escape may be one that was written without, so it is never surely new.
    @inline(__always)
    mutating func insert(_ text: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Bool {
        var hash: UInt64 = 0
        var hasEscape = false
        for index in start..<end {
            let byte = text[index]
            hasEscape = hasEscape || byte == UInt8(ascii: "\\")
            hash = (hash &+ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
        }
        let bit: UInt64 = 1 << (hash >> 58)
        let isNew = bits & bit == 0 && !hasEscape
        bits |= hasEscape ? .max : bit
        return isNew
    }
}
