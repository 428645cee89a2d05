import Gateway
import OrderedJSON

/// Makes phones in a message unreadable: 254712345678 becomes 2547•••••678.
///
/// A message is looked through as it will be sent, so that nothing that a tool, a plugin or a customer wrote gets past by
/// another way: whatever stands in a text of it, JSON that stands in a text too. A phone is 10 digits that begin with 07
/// or 01, or 12 that begin with 2547 or 2541 (14 with 00 before), alone or in groups of three and more with a space, a
/// dash or a dot between them. Digits that are part of a word, of a longer number or of an id stay.
///
/// What a question asks a person for (`requestedSchema`) stays too: its answer is held to it.
struct PhoneMask {
    /// The scope that shows them.
    ///
    /// It must be named: a credential without a list of scopes has every other.
    static let scope = "phones:read"

    private static let schema = Array("requestedSchema".utf8)
    private let bytes: [UInt8]
    private var found: [Range<Int>] = []

    /// Where phones stand in a message of JSON.
    static func phones(in message: [UInt8]) -> [Range<Int>] {
        var mask = PhoneMask(bytes: message)
        mask.look()
        return mask.found
    }

    /// What one phone has in common in all its forms: its last nine digits.
    static func tail(of phone: ArraySlice<UInt8>) -> [UInt8] { phone.filter(isDigit).suffix(9) }

    /// A message without these phones: the first four digits stay, and the last three.
    static func masking(_ phones: [Range<Int>], in message: [UInt8]) -> [UInt8] {
        var (masked, copied) = ([UInt8](), 0)
        masked.reserveCapacity(message.count + phones.count * 14)
        for phone in phones {
            masked += message[copied..<phone.lowerBound]
            let most = message[phone].count(where: isDigit) - 3
            var digits = 0
            for byte in message[phone] {
                if isDigit(byte) { digits += 1 }
                if isDigit(byte), digits > 4, digits <= most { masked += "•".utf8 } else { masked.append(byte) }
            }
            copied = phone.upperBound
        }
        return masked + message[copied...]
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    // MARK: Looking

    private mutating func look() {
        var place = 0
        while let quote = bytes[place...].firstIndex(of: UInt8(ascii: "\"")) {
            let end = text(from: quote + 1)
            place = min(end + 1, bytes.count)
            if bytes[quote + 1..<end].elementsEqual(PhoneMask.schema), place < bytes.count,
                bytes[place] == UInt8(ascii: ":")
            {
                place = afterValue(from: place + 1)
            }
        }
    }

    /// Looks through one text; where its closing quote stands.
    private mutating func text(from start: Int) -> Int {
        var (place, isInWord, isEscaped) = (start, false, false)
        while place < bytes.count {
            let byte = bytes[place]
            switch byte {
            case UInt8(ascii: "\""): return place
            case UInt8(ascii: "\\"):
                // What is escaped is no letter; of JSON in a text neither is what follows its own escape.
                guard place + 1 < bytes.count else { return bytes.count }
                isEscaped = bytes[place + 1] == UInt8(ascii: "\\")
                isInWord = false
                place += bytes[place + 1] == UInt8(ascii: "u") ? 6 : 2
                continue
            case _ where PhoneMask.isDigit(byte):
                place = isInWord ? afterDigits(from: place) : row(from: place)
            default:
                isInWord = PhoneMask.isLetter(byte) && !isEscaped
                place += 1
            }
            isEscaped = false
        }
        return bytes.count
    }

    /// Looks for phones in digits, and what stands between them; where they end.
    private mutating func row(from start: Int) -> Int {
        var (groups, place) = ([Range<Int>](), start)
        while true {
            let end = afterDigits(from: place)
            groups.append(place..<end)
            guard end + 1 < bytes.count, PhoneMask.isBetween(bytes[end]), PhoneMask.isDigit(bytes[end + 1])
            else { break }
            place = end + 1
        }
        let end = groups[groups.count - 1].upperBound
        // Digits that a letter follows are a word's.
        if end < bytes.count, PhoneMask.isLetter(bytes[end]) { groups.removeLast() }
        var first = 0
        while first < groups.count {
            let last = (first..<min(first + 4, groups.count)).last { isPhone(groups[first...$0]) }
            if let last { found.append(groups[first].lowerBound..<groups[last].upperBound) }
            first = (last ?? first) + 1
        }
        return end
    }

    private func isPhone(_ groups: ArraySlice<Range<Int>>) -> Bool {
        guard groups.count == 1 || groups.allSatisfy({ $0.count >= 3 }) else { return false }
        let count = groups.reduce(0) { $0 + $1.count }
        guard [10, 12, 14].contains(count) else { return false }
        let digits = groups.flatMap { bytes[$0] }
        let beginnings = count == 10 ? ["07", "01"] : count == 12 ? ["2547", "2541"] : ["002547", "002541"]
        return beginnings.contains { digits.starts(with: $0.utf8) }
    }

    private func afterDigits(from start: Int) -> Int {
        bytes[start...].firstIndex { !PhoneMask.isDigit($0) } ?? bytes.count
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
    private static func isBetween(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x2D || byte == 0x2E }
}

/// What of phones a caller is shown.
struct PhoneSight: Sendable {
    /// So many of a call's own phones are shown again.
    static let ownMax = 16

    /// The caller's own message: a phone that its arguments name is no secret.
    let message: Message

    /// What a call says is shown as it is but for phones; nil where there is none to hide.
    func masked(_ sent: [UInt8]) -> [UInt8]? {
        let written = PhoneSight.unescaped(sent)
        let phones = PhoneMask.phones(in: written)
        guard !phones.isEmpty else { return nil }
        // In a text, so that numbers count as well.
        // What the call is about, and the id that it is answered by; not whatever else came with it: a list of guesses
        // would be told which are right.
        let about = [message.id] + [message.params["arguments"], message.params["uri"]].compactMap { $0 }
        let own = JSON.string(JSON.array(about).text).bytes
        let known = Set(PhoneMask.phones(in: own).prefix(PhoneSight.ownMax).map { PhoneMask.tail(of: own[$0]) })
        let hidden = phones.filter { !known.contains(PhoneMask.tail(of: written[$0])) }
        return hidden.isEmpty ? nil : PhoneMask.masking(hidden, in: written)
    }

    /// A text as it is shown.
    func shown(_ text: String) -> String {
        guard let masked = masked(JSON.string(text).bytes) else { return text }
        return (try? JSON(parsing: masked))?.stringValue ?? text
    }

    /// A message in which digits are not written as escapes, which a plugin's own JSON may have.
    private static func unescaped(_ sent: [UInt8]) -> [UInt8] {
        let escape = Array("\\u003".utf8)
        var place = 0
        while let found = sent[place...].firstIndex(of: escape[0]) {
            if sent[found...].starts(with: escape) { return (try? JSON(parsing: sent))?.bytes ?? sent }
            place = found + 1
        }
        return sent
    }
}

extension MCPServer {
    /// Whether a message's answer may show what others have said: lists of what there is show nobody's phone.
    static func tells(_ message: Message) -> Bool {
        ["tools/call", "resources/read", "prompts/get", "tasks/get", "tasks/update", "tasks/cancel"]
            .contains(message.method)
    }

    /// Whether a message's credential has the scope that shows phones; not where nobody can say.
    func showsPhones(to known: Recognized) async -> Bool {
        do throws(GatewayError) { return try await pipeline.standing(of: known).principal.showsPhones } catch {
            return false
        }
    }
}

extension Principal {
    /// Whether a model that acts for it may read phones.
    var showsPhones: Bool { scopes?.contains(PhoneMask.scope) ?? false }
}
