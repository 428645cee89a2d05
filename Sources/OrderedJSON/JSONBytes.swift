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
        if let known { return known }
        // A short text has no place that could be pointed at, and is copied to one.
        var text = text
        return text.withUTF8 { $0.elementsEqual(bytes) }
    }
}

/// Remembers the keys of an object, so that a new one need not be compared with all of them: one bit a key, and of many
/// keys where each stands.
///
/// Whoever sends a text chooses how many there are, and their names: work that grew as their square would be theirs to
/// order.
struct SeenKeys {
    /// Up to so many members are walked, which is faster than hashing.
    static let walkedMax = 32

    /// A text as the bytes that it is, hashed by a seed that nobody outside knows.
    struct Key: Hashable {
        let text: String

        static func == (left: Key, right: Key) -> Bool {
            var text = right.text
            return text.withUTF8 { JSONBytes.areSame(left.text, $0) }
        }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    private var bits: UInt64 = 0
    private var places: [Key: Int] = [:]

    /// Where a key stands among the members that have come; nil for a new one, which is to be appended to them.
    ///
    /// - Parameter isNew: Whether it is surely new, as `insert` says.
    mutating func place(of key: String, in members: [(key: String, value: JSON)], isNew: Bool = false) -> Int? {
        guard members.count >= SeenKeys.walkedMax else {
            return isNew ? nil : JSONObject.index(of: key, in: members)
        }
        if places.isEmpty {
            for (index, member) in members.enumerated() { places[Key(text: member.key)] = index }
        }
        let key = Key(text: key)
        if let place = places[key] { return place }
        places[key] = members.count
        return nil
    }

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
