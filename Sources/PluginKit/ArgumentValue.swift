import OrderedJSON

/// A value among the arguments of a call, for the direct way over values.
///
/// Reads as `JSON` does. Unlike it, it can tell a test which members were asked for, and as what: that is how the schema
/// of a tool without Swift types is compared with what the tool reads.
public struct ArgumentValue: Sendable {
    private let value: JSON
    private let place: CodingPlace?
    private let log: ReadLog?

    /// Wraps a value; with a log, a test is told what is read.
    package init(_ value: JSON, log: ReadLog? = nil) { self.init(value, place: nil, log: log) }

    private init(_ value: JSON, place: CodingPlace?, log: ReadLog?) {
        self.value = value
        self.place = place
        self.log = log
    }

    /// The member of this name, when this is an object that has it.
    public subscript(name: String) -> ArgumentValue? {
        guard let log else { return value[name].map { ArgumentValue($0, place: nil, log: nil) } }
        let member = CodingPlace(parent: place, key: MemberKey(stringValue: name))
        log.record(.object, at: place)
        log.record(nil, at: member)
        return value[name].map { ArgumentValue($0, place: member, log: log) }
    }

    /// The elements, when this is a list.
    public var arrayValue: [ArgumentValue]? {
        log?.record(.array, at: place)
        return value.arrayValue?.enumerated()
            .map { index, element in
                let key = ElementKey(index: index)
                return ArgumentValue(element, place: log.map { _ in CodingPlace(parent: place, key: key) }, log: log)
            }
    }

    /// The members by name, when this is an object: for names that the schema does not fix.
    public var members: [(name: String, value: ArgumentValue)]? {
        log?.record(.members, at: place)
        return value.objectValue?.compactMap { name, _ in self[name].map { (name, $0) } }
    }

    /// The text, when this is text.
    public var stringValue: String? { read(.string).stringValue }

    /// The whole number, when this is one; `5.0` is.
    public var integerValue: Int64? { read(.integer).integerValue }

    /// The number, when this is one.
    public var doubleValue: Double? { read(.number).doubleValue }

    /// The truth value, when this is one.
    public var boolValue: Bool? { read(.boolean).boolValue }

    /// Whether this is `null`.
    public var isNull: Bool { read(.null).isNull }

    /// The value as it is, with everything in it.
    public var json: JSON { read(.whole) }

    private func read(_ kind: ReadLog.Kind) -> JSON {
        log?.record(kind, at: place)
        return value
    }
}
