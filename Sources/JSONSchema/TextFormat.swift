/// The formats that are checked.
///
/// Others describe and refuse nothing.
enum TextFormat: String {
    case date
    case dateTime = "date-time"
    case uuid
    case uri
    case email

    /// For messages.
    var expectation: String {
        switch self {
        case .date: "a date as YYYY-MM-DD"
        case .dateTime: "a date and time with zone, as 2026-11-23T18:46:43Z"
        case .uuid: "a UUID"
        case .uri: "an absolute URI"
        case .email: "an e-mail address"
        }
    }

    func accepts(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        switch self {
        case .date: return TextFormat.isDate(bytes[...])
        case .dateTime: return TextFormat.isDateTime(bytes)
        case .uuid: return TextFormat.matches(bytes, shape: "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
        case .uri:
            guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return false }
            return bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F } && bytes.count > colon + 1
        case .email:
            guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return false }
            return at > 0 && at < bytes.count - 1 && !bytes.contains { $0 <= 0x20 }
        }
    }

    /// `x` stands for a hexadecimal digit, `9` for a decimal one, all else for itself.
    private static func matches(_ bytes: [UInt8], shape: String) -> Bool {
        bytes.count == shape.utf8.count
            && zip(bytes, shape.utf8)
                .allSatisfy { byte, mark in
                    switch mark {
                    case UInt8(ascii: "x"):
                        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
                    case UInt8(ascii: "9"): isDigit(byte)
                    default: byte == mark
                    }
                }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func isDate(_ bytes: ArraySlice<UInt8>) -> Bool {
        let bytes = Array(bytes)
        guard matches(bytes, shape: "9999-99-99") else { return false }
        let (year, month, day) = (number(bytes[0..<4]), number(bytes[5..<7]), number(bytes[8..<10]))
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...12).contains(month) && (1...days[month - 1]).contains(day)
    }

    private static func isDateTime(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 20, isDate(bytes[0..<10]), bytes[10] | 0x20 == UInt8(ascii: "t"),
            matches(Array(bytes[11..<19]), shape: "99:99:99")
        else { return false }
        let (hour, minute, second) = (number(bytes[11..<13]), number(bytes[14..<16]), number(bytes[17..<19]))
        guard hour <= 23, minute <= 59, second <= 60 else { return false }
        var zone = bytes[19...]
        if zone.first == UInt8(ascii: ".") {
            let fraction = zone.dropFirst().prefix(while: isDigit)
            guard !fraction.isEmpty else { return false }
            zone = zone.dropFirst(1 + fraction.count)
        }
        if zone.count == 1, let mark = zone.first { return mark | 0x20 == UInt8(ascii: "z") }
        guard zone.first == UInt8(ascii: "+") || zone.first == UInt8(ascii: "-"),
            matches(Array(zone.dropFirst()), shape: "99:99")
        else { return false }
        return number(zone.dropFirst().prefix(2)) <= 23 && number(zone.suffix(2)) <= 59
    }
}
