import Gateway
import OrderedJSON

/// Makes phones in a message unreadable: 254712345678 becomes 2547•••••678.
///
/// A message is looked through as it will be sent, so that nothing that a tool, a plugin or a customer wrote gets past by
/// another way: whatever stands in a text of it, JSON that stands in a text too. A phone is 10 digits that begin with 07
/// or 01, or 12 that begin with 2547 or 2541 (14 with 00 before), alone or in groups of three and more with a space, a
/// dash or a dot between them. Digits that are part of a word, of a longer number or of an id stay.
///
/// Nine digits that begin with 7 or 1, and numbers of JSON, are phones where the member that they stand in is one
/// (`PhoneFields`), and nowhere else: too much is as long. A number stays one, without the digits that are hidden: it is
/// held to its schema, and nobody can be paid at what is left.
///
/// What a question asks a person for (`requestedSchema`) stays too: its answer is held to it.
struct PhoneMask {
    /// The scope that shows them.
    ///
    /// It must be named: a credential without a list of scopes has every other.
    static let scope = "phones:read"

    /// Where a phone stands.
    struct Phone {
        let place: Range<Int>
        /// Whether it is a number of JSON, and in no text.
        let isNumber: Bool
    }

    private static let schema = Array("requestedSchema".utf8)
    private static let quote = UInt8(ascii: "\"")
    private static let colon = UInt8(ascii: ":")
    private static let backslash = UInt8(ascii: "\\")

    private let bytes: UnsafeRawBufferPointer
    private let fields: PhoneFields
    /// Whether every number is looked at as a text is.
    private let takesNumbers: Bool
    /// Whether digits are written as escapes, so that what they are is not seen.
    private var hasEscapedDigits = false
    private var found: [Phone] = []
    /// The groups of a row of digits, in a place that is used again.
    private var groups: [Range<Int>] = []
    /// The name of the member that is looked through.
    private var name = 0..<0
    /// The same of JSON that stands in a text.
    private var inner: Range<Int>?
    /// Of the name that was asked about last, whether it is a phone's.
    private var asked: (name: Range<Int>, isPhone: Bool)?

    /// Where phones stand in a message of JSON.
    static func phones(
        in message: [UInt8],
        fields: PhoneFields = PhoneFields(),
        takesNumbers: Bool = false
    ) -> [Phone] { search(message, fields, takesNumbers: takesNumbers).phones }

    /// The same, and whether digits are written as escapes, so that there may be others.
    static func search(
        _ message: [UInt8],
        _ fields: PhoneFields,
        takesNumbers: Bool = false
    ) -> (phones: [Phone], hasEscapedDigits: Bool) {
        message.withUnsafeBytes { bytes in
            var mask = PhoneMask(bytes, fields, takesNumbers: takesNumbers)
            mask.look()
            return (mask.found, mask.hasEscapedDigits)
        }
    }

    /// What one phone has in common in all its forms: its last nine digits.
    static func tail(of phone: ArraySlice<UInt8>) -> [UInt8] { phone.filter(isDigit).suffix(9) }

    /// Where M-Pesa's ids of prompts end with the nine digits of whoever was asked: `ws_CO_28112026121848712345678`.
    static func endsOfIDs(in message: [UInt8]) -> [Phone] {
        message.withUnsafeBytes { bytes in
            var (found, place) = ([Phone](), 0)
            // A capital is seldom in JSON.
            while let mark = bytes[place...].firstIndex(of: UInt8(ascii: "C")) {
                place = mark + 1
                guard mark >= 3, bytes[(mark - 3)..<mark].elementsEqual("ws_".utf8),
                    bytes[place...].starts(with: "O_".utf8)
                else { continue }
                place += 2
                let end = bytes[place...].firstIndex { !isDigit($0) && !isLetter($0) } ?? bytes.count
                let tail = max(place, end - 9)..<end
                place = end
                guard tail.count == 9, bytes[tail].allSatisfy(isDigit), [0x37, 0x31].contains(bytes[tail.lowerBound])
                else { continue }
                found.append(Phone(place: tail, isNumber: false))
            }
            return found
        }
    }

    /// A message without these phones: the first four digits stay (of nine the first), and the last three.
    static func masking(_ phones: [Phone], in message: [UInt8]) -> [UInt8] {
        var (masked, copied) = ([UInt8](), 0)
        masked.reserveCapacity(message.count + phones.count * 14)
        for phone in phones {
            masked += message[copied..<phone.place.lowerBound]
            let count = message[phone.place].count(where: isDigit)
            var digits = 0
            for byte in message[phone.place] {
                if isDigit(byte) { digits += 1 }
                guard isDigit(byte), digits > (count == 9 ? 1 : 4), digits <= count - 3 else {
                    masked.append(byte)
                    continue
                }
                if !phone.isNumber { masked += "•".utf8 }
            }
            copied = phone.place.upperBound
        }
        return masked + message[copied...]
    }

