/// A Kenyan mobile number as Daraja wants it: `2547XXXXXXXX` or `2541XXXXXXXX`.
public struct MSISDN: Sendable, Hashable, CustomStringConvertible {
    /// Twelve digits.
    public let digits: String

    /// Reads a number as people write it: `07…`, `01…`, `7…`, `1…`, `254…` or `+254…`, with spaces, dashes and
    /// parentheses between.
    ///
    /// Nil for everything else, other prefixes and other digits than ASCII's included.
    public init?(_ text: String) {
        var bytes = text.utf8.filter { !" -()".utf8.contains($0) }
        if bytes.first == UInt8(ascii: "+") { bytes.removeFirst() }
        guard bytes.allSatisfy({ (48...57).contains($0) }) else { return nil }
        let country = Array("254".utf8)
        switch bytes.count {
        case 12 where bytes.starts(with: country): break
        case 10 where bytes[0] == 48: bytes = country + bytes.dropFirst()
        case 9: bytes = country + bytes
        default: return nil
        }
        guard bytes[3] == UInt8(ascii: "7") || bytes[3] == UInt8(ascii: "1") else { return nil }
        digits = String(decoding: bytes, as: UTF8.self)
    }

    /// The twelve digits.
    public var description: String { digits }
}
