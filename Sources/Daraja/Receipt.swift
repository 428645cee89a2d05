import OrderedJSON

/// A receipt of M-Pesa's: `NLJ7RT61SV`.
///
/// Receipts are ten capitals and digits, and some have no digit at all; what client libraries and other products show has
/// other lengths, so 6 to 32 letters and digits are taken. What stands where a receipt should be and is none (`N/A`,
/// `0000000000`, `null`) proves no payment, and neither does the id that M-Pesa makes up for a failure, `NLJ0000000`.
///
/// Source: Daraja 3.0 portal, samples of M-Pesa Express, B2C and C2B (`RKTQDM7W6S`).
public struct Receipt: Sendable, Hashable {
    /// How long one is.
    public static let length = 6...32
    /// How long one without a digit is: shorter and longer ones are words.
    private static let lengthOfLettersOnly = 10
    /// How many zeros, and no other digit, are no number of a payment.
    private static let zerosMin = 6

    /// The receipt, without spaces around it.
    public let text: String

    /// Reads a text; nil when it is no receipt.
    public init?(_ text: String) {
        let bytes = Array(WireText.trimmed(text).utf8)
        guard Receipt.length.contains(bytes.count) else { return nil }
        let digits = bytes.filter { (48...57).contains($0) }
        let capitals = bytes.filter { (65...90).contains($0) }
        let small = bytes.filter { (97...122).contains($0) }
        guard digits.count + capitals.count + small.count == bytes.count, digits.count < bytes.count else { return nil }
        if digits.isEmpty {
            guard small.isEmpty, bytes.count == Receipt.lengthOfLettersOnly else { return nil }
        } else if digits.count >= Receipt.zerosMin {
            guard digits.contains(where: { $0 != 48 }) else { return nil }
        }
        self.text = String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a member of a message.
    public init?(_ value: JSON?) {
        guard let text = value?.stringValue else { return nil }
        self.init(text)
    }
}
