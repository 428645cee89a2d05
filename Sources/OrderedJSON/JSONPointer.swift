/// A place in a JSON value, by RFC 6901: `/payments/0/amount`.
public struct JSONPointer: Sendable, Hashable, CustomStringConvertible {
    /// The names and numbers on the way, unescaped.
    ///
    /// The empty list means the whole value.
    public let tokens: [String]

    /// Why some text is no pointer.
    public struct Malformed: Error, Sendable, Hashable {
        /// What was expected.
        public let reason: String
    }

    /// Makes a pointer of its tokens.
    public init(tokens: [String]) { self.tokens = tokens }

    /// Reads a pointer's text.
    public init(parsing text: String) throws(Malformed) {
        guard !text.isEmpty else {
            tokens = []
            return
        }
        guard text.utf8.first == UInt8(ascii: "/") else { throw Malformed(reason: "a JSON pointer begins with /") }
        var tokens: [String] = []
        for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            tokens.append(try JSONPointer.unescaped(part))
        }
        self.tokens = tokens
    }

    /// The text.
    public var description: String {
        tokens.reduce(into: "") { text, token in text += "/" + JSONPointer.escaped(token) }
    }

    /// A token as it stands in a pointer's text: `~` and `/` are escaped.
    public static func escaped(_ token: String) -> String {
        guard token.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return token }
        return token.reduce(into: "") { text, character in
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.append(character)
            }
        }
    }

    private static func unescaped(_ token: Substring) throws(Malformed) -> String {
        var result = ""
        var isEscape = false
        for character in token {
            switch (isEscape, character) {
            case (true, "0"): result.append("~")
            case (true, "1"): result.append("/")
            case (true, _): throw Malformed(reason: "in a JSON pointer ~ is followed by 0 or 1")
            case (false, "~"): break
            case (false, _): result.append(character)
            }
            isEscape = !isEscape && character == "~"
        }
        guard !isEscape else { throw Malformed(reason: "in a JSON pointer ~ is followed by 0 or 1") }
        return result
    }
}

extension JSON {
    /// The value at a place, or nil.
    public func value(at pointer: JSONPointer) -> JSON? {
        var current = self
        for token in pointer.tokens {
            guard let next = current.child(token) else { return nil }
            current = next
        }
        return current
    }

    /// Puts a value at a place whose parent exists: replaces a member or element, or adds a member.
    /// - Returns: Whether there was such a place.
    @discardableResult
    public mutating func set(_ value: JSON, at pointer: JSONPointer) -> Bool {
        set(value, tokens: pointer.tokens[...])
    }

    /// The value with all text and numbers at these places replaced; the token `*` means every element or member.
    public func masking(_ pointers: [JSONPointer], with mask: String) -> JSON {
        pointers.reduce(self) { $0.masking($1.tokens[...], with: mask) }
    }

    /// The value without the members at these places.
    public func removing(_ pointers: [JSONPointer]) -> JSON {
        pointers.reduce(self) { $0.removing($1.tokens[...]) }
    }

    private func removing(_ tokens: ArraySlice<String>) -> JSON {
        guard let token = tokens.first, case .object(var object) = self, let child = object[token] else { return self }
        object[token] = tokens.count > 1 ? child.removing(tokens.dropFirst()) : nil
        return .object(object)
    }

    private func child(_ token: String) -> JSON? {
        switch self {
        case .object(let object): object[token]
        case .array(let elements):
            JSON.index(token).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
        default: nil
        }
    }

    private mutating func set(_ value: JSON, tokens: ArraySlice<String>) -> Bool {
        guard let token = tokens.first else {
            self = value
            return true
        }
        switch self {
        case .object(var object):
            // Nobody else holds the members while they are changed, so they are changed where they are.
            self = .null
            defer { self = .object(object) }
            guard tokens.count > 1 else {
                object[token] = value
                return true
            }
            guard var child = object[token] else { return false }
            guard child.set(value, tokens: tokens.dropFirst()) else { return false }
            object[token] = child
            return true
        case .array(var elements):
            guard let index = JSON.index(token), elements.indices.contains(index) else { return false }
            self = .null
            defer { self = .array(elements) }
            return elements[index].set(value, tokens: tokens.dropFirst())
        default: return false
        }
    }

    private func masking(_ tokens: ArraySlice<String>, with mask: String) -> JSON {
        guard let token = tokens.first else { return isNull ? self : .string(mask) }
        let rest = tokens.dropFirst()
        switch self {
        case .object(var object):
            for name in token == "*" ? object.keys : [token] {
                if let child = object[name] { object[name] = child.masking(rest, with: mask) }
            }
            return .object(object)
        case .array(var elements):
            for index in elements.indices where token == "*" || JSON.index(token) == index {
                elements[index] = elements[index].masking(rest, with: mask)
            }
            return .array(elements)
        default: return self
        }
    }

    private static func index(_ token: String) -> Int? {
        guard token == "0" || token.utf8.first != UInt8(ascii: "0"), token.utf8.allSatisfy({ (48...57).contains($0) })
        else { return nil }
        return Int(token)
    }
}
