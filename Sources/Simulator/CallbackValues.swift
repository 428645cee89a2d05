import Cryptography
import OrderedJSON

/// How callbacks write what they state, in the ways that M-Pesa has for it.
enum CallbackValues {
    /// `1.00` as a number; with an outcome, another amount, half a shilling more, or a text.
    static func amount(_ amount: Int64, _ outcome: Outcome) -> JSON {
        switch outcome {
        case .alteredAmount: .number(Double(amount + 1))
        case .fractionalAmount: .number(Double(amount) + 0.5)
        case .textValues: .string("\(amount).00")
        case .otherForms: .string(withExponent(amount))
        default: .number(Double(amount))
        }
    }

    /// A number; with an outcome, masked or as people write it.
    static func phone(_ phone: String, _ outcome: Outcome) -> JSON {
        switch outcome {
        case .maskedPhone: .string(masked(phone))
        case .textValues: .string("0" + phone.dropFirst(3))
        case .hashedPhone: .string(SHA256.digest(phone).hexadecimal)
        default: .integer(Int64(phone) ?? 0)
        }
    }

    /// The customer's name behind the phone.
    static func publicName(_ phone: String, _ outcome: Outcome) -> JSON {
        let shown =
            switch outcome {
            case .maskedPhone: masked(phone)
            case .hashedPhone: SHA256.digest(phone).hexadecimal
            default: phone
            }
        return .string(shown + " - Amina Wanjiru")
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

    /// Without the zeros at its end, as programs write that count in tens: `1E+2`.
    static func withExponent(_ amount: Int64) -> String {
        var (digits, zeros) = (amount, 0)
        while digits != 0, digits % 10 == 0 { (digits, zeros) = (digits / 10, zeros + 1) }
        guard zeros > 0 else { return String(amount) }
        let text = String(digits)
        let point = text.count > 1 ? "." + text.dropFirst() : ""
        return "\(text.prefix(1))\(point)E+\(zeros + text.count - 1)"
    }

    /// The parameters that a callback states, in the shape that its outcome has for them; nil where it states none.
    static func stated(_ all: [JSON], receipt: String, key: String, _ outcome: Outcome) -> JSON? {
        switch outcome {
        case .bareSuccess: nil
        case .loneReceipt: all.first { $0["Value"] == .string(receipt) }
        case .otherForms: .array(all.reversed() + [[key: "Remark"], [key: "Channel", "Value": "API"]])
        default: .array(all)
        }
    }

    private static func masked(_ phone: String) -> String { phone.prefix(4) + "*****" + phone.suffix(3) }
}
