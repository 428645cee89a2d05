import Cryptography
import OrderedJSON

/// A request's header, as the checks want it.
package protocol HeaderSource: Sendable {
    /// All fields of a name, in order, without the spaces around them; capitals in names make no difference.
    func values(of name: String) -> [String]
}

/// The checks between a request's envelope and its method, in their order.
///
/// Nothing here looks at who calls.
enum Ladder {
    static let versionHeader = "MCP-Protocol-Version"
    private static let methodHeader = "Mcp-Method"
    private static let nameHeader = "Mcp-Name"

    /// The revision that a request is of, once it is whole by that revision's rules.
    ///
    /// What the body says of itself decides first, then the header; a request that says nothing is one of 2025-03-26.
    ///
    ///     body names          header            is of
    ///     2026-07-28, unknown any               2026-07-28, checked rung by rung
    ///     an older one        none, the same    that one
    ///     nothing             none              2025-03-26
    ///     nothing             an older one      that one
    ///     nothing             2026-07-28        2026-07-28, and refused for what its body lacks
    ///     nothing             unknown           none: told which are served
    static func revision(of message: Message, _ headers: any HeaderSource) throws(MCPError) -> Revision {
        let sent = headers.values(of: versionHeader)
        guard let stated = message.statedVersion else {
            guard sent.count < 2 else { throw .headerMismatch("\(versionHeader) must be sent once") }
            guard let version = sent.first else { return handshaking(message, or: .unstated) }
            guard let revision = Revision(rawValue: version) else { throw .unsupportedVersion(version) }
            if revision.hasHandshake { return handshaking(message, or: revision) }
            try check(message, headers, sent)
            return revision
        }
        if let version = stated.stringValue, let older = Revision(rawValue: version), older.hasHandshake {
            guard sent.isEmpty || sent == [version] else {
                throw .headerMismatch("\(versionHeader) is not what the body says")
            }
            return handshaking(message, or: older)
        }
        try check(message, headers, sent)
        return .july2026
    }

    /// Whether a batch may be read: it is one of the revision that has them.
    static func takesBatch(_ headers: any HeaderSource) -> Bool {
        let sent = headers.values(of: versionHeader)
        return sent.isEmpty || sent.count == 1 && Revision(rawValue: sent[0])?.takesBatches == true
    }

    private static func handshaking(_ message: Message, or revision: Revision) -> Revision {
        guard message.method == "initialize" else { return revision }
        return .negotiated(message.params["protocolVersion"]?.stringValue)
    }

    /// The rungs of revision 2026-07-28: one routing header of each, `_meta`, headers against body, version.
    private static func check(_ message: Message, _ headers: any HeaderSource, _ versions: [String]) throws(MCPError) {
        let (methods, names) = (headers.values(of: methodHeader), headers.values(of: nameHeader))
        for (sent, name) in [(versions, versionHeader), (methods, methodHeader), (names, nameHeader)]
        where sent.count > 1 { throw .headerMismatch("\(name) must be sent once") }
        let meta = message.meta
        guard let version = meta?[Message.versionKey]?.stringValue else {
            throw .invalidParams("_meta must have \(Message.versionKey), such as \(Revision.newest.rawValue)")
        }
        guard meta?[Message.capabilitiesKey]?.objectValue != nil else {
            throw .invalidParams("_meta must have \(Message.capabilitiesKey), an object")
        }
        try message.checkMeta(.newest)
        try check(versions, is: version, versionHeader)
        try check(methods, is: message.method, methodHeader)
        let member = Message.namedBy[message.method]
        let name = member.map { message.params[$0]?.stringValue }
        if let name { try check(names, is: name, nameHeader) }
        guard version == Revision.newest.rawValue else { throw .unsupportedVersion(version) }
        if let member, name == .some(.none) { throw .invalidParams("\(member) must be text") }
    }

    /// A body without a text of its own is refused for that, further down, once the header is there.
    private static func check(_ sent: [String], is expected: String?, _ name: String) throws(MCPError) {
        guard let value = sent.first else { throw .headerMismatch("\(name) must be sent") }
        let decoded = try HeaderValue.decoded(value)
        guard let expected else { return }
        // By their bytes: Swift calls two texts equal that Unicode writes in two ways, and a router does not.
        guard decoded.utf8.elementsEqual(expected.utf8) else {
            throw .headerMismatch("\(name) is not what the body says")
        }
    }
}

/// A header value: visible ASCII and spaces, or `=?base64?…?=` where it holds more.
enum HeaderValue {
    static func decoded(_ value: String) throws(MCPError) -> String {
        guard value.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
            throw .headerMismatch("a header holds characters that must be sent as =?base64?…?=")
        }
        guard value.hasPrefix("=?base64?"), value.hasSuffix("?="), value.utf8.count >= 11 else { return value }
        let text = value.dropFirst(9).dropLast(2)
        // One text has one form: no other bits where none belong.
        guard let bytes = Base64.decode(text), Base64.encode(bytes) == text,
            let decoded = String(validating: bytes, as: UTF8.self)
        else { throw .headerMismatch("a header's base64 is malformed") }
        return decoded
    }

    /// The form in which a text may stand in a header.
    static func encoded(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        let isBare = !text.hasPrefix(" ") && !text.hasSuffix(" ") && !text.hasPrefix("=?base64?")
        return isPlain && isBare ? text : "=?base64?" + Base64.encode(Array(text.utf8)) + "?="
    }
}
