/// References between schemas, by RFC 3986 as far as schemas use it.
///
/// Nothing is ever fetched.
enum SchemaURI {
    /// The reference made absolute against a base.
    static func resolve(_ reference: String, against base: String) -> String {
        if reference.isEmpty { return base }
        if hasScheme(reference) { return reference }
        let (stem, _) = split(base)
        if reference.hasPrefix("#") { return stem + reference }
        let parts = authorityAndPath(stem)
        if reference.hasPrefix("//") { return parts.scheme + reference }
        if reference.hasPrefix("/") { return parts.scheme + parts.authority + normalized(reference) }
        let folder = parts.path.lastIndex(of: "/").map { String(parts.path[...$0]) } ?? ""
        return parts.scheme + parts.authority + normalized(folder + reference)
    }

    /// The part before `#`, and the part after it.
    static func split(_ uri: String) -> (stem: String, fragment: String) {
        guard let mark = uri.firstIndex(of: "#") else { return (uri, "") }
        return (String(uri[..<mark]), String(uri[uri.index(after: mark)...]))
    }

    /// Text with `%xx` undone.
    static func percentDecoded(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            // A sign would be read as a number, too.
            if byte == UInt8(ascii: "%"), digits.count == 2, digits.allSatisfy(isHexadecimal),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func hasScheme(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":"), let first = text.utf8.first else { return false }
        let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first | 0x20)
        return isLetter && !text[..<colon].contains { $0 == "/" || $0 == "#" || $0 == "?" }
    }

    private static func authorityAndPath(_ uri: String) -> (scheme: String, authority: String, path: String) {
        guard hasScheme(uri), let colon = uri.firstIndex(of: ":") else { return ("", "", uri) }
        let scheme = String(uri[...colon])
        let rest = uri[uri.index(after: colon)...]
        guard rest.hasPrefix("//") else { return (scheme, "", String(rest)) }
        let afterSlashes = rest.index(rest.startIndex, offsetBy: 2)
        let end = rest[afterSlashes...].firstIndex(of: "/") ?? rest.endIndex
        return (scheme, String(rest[..<end]), String(rest[end...]))
    }

    private static func normalized(_ path: String) -> String {
        var segments: [Substring] = []
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            switch part {
            case ".": if isLast { segments.append("") }
            case "..":
                if segments.count > 1 || segments.first?.isEmpty == false { segments.removeLast() }
                if isLast { segments.append("") }
            default: segments.append(part)
            }
        }
        return segments.joined(separator: "/")
    }
}
