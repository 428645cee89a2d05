import OrderedJSON

/// What an action shows, as a resource with a URI of its own for each thing.
package struct ActionResource: Sendable {
    /// How every URI of the host's begins; plugins' begin otherwise.
    package static let scheme = "mpesa://"

    /// The kind of thing, as the URI names it: `transactions`.
    package let kind: String
    /// The action's argument that names one of them, at the URI's end.
    package let argument: String
    /// The action that lists them, and the member of each that is the argument.
    package let listed: (by: String, member: String)
    /// Where the action's answer names what the feed tells of; nil of what never changes.
    package let subject: JSONPointer?

    /// Describes one: `mpesa://<kind>/{<argument>}`.
    package init(_ kind: String, argument: String, listedBy action: String, member: String, subject: [String]? = nil) {
        self.kind = kind
        self.argument = argument
        listed = (action, member)
        self.subject = subject.map { JSONPointer(tokens: $0) }
    }

    /// The URI of any of them, as a template (RFC 6570).
    package var template: String { "\(ActionResource.scheme)\(kind)/{\(argument)}" }

    /// What a URI of this template names; nil for every other.
    ///
    /// Ids have no characters that a URI writes in another way; what has is no id.
    func named(in uri: String) -> String? {
        let prefix = "\(ActionResource.scheme)\(kind)/"
        guard uri.hasPrefix(prefix) else { return nil }
        let name = uri.dropFirst(prefix.count)
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~:".utf8.contains(byte)
            }
        }
        return isPlain && !name.isEmpty ? String(name) : nil
    }
}
