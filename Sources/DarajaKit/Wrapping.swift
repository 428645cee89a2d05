import Daraja
import OrderedJSON
import PluginKit

/// A document of M-Pesa's in what it came wrapped in.
public struct Wrapped: Sendable {
    /// The document itself.
    public let document: JSON
    /// Whether it came as M-Pesa's API describes it.
    ///
    /// One that did not is believed only when it names the payment's own ids.
    public let isPlain: Bool
}

extension Message {
    /// How many layers of wrapping are opened.
    private static let wrappingsMax = 8

    /// Finds a document by the names of what wraps it: `Body` and `stkCallback`, or `Result`.
    ///
    /// Seen beside that: the names in other capitals, one layer missing or all of them, a list of one, and JSON within a
    /// text. The meaning of each is plain.
    ///
    /// - Parameters:
    ///   - path: The names, from the outside.
    ///   - marks: What the document itself names one of, beside its `ResultCode`, where nothing wraps it.
    public func unwrapped(_ path: [String], marks: [String]) -> Wrapped? {
        guard let json else { return nil }
        let plain = path.reduce(Optional(json)) { $0?[$1] }
        if let plain, plain.objectValue != nil { return Wrapped(document: plain, isPlain: true) }
        return Message.open(json, path[...], marks, 0).map { Wrapped(document: $0, isPlain: false) }
    }

    private static func open(_ value: JSON, _ path: ArraySlice<String>, _ marks: [String], _ layer: Int) -> JSON? {
        guard layer < wrappingsMax else { return nil }
        if let text = value.stringValue {
            guard let inner = Message(Array(text.utf8)).json else { return nil }
            return open(inner, path, marks, layer + 1)
        }
        if let list = value.arrayValue {
            guard list.count == 1 else { return nil }
            return open(list[0], path, marks, layer + 1)
        }
        guard let object = value.objectValue else { return nil }
        for (place, name) in zip(path.indices, path) {
            for (key, member) in object where key.lowercased() == name.lowercased() {
                return open(member, path[(place + 1)...], marks, layer + 1)
            }
        }
        let isBare = object["ResultCode"] != nil && marks.contains { object[$0] != nil }
        return path.isEmpty || isBare ? value : nil
    }
}

extension Evidence {
    /// A message to this payment's own address that is of no known form, or names no result.
    public static func unrecognized(_ message: Message) -> Evidence {
        guard message.json != nil else { return .unreadable(message) }
        return nothing("M-Pesa's message names no result that can be read. It begins: \(message.excerpt)")
    }

    /// A message in another wrapping than M-Pesa's that does not name this payment.
    public static func unnamed(_ message: Message, code: String) -> Evidence {
        nothing(
            "M-Pesa's message is not in its usual form and does not name this payment. It begins: \(message.excerpt)",
            code: Excerpt.code(code)
        )
    }
}
