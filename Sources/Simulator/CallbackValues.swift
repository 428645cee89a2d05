import OrderedJSON

/// How callbacks write what they state, in the ways that M-Pesa has for it.
enum CallbackValues {
    /// `1.00` as a number; with an outcome, another amount, half a shilling more, or a text.
    static func amount(_ amount: Int64, _ outcome: Outcome) -> JSON {
        switch outcome {
        case .alteredAmount: .number(Double(amount + 1))
        case .fractionalAmount: .number(Double(amount) + 0.5)
        case .textValues: .string("\(amount).00")
        default: .number(Double(amount))
        }
    }

    /// A number; with an outcome, masked or as people write it.
    static func phone(_ phone: String, _ outcome: Outcome) -> JSON {
        switch outcome {
        case .maskedPhone: .string(masked(phone))
        case .textValues: .string("0" + phone.dropFirst(3))
        default: .integer(Int64(phone) ?? 0)
        }
    }

    /// The customer's name behind the phone.
    static func publicName(_ phone: String, _ outcome: Outcome) -> JSON {
        .string((outcome == .maskedPhone ? masked(phone) : phone) + " - Amina Wanjiru")
    }

    /// The same message as bytes that are no strict JSON.
    static func odd(_ bytes: [UInt8]) -> [UInt8] {
        var odd: [UInt8] = [0xEF, 0xBB, 0xBF]
        let name = Array("\"ResultDesc\":\"".utf8)
        for byte in bytes {
            odd.append(byte)
            // A tab, and an é of Latin-1.
            if byte == name.last, odd.suffix(name.count).elementsEqual(name) { odd += [0x09, 0xE9] }
        }
        return odd + [0]
    }

    private static func masked(_ phone: String) -> String { phone.prefix(4) + "*****" + phone.suffix(3) }
}
