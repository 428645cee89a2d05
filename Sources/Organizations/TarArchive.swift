import Gateway

/// An archive as `tar` reads it (POSIX.1-1988, ustar), made member by member: each says its own length, so that nothing
/// has to be known of what follows.
enum TarArchive {
    private static let block = 512

    /// The blocks before a member's bytes, of which there are so many.
    ///
    /// - Parameter name: At most 100 bytes of ASCII.
    static func header(_ name: String, bytes: Int, at moment: Timestamp) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func write(_ text: String, at place: Int) {
            for (offset, byte) in text.utf8.enumerated() { header[place + offset] = byte }
        }
        write(String(name.prefix(100)), at: 0)
        write(octal(0o600, digits: 7), at: 100)
        write(octal(0, digits: 7), at: 108)
        write(octal(0, digits: 7), at: 116)
        write(octal(bytes, digits: 11), at: 124)
        write(octal(Int(moment.milliseconds / 1000), digits: 11), at: 136)
        // The sum is taken with spaces in its own place.
        write("        ", at: 148)
        write("0", at: 156)
        write("ustar", at: 257)
        write("00", at: 263)
        write(octal(header.reduce(0) { $0 + Int($1) }, digits: 6), at: 148)
        header[154] = 0
        return header
    }

    /// A whole member.
    static func member(_ name: String, _ bytes: [UInt8], at moment: Timestamp) -> [UInt8] {
        header(name, bytes: bytes.count, at: moment) + bytes + padding(after: bytes.count)
    }

    /// What fills a member's last block.
    static func padding(after bytes: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: (block - bytes % block) % block)
    }

    /// How an archive ends that is whole.
    static let end = [UInt8](repeating: 0, count: 2 * block)

    private static func octal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