    private init(_ bytes: UnsafeRawBufferPointer, _ fields: PhoneFields, takesNumbers: Bool) {
        (self.bytes, self.fields, self.takesNumbers) = (bytes, fields, takesNumbers)
    }

    // MARK: Looking

    private mutating func look() {
        var place = 0
        while place < bytes.count {
            switch bytes[place] {
            case PhoneMask.quote:
                let start = place + 1
                let end = text(from: start)
                place = afterSpace(from: min(end + 1, bytes.count))
                guard place < bytes.count, bytes[place] == PhoneMask.colon else { continue }
                name = start..<end
                let isForm = name.count == PhoneMask.schema.count && bytes[name].elementsEqual(PhoneMask.schema)
                place = isForm ? afterValue(from: place + 1) : place + 1
            case let byte where PhoneMask.isDigit(byte): place = takesNumbers ? row(from: place) : number(from: place)
            default: place += 1
            }
        }
    }

    /// Looks at a number that stands in no text; where its digits end, and a fraction that is nothing.
    private mutating func number(from start: Int) -> Int {
        let digits = afterDigits(from: start)
        let end = afterEmptyFraction(from: digits)
        let isPart =
            start > 0 && PhoneMask.isOfNumber(bytes[start - 1])
            || end < bytes.count && PhoneMask.isOfNumber(bytes[end])
        let count = digits - start
        guard !isPart, count == 9 || count == 12, isPhone(from: start, digits: count), isInField else { return end }
        found.append(Phone(place: start..<digits, isNumber: true))
        return end
    }

