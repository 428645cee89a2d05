import OrderedJSON

/// Something that M-Pesa or another record says against a record: docs/abi.md, section 2.
public struct Dispute: Sendable, Hashable {
    /// `amount`, `party`, `id`, `receipt`, `contradiction`, `no_receipt`, `repeated_receipt`, `shared_id` or `possible_double`; a
    /// newer host may name others.
    public var kind: String
    /// What was stated.
    public var stated: String?
    /// What was expected instead.
    public var expected: String?
    /// The id of another record that it is about.
    public var transaction: String?
    /// A whole sentence, by the host.
    public var text: String

    /// Reads the document.
    public init(_ json: JSON) {
        kind = json["kind"]?.stringValue ?? ""
        stated = json["stated"]?.stringValue
        expected = json["expected"]?.stringValue
        transaction = json["transaction"]?.stringValue
        text = json["text"]?.stringValue ?? ""
    }
}

/// One step of a record: docs/abi.md, section 2.
public struct RecordEvent: Sendable, Hashable {
    /// 1 for the first.
    public var sequence: Int64
    /// When, in milliseconds since 1970.
    public var atMilliseconds: Int64
    /// Such as `reply`, `query` or `callback:result`.
    public var source: String
    /// What was proven, if evidence led to it.
    public var verdict: String?
    /// M-Pesa's code.
    public var code: String?
    /// What it means.
    public var meaning: String?
    /// The state before.
    public var from: String
    /// The state after.
    public var to: String

    /// Reads the document.
    public init(_ json: JSON) {
        sequence = json["sequence"]?.integerValue ?? 0
        atMilliseconds = json["at_ms"]?.integerValue ?? 0
        source = json["source"]?.stringValue ?? ""
        verdict = json["verdict"]?.stringValue
        code = json["code"]?.stringValue
        meaning = json["meaning"]?.stringValue
        from = json["from"]?.stringValue ?? ""
        to = json["to"]?.stringValue ?? ""
    }
}
