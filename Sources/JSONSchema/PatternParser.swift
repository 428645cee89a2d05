/// A pattern's parts.
indirect enum PatternNode: Sendable {
    case empty
    case characters(CharacterClass)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repeated(PatternNode, least: Int, most: Int?)
    case assertion(PatternAssertion)
}

/// What must hold between two characters.
enum PatternAssertion: Sendable, Equatable {
    case begin
    case end
    case wordBoundary(Bool)
    /// What stands ahead or behind, by its place in the list of looks.
    case look(Int)
}

/// `(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`.
struct PatternLook: Sendable {
    let node: PatternNode
    let isBehind: Bool
    let isNegative: Bool
}

/// Reads ECMA-262's syntax, as far as a pattern can be matched in a time that grows with the text alone.
///
/// What a group caught is never asked for, so groups only group; a reference back to one is refused.
struct PatternParser {
    private let text: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    /// An inner look stands before the one around it.
    private(set) var looks: [PatternLook] = []

    private static let depthMax = 100
    private static let countMax = 100_000

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    /// The whole pattern.
    mutating func parse() throws(SchemaError) -> PatternNode {
        let node = try choice()
        guard position == text.count else { throw wrong("a group is closed that was never opened") }
        return node
    }

    private func wrong(_ reason: String) -> SchemaError {
        SchemaError(pointer: "", reason: "a pattern that cannot be used: \(reason) (at character \(position + 1))")
    }

    // MARK: Structure

    private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private mutating func takes(_ token: String) -> Bool {
        let token = Array(token.unicodeScalars)
        guard text[position...].starts(with: token) else { return false }
        position += token.count
        return true
    }

