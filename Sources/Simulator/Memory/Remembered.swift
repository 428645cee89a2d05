/// A number for each of the newest so many texts, in some 16 bytes each, however long they are.
///
/// Two halves: when the newer one is full, the older one is forgotten, so that at least half of `most` is always there.
/// Texts are told apart by 64 bits of a hash; whoever finds a place looks there for the text itself.
struct Remembered: Sendable {
    let most: Int
    private var newer: [UInt64: Int64] = [:]
    private var older: [UInt64: Int64] = [:]

    init(most: Int) { self.most = most }

    var count: Int { newer.count + older.count }

    subscript(text: String) -> Int64? {
        let key = Remembered.key(text)
        return newer[key] ?? older[key]
    }

    mutating func set(_ value: Int64, for text: String) {
        if newer.count >= most / 2 {
            older = newer
            newer = [:]
        }
        newer[Remembered.key(text)] = value
    }

    private static func key(_ text: String) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(text)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
