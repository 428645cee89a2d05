import Cryptography
import Gateway
import Glibc

/// A letter as it goes over the wire (RFC 5322): headers of one line each, and a body that no server changes.
struct MailMessage {
    let sender: MailAddress
    let recipient: MailAddress
    let subject: String
    let text: String
    let sentAt: Timestamp
    let id: Identifier

    /// The bytes, lines ended as mail ends them.
    var bytes: [UInt8] {
        let header = [
            "From: \(sender)", "To: \(recipient)", "Subject: \(MailMessage.encoded(subject))",
            "Date: \(MailMessage.date(sentAt))", "Message-ID: <\(id)@\(sender.domain)>", "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
            "Auto-Submitted: auto-generated",
        ]
        return Array((header.joined(separator: "\r\n") + "\r\n\r\n").utf8) + MailMessage.body(text)
    }

    /// How many bytes of a body stand in a line: 76 characters of base 64.
    private static let lineBytes = 57

    /// In base 64, so that neither a dot nor `From ` at a line's beginning, nor a long line, means anything.
    private static func body(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return stride(from: 0, to: bytes.count, by: lineBytes)
            .flatMap { start in
                Array(Base64.encode(Array(bytes[start..<min(start + lineBytes, bytes.count)])).utf8) + [13, 10]
            }
    }

    /// A header's text: as it is where it is plain, else in encoded words (RFC 2047), which hold no end of a line.
    static func encoded(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && !text.contains("=?")
        if isPlain, text.utf8.count <= 900 { return text }
        var words: [[UInt8]] = [[]]
        for scalar in text.unicodeScalars {
            let bytes = UTF8.encode(scalar).map { Array($0) } ?? []
            // A word has 75 characters at most and ends with a whole character.
            if words[words.count - 1].count + bytes.count > 45 { words.append([]) }
            words[words.count - 1] += bytes
        }
        return words.map { "=?utf-8?B?\(Base64.encode($0))?=" }.joined(separator: "\r\n ")
    }

    /// `Thu, 26 Nov 2026 23:00:00 +0000`.
    private static func date(_ moment: Timestamp) -> String {
        var seconds = time_t(moment.milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(two).joined(separator: ":")
        return "\(days[Int(parts.tm_wday) % 7]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon) % 12]) "
            + "\(1900 + Int(parts.tm_year)) \(clock) +0000"
    }
}

/// An address of mail that can stand in a command and in a header: nothing in it ends either.
package struct MailAddress: Sendable, Hashable, CustomStringConvertible {
    /// As it is written.
    package let description: String
    /// What stands behind the `@`.
    let domain: String

    /// Reads `local@domain`; nil for whatever is none, quoted forms and letters that are not ASCII among it.
    package init?(_ text: String) {
        let sides = text.split(separator: "@", omittingEmptySubsequences: false)
        guard sides.count == 2, (1...64).contains(sides[0].utf8.count), text.utf8.count <= 254,
            sides[0].utf8.allSatisfy(MailAddress.isLocal), !sides[0].hasPrefix("."), !sides[0].hasSuffix("."),
            !sides[0].contains(".."), BaseURL("https://" + sides[1])?.description == "https://" + sides[1].lowercased()
        else { return nil }
        description = text
        domain = String(sides[1])
    }

    private static func isLocal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "!#$%&'*+-/=?^_`{|}~.".utf8.contains(byte)
        }
    }
}