    private mutating func choice() throws(SchemaError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw wrong("groups are nested too deep") }
        var branches = [try sequence()]
        while takes("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(SchemaError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let character = next, character != "|", character != ")" { nodes.append(try term()) }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func term() throws(SchemaError) -> PatternNode {
        let node = try atom()
        guard let (least, most) = try quantifier() else { return node }
        if case .assertion = node { throw wrong("an assertion cannot be repeated") }
        if try quantifier() != nil { throw wrong("a repetition cannot be repeated") }
        return .repeated(node, least: least, most: most)
    }

    private mutating func quantifier() throws(SchemaError) -> (Int, Int?)? {
        let range: (Int, Int?)
        if takes("*") {
            range = (0, nil)
        } else if takes("+") {
            range = (1, nil)
        } else if takes("?") {
            range = (0, 1)
        } else if let counts = try counts() {
            range = counts
        } else {
            return nil
        }
        // Lazy or greedy, the same texts match.
        _ = takes("?")
        return range
    }

    /// `{2}`, `{2,}`, `{2,5}`; anything else in braces stands for itself.
    private mutating func counts() throws(SchemaError) -> (Int, Int?)? {
        let start = position
        guard takes("{"), let least = try number() else {
            position = start
            return nil
        }
        if takes("}") { return (least, least) }
        guard takes(",") else {
            position = start
            return nil
        }
        if takes("}") { return (least, nil) }
        guard let most = try number(), takes("}") else {
            position = start
            return nil
        }
        guard least <= most else { throw wrong("a repetition ends before it begins") }
        return (least, most)
    }

    private mutating func number() throws(SchemaError) -> Int? {
        var number: Int?
        while let digit = next, ("0"..."9").contains(digit) {
            number = (number ?? 0) * 10 + Int(digit.value - 0x30)
            guard number ?? 0 <= Self.countMax else { throw wrong("a repetition is too long") }
            position += 1
        }
        return number
    }

    private mutating func atom() throws(SchemaError) -> PatternNode {
        guard let character = next else { return .empty }
        switch character {
        case "^", "$":
            position += 1
            return .assertion(character == "^" ? .begin : .end)
        case ".":
            position += 1
            return .characters(.any)
        case "(": return try group()
        case "[": return .characters(try characters())
        case "\\": return try escape()
        case "*", "+", "?": throw wrong("there is nothing to repeat")
        default:
            position += 1
            return .characters(CharacterClass(character.value))
        }
    }

    private mutating func group() throws(SchemaError) -> PatternNode {
        for (opening, isBehind, isNegative) in Self.lookOpenings where takes(opening) {
            let node = try closed()
            looks.append(PatternLook(node: node, isBehind: isBehind, isNegative: isNegative))
            return .assertion(.look(looks.count - 1))
        }
        if takes("(?<") {
            while let character = next, character != ">" {
                guard CharacterClass.word.contains(character.value) || character == "$" else {
                    throw wrong("a group's name is of letters and digits")
                }
                position += 1
            }
            guard takes(">") else { throw wrong("a group's name is not closed") }
            return try closed()
        }
        if takes("(?:") { return try closed() }
        guard takes("("), next != "?" else { throw wrong("a group of an unknown kind") }
        return try closed()
    }

    private static let lookOpenings = [
        ("(?=", false, false), ("(?!", false, true), ("(?<=", true, false), ("(?<!", true, true),
    ]

    private mutating func closed() throws(SchemaError) -> PatternNode {
        let node = try choice()
        guard takes(")") else { throw wrong("a group is not closed") }
        return node
    }

    // MARK: Characters

    private mutating func escape() throws(SchemaError) -> PatternNode {
        position += 1
        if takes("b") { return .assertion(.wordBoundary(true)) }
        if takes("B") { return .assertion(.wordBoundary(false)) }
        if let digit = next, ("1"..."9").contains(digit) || digit == "k" {
            throw wrong("a reference back to a group cannot be matched in bounded time")
        }
        switch try escaped() {
        case .one(let character): return .characters(CharacterClass(character))
        case .several(let set): return .characters(set)
        }
    }

    private enum Escaped {
        case one(UInt32)
        case several(CharacterClass)
    }

    /// What stands after a backslash, which has been read.
    private mutating func escaped() throws(SchemaError) -> Escaped {
        guard let character = next else { throw wrong("a backslash stands at the end") }
        position += 1
        switch character {
        case "d": return .several(.digits)
        case "D": return .several(CharacterClass.digits.negated)
        case "w": return .several(.word)
        case "W": return .several(CharacterClass.word.negated)
        case "s": return .several(.space)
        case "S": return .several(CharacterClass.space.negated)
        case "p", "P": return .several(try property(isNegated: character == "P"))
        case "t": return .one(0x09)
        case "n": return .one(0x0A)
        case "v": return .one(0x0B)
        case "f": return .one(0x0C)
        case "r": return .one(0x0D)
        case "0" where next.map { !("0"..."9").contains($0) } ?? true: return .one(0)
        case "c":
            guard let letter = next, ("a"..."z").contains(letter) || ("A"..."Z").contains(letter) else {
                throw wrong("\\c stands before a letter")
            }
            position += 1
            return .one(letter.value % 32)
        case "x": return .one(try hexadecimal(2))
        case "u": return .one(try codePoint())
        default:
            guard !("a"..."z").contains(character), !("A"..."Z").contains(character), !("0"..."9").contains(character)
            else { throw wrong("\\\(character) means nothing in ECMA-262") }
            return .one(character.value)
        }
    }

    private mutating func hexadecimal(_ digits: Int) throws(SchemaError) -> UInt32 {
        guard position + digits <= text.count else { throw wrong("hexadecimal digits are missing") }
        let written = String(String.UnicodeScalarView(text[position..<position + digits]))
        guard written.utf8.count == digits, written.allSatisfy(\.isHexDigit), let value = UInt32(written, radix: 16)
        else {
            throw wrong("hexadecimal digits are missing")
        }
        position += digits
        return value
    }

    /// `\u0041`, `\u{1F432}`, and two halves of a surrogate pair.
    private mutating func codePoint() throws(SchemaError) -> UInt32 {
        if takes("{") {
            var digits = 0
            while position + digits < text.count, text[position + digits] != "}" { digits += 1 }
            guard (1...6).contains(digits) else { throw wrong("1 to 6 hexadecimal digits are expected in \\u{…}") }
            let value = try hexadecimal(digits)
            guard value <= 0x10FFFF, takes("}") else { throw wrong("there is no such character") }
            return value
        }
        let high = try hexadecimal(4)
        let start = position
        guard (0xD800...0xDBFF).contains(high), takes("\\u"), next != "{" else {
            position = start
            return high
        }
        let low = try hexadecimal(4)
        guard (0xDC00...0xDFFF).contains(low) else {
            position = start
            return high
        }
        return 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
    }

    private mutating func property(isNegated: Bool) throws(SchemaError) -> CharacterClass {
        guard takes("{") else { throw wrong("a property's name stands in braces") }
        let start = position
        while let character = next, character != "}" {
            _ = character
            position += 1
        }
        let name = String(String.UnicodeScalarView(text[start..<position]))
        guard takes("}"), let categories = UnicodeCategories(named: name) else {
            throw wrong("\\p{\(name.prefix(40))} is no general category of Unicode")
        }
        return CharacterClass([.category(categories, isNegated: isNegated)])
    }

    /// `[…]`.
    private mutating func characters() throws(SchemaError) -> CharacterClass {
        position += 1
        let isNegated = takes("^")
        var items: [CharacterClass.Item] = []
        while !takes("]") {
            let first = try classMember()
            let start = position
            guard case .one(let low) = first, takes("-"), next != "]", next != nil else {
                position = start
                items.append(item(first))
                continue
            }
            let second = try classMember()
            guard case .one(let high) = second else {
                items += [item(first), .range(0x2D...0x2D), item(second)]
                continue
            }
            guard low <= high else { throw wrong("a range ends before it begins") }
            items.append(.range(low...high))
        }
        return CharacterClass(items, isNegated: isNegated)
    }

    private func item(_ member: Escaped) -> CharacterClass.Item {
        switch member {
        case .one(let character): .range(character...character)
        case .several(let set): .nested(set)
        }
    }

    private mutating func classMember() throws(SchemaError) -> Escaped {
        guard let character = next else { throw wrong("a list of characters is not closed") }
        position += 1
        guard character == "\\" else { return .one(character.value) }
        if takes("b") { return .one(0x08) }
        return try escaped()
    }
}
