import OrderedJSON

/// What makes two calls the same payment, however their phones are written.
///
/// A phone in another form is the same customer: told apart by its text, a repeat would pay once more. A phone that is in
/// the usual form, 2547XXXXXXXX, stays as it is.
enum CallFingerprint {
    /// The arguments with the phones at these places in their usual form.
    static func alike(_ arguments: JSON, phones: [JSONPointer]) -> JSON {
        var alike = arguments
        for place in phones {
            guard let text = alike.value(at: place)?.stringValue, let usual = usualForm(ofPhone: text), usual != text
            else {
                continue
            }
            _ = alike.set(.string(usual), at: place)
        }
        return alike
    }

    /// A Kenyan number in its usual form; nil for what is none, which stays as it was written.
    static func usualForm(ofPhone text: String) -> String? {
        if isUsual(text) { return text }
        var digits = ""
        for scalar in text.unicodeScalars {
            if let digit = scalar.properties.numericType == .decimal ? scalar.properties.numericValue : nil {
                digits += String(Int(digit))
            } else if scalar.properties.isAlphabetic {
                return nil
            }
            guard digits.utf8.count <= 15 else { return nil }
        }
        if digits.hasPrefix("00") { digits.removeFirst(2) }
        let rest =
            switch digits.utf8.count {
            case 13 where digits.hasPrefix("2540"): digits.dropFirst(4)
            case 12 where digits.hasPrefix("254"): digits.dropFirst(3)
            case 10 where digits.hasPrefix("0"): digits.dropFirst(1)
            case 9: digits[...]
            default: Substring()
            }
        return rest.isEmpty ? nil : "254" + rest
    }

    /// Whether a number is in its usual form already, as nearly all are: 2547XXXXXXXX, in plain digits.
    private static func isUsual(_ text: String) -> Bool {
        let digits = text.utf8
        return digits.count == 12 && digits.starts(with: "254".utf8) && digits.allSatisfy { (0x30...0x39).contains($0) }
    }
}
