import OrderedJSON

/// What M-Pesa sent, read leniently in form and strictly in meaning.
///
/// M-Pesa's bytes are not always the JSON that they mean to be. Read all the same: a byte order mark, NULs at the end,
/// raw tabs and line breaks within a text, half a surrogate pair, Latin-1 beside UTF-8, one name twice (the last counts),
/// numbers with a plus or zeros in front. What can mean two things is not guessed at, such as a result code that is there
/// twice with two values: then there is no document, and `trouble` says why.
///
///     guard let body = Message(raw).json else { return Evidence(.unknown) }
///
/// Numbers that a parser would change (`1.00`, `1E+0`, more than 18 digits) arrive as texts, as they were written:
/// `Money` reads them exactly.
public struct Message: Sendable {
    /// The longest message that is read; 1 MiB.
    public static let bytesMax = 1 << 20

    /// The document, if there is one.
    public let json: JSON?
    /// Why there is no document, as the end of a sentence that begins with "M-Pesa's message"; nil when there is one.
    public let trouble: String?
    private let bytes: [UInt8]

    /// Reads bytes.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        guard bytes.count <= Message.bytesMax else {
            json = nil
            trouble = "is longer than \(Message.bytesMax >> 20) MiB"
            return
        }
        let repaired = LenientJSON.repair(bytes)
        json = Message.parsed(repaired, .lastWinsUnlessDiffering(Message.names))
        let saysTwo = json == nil && Message.parsed(repaired, .lastWins) != nil
        trouble =
            json != nil ? nil : saysTwo ? "gives one of its members two values" : Message.trouble(with: bytes)
    }

    /// The members on which money hangs: one that is there twice must say the same.
    private static let names: Set<String> = [
        "Result", "Body", "stkCallback", "ResultCode", "ResponseCode", "errorCode", "CheckoutRequestID",
        "MerchantRequestID", "ConversationID", "OriginatorConversationID", "TransactionID", "CallbackMetadata", "Item",
        "ResultParameters", "ResultParameter", "Name", "Key", "Value",
    ]

    private static func parsed(_ bytes: [UInt8], _ keys: JSONLimits.DuplicateKeys) -> JSON? {
        try? JSON(parsing: bytes, limits: JSONLimits(bytesMax: bytesMax * 8, duplicateKeys: keys))
    }

    /// How it begins, for people: one line, bounded, no phones.
    public var excerpt: String {
        guard !isCompressed else { return Message.hexadecimal(bytes.prefix(16)) }
        return Excerpt.of(bytes)
    }

    /// Whether the bytes were compressed, which nobody asked for.
    public var isCompressed: Bool { bytes.starts(with: [0x1F, 0x8B]) }

    private static func trouble(with bytes: [UInt8]) -> String {
        if bytes.allSatisfy({ $0 <= 0x20 }) { return "is empty" }
        // A plugin has no inflater: it links neither zlib nor anything else that could hold one.
        if bytes.starts(with: [0x1F, 0x8B]) {
            return "is compressed (gzip), which was not asked for, and was not opened"
        }
        return "is not JSON"
    }

    private static func hexadecimal(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
