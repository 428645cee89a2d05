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

    private let bytes: [UInt8]
    private let fields: PhoneFields
    private var found: [Phone] = []
    /// The name of the member that is looked through.
    private var name = 0..<0
    /// The same of JSON that stands in a text.
    private var inner: Range<Int>?
    /// Of the name that was asked about last, whether it is a phone's.
    private var asked: (name: Range<Int>, isPhone: Bool)?

    /// Where phones stand in a message of JSON.
    static func phones(in message: [UInt8], fields: PhoneFields = PhoneFields()) -> [Phone] {
        var mask = PhoneMask(bytes: message, fields: fields)
        mask.look()
        return mask.found
    }

    /// What one phone has in common in all its forms: its last nine digits.
    static func tail(of phone: ArraySlice<UInt8>) -> [UInt8] { phone.filter(isDigit).suffix(9) }

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

    private init(bytes: [UInt8], fields: PhoneFields) { (self.bytes, self.fields) = (bytes, fields) }

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
                place = bytes[name].elementsEqual(PhoneMask.schema) ? afterValue(from: place + 1) : place + 1
            case _ where PhoneMask.isDigit(bytes[place]): place = number(from: place)
            default: place += 1
            }
        }
    }

    /// Looks at a number that stands in no text; where its digits end.
    private mutating func number(from start: Int) -> Int {
        let end = afterDigits(from: start)
        let isPart =
            start > 0 && PhoneMask.isOfNumber(bytes[start - 1])
            || end < bytes.count && PhoneMask.isOfNumber(bytes[end])
        guard !isPart, [9, 12].contains(end - start), isPhone([start..<end]), isInField else { return end }
        found.append(Phone(place: start..<end, isNumber: true))
        return end
    }

    /// Looks through one text; where its closing quote stands.
    private mutating func text(from start: Int) -> Int {
        var (place, isInWord, isEscaped) = (start, false, false)
        var begun = start
        inner = nil
        while place < bytes.count {
            let byte = bytes[place]
            switch byte {
            case PhoneMask.quote: return place
            case UInt8(ascii: "\\"):
                // What is escaped is no letter; of JSON in a text neither is what follows its own escape.
                guard place + 1 < bytes.count else { return bytes.count }
                if bytes[place + 1] == PhoneMask.quote {
                    let next = afterSpace(from: place + 2)
                    if next < bytes.count, bytes[next] == PhoneMask.colon { inner = begun..<place }
                    begun = place + 2
                }
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
            if let last {
                found.append(Phone(place: groups[first].lowerBound..<groups[last].upperBound, isNumber: false))
            }
            first = (last ?? first) + 1
        }
        return end
    }

    private mutating func isPhone(_ groups: ArraySlice<Range<Int>>) -> Bool {
        guard groups.count == 1 || groups.allSatisfy({ $0.count >= 3 }) else { return false }
        let count = groups.reduce(0) { $0 + $1.count }
        guard let beginnings = PhoneMask.beginnings[count] else { return false }
        let digits = groups.flatMap { bytes[$0] }
        return beginnings.contains { digits.starts(with: $0.utf8) } && (count > 9 || isInField)
    }

    /// How a phone of so many digits begins.
    private static let beginnings = [
        9: ["7", "1"], 10: ["07", "01"], 12: ["2547", "2541"], 14: ["002547", "002541"],
    ]

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
        while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { place += 1 }
        return place
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
    /// Whether it belongs to a number that digits alone are not.
    private static func isOfNumber(_ byte: UInt8) -> Bool { ".-+eE".utf8.contains(byte) }
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
    func contains(_ name: ArraySlice<UInt8>) -> Bool {
        let text = String(decoding: name.prefix { $0 != UInt8(ascii: "\\") }, as: UTF8.self)
        if PhoneFields.own.contains(text.lowercased().filter { $0 != "_" && $0 != "-" }) { return true }
        return registry?.snapshot.sorted.contains { $0.tool.sensitive.contains { $0.tokens.last == text } } ?? false
    }
}

/// What of phones a caller is shown.
struct PhoneSight: Sendable {
    /// So many of a call's own phones are shown again.
    static let ownMax = 16

    /// The caller's own message: a phone that its arguments name is no secret.
    let message: Message
    var fields = PhoneFields()

    /// What a call says is shown as it is but for phones; nil where there is none to hide.
    func masked(_ sent: [UInt8]) -> [UInt8]? {
        let written = PhoneSight.unescaped(sent)
        let phones = PhoneMask.phones(in: written, fields: fields)
        guard !phones.isEmpty else { return nil }
        // In a text, so that numbers count as well.
        // What the call is about, and the id that it is answered by; not whatever else came with it: a list of guesses
        // would be told which are right.
        let about = [message.id] + [message.params["arguments"], message.params["uri"]].compactMap { $0 }
        let own = JSON.string(JSON.array(about).text).bytes
        let named = PhoneMask.phones(in: own, fields: fields).prefix(PhoneSight.ownMax)
        let known = Set(named.map { PhoneMask.tail(of: own[$0.place]) })
        let hidden = phones.filter { !known.contains(PhoneMask.tail(of: written[$0.place])) }
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

    /// What of phones is shown to whoever sent a message.
    func phoneSight(of exchange: Exchange) -> PhoneSight {
        PhoneSight(message: exchange.message, fields: PhoneFields(registry: registry))
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
