import OrderedJSON

/// Two values under one name, where there can only be one.
public struct Contradiction: Sendable, Hashable {
    /// How many of the values are kept.
    public static let valuesMax = 4

    /// The name.
    public let name: String
    /// The values that differ, as they were written, in their order.
    public internal(set) var values: [String]
}

/// The values of a message's list of items, by name and never by order.
///
/// A list may be one item that stands alone. An item without a value is not there. The same name twice with equal values
/// is one; with different values it is a contradiction, and the first is kept beside it.
struct NamedValues {
    private(set) var values: [String: JSON] = [:]
    private(set) var contradictions: [String: Contradiction] = [:]

    /// Reads a list.
    ///
    /// - Parameter key: What an item's name is called: `Name` or `Key`.
    init(_ list: JSON?, key: String) {
        for item in list?.arrayValue ?? list.map({ [$0] }) ?? [] {
            guard let name = item[key]?.stringValue, let value = item["Value"], NamedValues.isThere(value) else {
                continue
            }
            guard let known = values[name] else {
                values[name] = value
                continue
            }
            guard !NamedValues.areSame(known, value) else { continue }
            var found = contradictions[name] ?? Contradiction(name: name, values: [NamedValues.shown(known)])
            if found.values.count < Contradiction.valuesMax { found.values.append(NamedValues.shown(value)) }
            contradictions[name] = found
        }
    }

    private static func isThere(_ value: JSON) -> Bool { !value.isNull && value.stringValue?.isEmpty != true }

    /// Equal by value: `100` and `"100.00"` are one amount, `0712345678` and `254712345678` one phone.
    private static func areSame(_ left: JSON, _ right: JSON) -> Bool {
        if left == right { return true }
        if let code = WireText.code(left), code == WireText.code(right) { return true }
        guard let phone = MSISDN(left) else { return false }
        return phone == MSISDN(right)
    }

    private static func shown(_ value: JSON) -> String { WireText.text(value) ?? "something that is no text" }
}
