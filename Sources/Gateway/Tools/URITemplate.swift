import OrderedJSON

/// A URI with places in it, each of which stands for one part of it: RFC 6570 as far as `{name}`.
package struct URITemplate: Sendable, Equatable {
    private enum Part: Equatable {
        case literal(String)
        case variable(String)
    }

    /// The most bytes that a template, or a URI of one, may have.
    package static let bytesMax = 512
    /// The most places that a template may have.
    package static let variablesMax = 8

    /// As it is written.
    package let text: String
    private let parts: [Part]

    /// The names of its places, in order.
    package var variables: [String] {
        parts.compactMap { part in if case .variable(let name) = part { name } else { nil } }
    }

    /// What every URI of it begins with.
    package var prefix: String { if case .literal(let text)? = parts.first { text } else { "" } }

    /// Reads a template; nil for what is none, or would be read in two ways.
    ///
    /// A place ends where its URI does, or at a character that no value has, so that there is one way to read it.
    package init?(_ text: String) {
        guard text.utf8.count <= URITemplate.bytesMax else { return nil }
        var parts: [Part] = []
        var rest = text[...]
        while !rest.isEmpty {
            if rest.first == "{" {
                guard let end = rest.firstIndex(of: "}") else { return nil }
                let name = String(rest[rest.index(after: rest.startIndex)..<end])
                guard URITemplate.isName(name), !parts.contains(.variable(name)) else { return nil }
                if case .variable? = parts.last { return nil }
                parts.append(.variable(name))
                rest = rest[rest.index(after: end)...]
            } else {
                let literal = rest.prefix { $0 != "{" }
                guard literal.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "}") }) else {
                    return nil
                }
                if case .variable? = parts.last, literal.utf8.first.map(URITemplate.mayStand) ?? true { return nil }
                parts.append(.literal(String(literal)))
                rest = rest[literal.endIndex...]
            }
        }
        self.text = text
        self.parts = parts
        guard case .literal? = parts.first, (1...URITemplate.variablesMax).contains(variables.count) else { return nil }
    }

    /// What stands at its places in a URI; nil for a URI that is none of it.
    ///
    /// A value is one line of text in which everything is seen, and is never empty.
    package func values(in uri: String) -> JSONObject? {
        guard uri.utf8.count <= URITemplate.bytesMax else { return nil }
        var values = JSONObject()
        var rest = Array(uri.utf8)[...]
        for part in parts {
            switch part {
            case .literal(let text):
                guard rest.starts(with: text.utf8) else { return nil }
                rest = rest.dropFirst(text.utf8.count)
            case .variable(let name):
                let written = rest.prefix(while: URITemplate.mayStand)
                guard let value = URITemplate.unescaped(written), !value.isEmpty,
                    PlainText.name.expectation(for: value) == nil
                else { return nil }
                values[name] = .string(value)
                rest = rest.dropFirst(written.count)
            }
        }
        return rest.isEmpty ? values : nil
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.enumerated()
                .allSatisfy { index, byte in
                    isLetter(byte) || byte == UInt8(ascii: "_") || index > 0 && isDigit(byte)
                }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte & 0xDF) }
    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    /// Whether a byte may stand at a place: what RFC 3986 reserves for nothing, and what everything else is written by.
    private static func mayStand(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || "-._~%".utf8.contains(byte)
    }

    private static func unescaped(_ written: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = written
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}

/// How the URIs begin that are one plugin's alone: `notes://`, `books://ledger/`.
package enum URIPrefix {
    /// What means something to clients, or is the host's and each plugin's own already.
    private static let taken: Set<String> = ["mpesa", "gateway", "http", "https", "file", "ftp", "ws", "wss"]

    /// Whether a text may be granted: a scheme of its own, `://`, and what ends with a slash.
    package static func isOne(_ text: String) -> Bool {
        guard text.utf8.count <= 128, text.hasSuffix("/"), let colon = text.firstIndex(of: ":") else { return false }
        let (scheme, rest) = (text[..<colon], text[colon...])
        return rest.hasPrefix("://") && !taken.contains(String(scheme)) && isScheme(scheme)
            && rest.dropFirst(3).utf8.allSatisfy { isPlain($0) || "._~/".utf8.contains($0) }
    }

    /// Whether some URI begins with both.
    package static func meet(_ one: String, _ other: String) -> Bool {
        one.utf8.starts(with: other.utf8) || other.utf8.starts(with: one.utf8)
    }

    private static func isScheme(_ text: Substring) -> Bool {
        (2...32).contains(text.utf8.count) && text.utf8.first.map { (97...122).contains($0) } ?? false
            && text.utf8.allSatisfy { isPlain($0) || "+.".utf8.contains($0) }
    }

    /// Lower case alone, so that no two that look alike are two.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "-")
    }
}
