import OrderedJSON

/// What a reversal gives back, as the host found it before it asked for a plan: docs/abi.md, section 4.1.
public struct Original: Sendable, Hashable {
    /// The transaction: money that came in, and has succeeded.
    public var record: Record
    /// How much of it is left to give back, in whole shillings; 0 where earlier reversals keep all of it.
    public var left: Int64

    /// Gathers them; the kit does so, and tests.
    public init(record: Record, left: Int64) {
        self.record = record
        self.left = left
    }

    init?(_ json: JSON?) {
        guard let json, let record = json["record"] else { return nil }
        self.init(record: Record(record), left: json["left"]?.integerValue ?? 0)
    }
}

/// Where the arguments of a reversal name what it gives back: `x-original` of an operation kind, a draft.
///
///     Operation(reversal, original: OriginalPlace("/transaction_id"), interpret: …)
///
/// The host reads these arguments, finds the transaction and hands it to `prepare`; the tool is one that is `reversing`.
public struct OriginalPlace: Sendable, Hashable {
    /// JSON Pointer to the argument that holds the host's id of it, or M-Pesa's receipt.
    public var pointer: String
    /// By which of M-Pesa's ids it may be named besides.
    public var namespaces: [String]
    /// JSON Pointer to the argument that lists earlier reversals which did not move; nil where callers cannot say so.
    public var unmoved: String?

    /// States the place.
    public init(_ pointer: String, namespaces: [String] = [], unmoved: String? = nil) {
        self.pointer = pointer
        self.namespaces = namespaces
        self.unmoved = unmoved
    }

    /// The document of docs/abi.md, section 1.2.
    public var document: JSON {
        var document: JSONObject = [
            "pointer": .string(pointer), "namespaces": .array(namespaces.map { .string($0) }),
        ]
        document["unmoved"] = unmoved.map { .string($0) }
        return .object(document)
    }
}

extension OperationTool {
    /// Makes a tool that starts a reversal: it plans what the host has found.
    ///
    ///     OperationTool(refund, reversing: { (input, original) in … original.record.receipt … }, render: show)
    ///
    /// Its operation kind says by an `OriginalPlace` where the arguments name it. A host from before that gives none, and
    /// the call is refused as `not_supported`.
    public init(
        _ descriptor: JSONObject,
        reversing prepare: @escaping @Sendable (PrepareInput, Original) throws(Refusal) -> OperationPlan,
        render: @escaping @Sendable (Record) -> JSON
    ) {
        self.init(
            descriptor,
            prepare: { input throws(Refusal) in
                guard let original = input.original else {
                    throw Refusal(
                        "not_supported",
                        "This gateway is too old for reversals: it does not find the transaction that is given back."
                    )
                }
                return try prepare(input, original)
            },
            render: render
        )
    }
}
