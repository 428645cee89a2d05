import Daraja
import PluginKit

/// What M-Pesa states of a payment that it calls made.
public struct PaymentStatement: Sendable {
    /// The receipt.
    public var receipt: String?
    /// The amount.
    public var money: Money?
    /// The other side, when it can be read.
    public var phone: MSISDN?
    /// The other side as M-Pesa writes it.
    public var writtenPhone: String?
    /// When the money moved, as M-Pesa writes it.
    public var completed: String?
    /// What M-Pesa took for it, in cents.
    public var feeCents: Int64?

    /// Gathers them.
    public init(
        receipt: String?,
        money: Money?,
        phone: MSISDN? = nil,
        writtenPhone: String? = nil,
        completed: String? = nil,
        feeCents: Int64? = nil
    ) {
        self.completed = completed
        self.feeCents = feeCents
        self.receipt = receipt
        self.money = money
        self.phone = phone
        self.writtenPhone = writtenPhone
    }
}

extension Evidence {
    /// Adds to a success what M-Pesa states of it.
    ///
    /// What cannot be read is unknown and contradicts nothing: a masked or hashed phone is only told. An amount that
    /// can be read and is not whole shillings contradicts every amount that was asked for, so it ends nothing. Neither
    /// does a success that names no receipt or no amount, but it may well be true, so it says that charging again is not
    /// safe; the host raises that where the record has failed.
    ///
    /// - Parameters:
    ///   - record: The record that the evidence is about.
    ///   - asked: The amount that was asked for.
    public func stating(_ statement: PaymentStatement, about record: Record, asked: Int64?) -> Evidence {
        guard let receipt = statement.receipt, let money = statement.money else {
            let lacks = statement.receipt == nil ? "a receipt" : "an amount that can be read"
            var evidence = self
            evidence.verdict = .unknown
            evidence.meaning = "M-Pesa says success without \(lacks), which ends nothing."
            evidence.whoseMove = "organization"
            evidence.chargeAgain = "no"
            return evidence
        }
        guard let whole = money.wholeShillings, whole >= 0 else {
            let wanted = asked.map { " where \($0) was asked for" } ?? ""
            var evidence = Evidence.nothing(
                "M-Pesa says success, receipt \(receipt), but states \(money.text) shillings\(wanted).",
                code: code
            )
            evidence.amountText = money.text
            evidence.whoseMove = "organization"
            return evidence
        }
        var evidence = self
        evidence.receipt = receipt
        evidence.amount = whole
        evidence.party = statement.phone?.digits
        evidence.completedMilliseconds = statement.completed.flatMap {
            EastAfricaTime.milliseconds(stated: $0).flatMap { $0 > 0 ? $0 : nil }
        }
        evidence.feeCents = statement.feeCents
        if statement.phone == nil, let shown = statement.shownPhone {
            evidence.meaning = [meaning, "M-Pesa names the phone as \(shown)."].compactMap(\.self)
                .joined(separator: " ")
        }
        return evidence
    }
}

extension PaymentStatement {
    /// A phone that cannot be read, as an event may show it; nil where there is none, and where it could be a whole one.
    fileprivate var shownPhone: String? {
        guard let text = writtenPhone, !text.isEmpty else { return nil }
        let isHash = text.utf8.count == 64 && text.allSatisfy(\.isHexDigit)
        if isHash { return "a hash" }
        return text.filter(\.isNumber).count < 9 ? Excerpt.of(text, most: 32) : nil
    }
}
