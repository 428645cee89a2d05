import OrderedJSON

/// A place in a value on the way through it: a list that shares its beginning.
///
/// Going down costs one allocation, and only for what has members or elements itself, or is wrong.
final class CodingPlace: Sendable {
    let parent: CodingPlace?
    let key: any CodingKey

    init(parent: CodingPlace?, key: any CodingKey) {
        self.parent = parent
        self.key = key
    }

    var codingPath: [any CodingKey] { (parent?.codingPath ?? []) + [key] }

    /// The way here, with `*` for the number of an element: what all elements of a list have in common.
    var pattern: [String] { (parent?.pattern ?? []) + [key is ElementKey ? "*" : key.stringValue] }
}

/// The number of an element in a list.
struct ElementKey: CodingKey {
    let index: Int
    var stringValue: String { String(index) }
    var intValue: Int? { index }

    init(index: Int) { self.index = index }
    init(intValue: Int) { index = intValue }
    init?(stringValue: String) {
        guard let index = Int(stringValue) else { return nil }
        self.index = index
    }
}

/// A member of an object that has no key type.
struct MemberKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// Why a value cannot be read as a Swift type, or a Swift value not be written.
public struct CodingFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where: empty for the whole.
    public let pointer: JSONPointer
    /// What was expected there; never the value that was found.
    public let reason: String
    /// Whether a member is missing that the type needs.
    public let isMissing: Bool

    /// Place and reason in one sentence.
    ///
    /// Such as `amount: expected a whole number, found a string.`
    public var description: String {
        let place = pointer.tokens.isEmpty ? "the value" : String(pointer.description.dropFirst())
        return "\(place): \(reason)."
    }

    init(_ path: [any CodingKey], _ reason: String, isMissing: Bool = false) {
        pointer = JSONPointer(tokens: path.map(\.stringValue))
        self.reason = reason.hasSuffix(".") ? String(reason.dropLast()) : reason
        self.isMissing = isMissing
    }

    /// The failure that an error of a type's `init(from:)` or `encode(to:)` means.
    init(_ error: any Error) {
        switch error {
        case let failure as CodingFailure: self = failure
        case DecodingError.keyNotFound(let key, let context):
            self.init(context.codingPath + [key], context.debugDescription, isMissing: true)
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            self.init(context.codingPath, context.debugDescription)
        case EncodingError.invalidValue(_, let context): self.init(context.codingPath, context.debugDescription)
        // A type's own words.
        default: self.init([], String(describing: error))
        }
    }
}