    /// Looks through one text; where its closing quote stands.
    private mutating func text(from start: Int) -> Int {
        // Letters that stand before `word` are no word's: what is escaped, and of JSON in a text what follows its own escape.
        var (place, word, begun) = (start, start, start)
        inner = nil
        while place < bytes.count {
            if place + 8 <= bytes.count {
                let marks = PhoneMask.marks(in: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                place += marks == 0 ? 8 : UInt64(littleEndian: marks).trailingZeroBitCount >> 3
                if marks == 0 { continue }
            }
            switch bytes[place] {
            case PhoneMask.quote: return place
            case PhoneMask.backslash:
                guard place + 1 < bytes.count else { return bytes.count }
                if bytes[place + 1] == PhoneMask.quote {
                    let next = afterSpace(from: place + 2)
                    if next < bytes.count, bytes[next] == PhoneMask.colon { inner = begun..<place }
                    begun = place + 2
                }
                if bytes[place + 1] == UInt8(ascii: "u") {
                    hasEscapedDigits = hasEscapedDigits || isDigitsEscape(at: place)
                    place += 4
                }
                word = place + (bytes[min(place + 1, bytes.count - 1)] == PhoneMask.backslash ? 3 : 2)
                place += 2
            case let byte where PhoneMask.isDigit(byte):
                let isInWord = place > word && PhoneMask.isLetter(bytes[place - 1])
                place = isInWord ? afterDigits(from: place) : row(from: place)
            default: place += 1
            }
        }
        return bytes.count
    }

    /// Which of eight bytes must be looked at: a bit in each quote and backslash, and in what may be a digit.
    @inline(__always)
    private static func marks(in word: UInt64) -> UInt64 {
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        // The high bit of each byte that is zero, and perhaps of some behind the first such.
        let quotes = word ^ (ones &* UInt64(quote))
        let backslashes = word ^ (ones &* UInt64(backslash))
        let digits = (word & (ones &* 0xF0)) ^ (ones &* 0x30)
        return ((quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (digits &- ones) & ~digits) & highs
    }

    private func isDigitsEscape(at place: Int) -> Bool {
        place + 5 < bytes.count && bytes[place + 2] == 0x30 && bytes[place + 3] == 0x30 && bytes[place + 4] == 0x33
    }

    /// Looks for phones in digits, and what stands between them; where they end.
    private mutating func row(from start: Int) -> Int {
        let first = afterDigits(from: start)
        guard goesOn(behind: first) else {
            // Nearly always there is one group, which needs no list.
            if !isWords(first), isPhone(from: start, digits: first - start) { find(start..<first) }
            return first
        }
        groups.removeAll(keepingCapacity: true)
        groups.append(start..<first)
        var end = first
        while goesOn(behind: end) {
            let next = end + 1
            end = afterDigits(from: next)
            groups.append(next..<end)
        }
        if isWords(end) { groups.removeLast() }
        var place = 0
        while place < groups.count {
            let last = lastOfPhone(from: place)
            if let last { find(groups[place].lowerBound..<groups[last].upperBound) }
            place = (last ?? place) + 1
        }
        return end
    }

    /// The last of the groups that are a phone together, of up to four; nil where they are none.
    private mutating func lastOfPhone(from first: Int) -> Int? {
        let start = groups[first].lowerBound
        var (digits, last) = (0, Int?.none)
        for place in first..<min(first + 4, groups.count) {
            // Several are of three digits and more, each of them.
            guard place == first || groups[place].count >= 3 && groups[first].count >= 3 else { break }
            digits += groups[place].count
            if isPhone(from: start, digits: digits) { last = place }
        }
        return last
    }

    private mutating func find(_ place: Range<Int>) { found.append(Phone(place: place, isNumber: false)) }

    /// Whether behind a group there is another.
    private func goesOn(behind end: Int) -> Bool {
        end + 1 < bytes.count && PhoneMask.isBetween(bytes[end]) && PhoneMask.isDigit(bytes[end + 1])
    }

    /// Digits that a letter follows are a word's.
    private func isWords(_ end: Int) -> Bool { end < bytes.count && PhoneMask.isLetter(bytes[end]) }

    /// Whether so many digits, with what stands between them, begin as a phone does; of nine only where they stand in a member
    /// that is one.
    private mutating func isPhone(from start: Int, digits: Int) -> Bool {
        // What stands before the 7 or the 1: 0, 254 or 00254.
        let before: StaticString
        switch digits {
        case 9: before = ""
        case 10: before = "0"
        case 12: before = "254"
        case 14: before = "00254"
        default: return false
        }
        var place = start
        for index in 0..<before.utf8CodeUnitCount {
            while !PhoneMask.isDigit(bytes[place]) { place += 1 }
            guard bytes[place] == before.utf8Start[index] else { return false }
            place += 1
        }
        while !PhoneMask.isDigit(bytes[place]) { place += 1 }
        return (bytes[place] == UInt8(ascii: "7") || bytes[place] == UInt8(ascii: "1")) && (digits > 9 || isInField)
    }

    /// Whether what is looked at stands in a member that is a phone.
    private var isInField: Bool {
        mutating get {
            let name = inner ?? name
            if let asked, asked.name == name { return asked.isPhone }
            let isPhone = fields.contains(bytes[name])
            asked = (name, isPhone)
            return isPhone
        }
    }

    private func afterSpace(from start: Int) -> Int {
        var place = start
        while place < bytes.count, PhoneMask.isSpace(bytes[place]) { place += 1 }
        return place
    }

    private func afterDigits(from start: Int) -> Int {
        var place = start
        while place < bytes.count, PhoneMask.isDigit(bytes[place]) { place += 1 }
        return place
    }

    /// Where zeros behind a point end, as some write a whole number; where they begin if there is more to it.
    private func afterEmptyFraction(from start: Int) -> Int {
        guard start + 1 < bytes.count, bytes[start] == UInt8(ascii: "."), bytes[start + 1] == 0x30 else { return start }
        var place = start + 1
        while place < bytes.count, bytes[place] == 0x30 { place += 1 }
        let goesOn = place < bytes.count && (PhoneMask.isDigit(bytes[place]) || PhoneMask.isOfNumber(bytes[place]))
        return goesOn ? start : place
    }

    /// Where a value ends that is looked at by nobody.
    private func afterValue(from start: Int) -> Int {
        var (place, depth, isText) = (start, 0, false)
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\\") where isText: place += 1
            case UInt8(ascii: "\""): isText.toggle()
            case UInt8(ascii: "{") where !isText, UInt8(ascii: "[") where !isText: depth += 1
            case UInt8(ascii: "}") where !isText, UInt8(ascii: "]") where !isText: depth -= 1
            default: break
            }
            place += 1
            if depth <= 0, !isText { return min(place, bytes.count) }
        }
        return bytes.count
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte & 0xDF) || byte == UInt8(ascii: "_") }
    /// Whether it belongs to a number that digits alone are not.
    private static func isOfNumber(_ byte: UInt8) -> Bool { ".-+eE".utf8.contains(byte) }
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
    private static func isBetween(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x2D || byte == 0x2E }
}

/// Which members hold a phone, by their schema: the host's own, M-Pesa's, and those that a tool calls sensitive.
struct PhoneFields: Sendable {
    private static let own: Set<String> = [
        "phone", "phones", "phonenumber", "phonenumbers", "msisdn", "party", "partya", "partyb",
    ]

    /// The tools whose own are looked for; nil for none.
    var registry: ToolRegistry?

    /// Whether a member of this name holds phones; it may end with the backslashes of JSON that stands in a text.
    func contains(_ name: some Collection<UInt8>) -> Bool {
        let text = String(decoding: name.prefix { $0 != UInt8(ascii: "\\") }, as: UTF8.self)
        if PhoneFields.own.contains(text.lowercased().filter { $0 != "_" && $0 != "-" }) { return true }
        return registry?.snapshot.sorted.contains { $0.tool.sensitive.contains { $0.tokens.last == text } } ?? false
    }
}
