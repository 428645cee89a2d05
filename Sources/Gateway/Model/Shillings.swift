/// An amount of money: whole Kenyan shillings, never negative.
///
/// M-Pesa moves whole shillings only. There is no fraction to round and no Double near it.
package struct Shillings: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The number of shillings.
    package let amount: Int64

    /// Makes an amount; nil when it is negative.
    package init?(_ amount: Int64) {
        guard amount >= 0 else { return nil }
        self.amount = amount
    }

    /// Orders by size.
    package static func < (left: Shillings, right: Shillings) -> Bool { left.amount < right.amount }

    /// The number alone, without a currency.
    package var description: String { String(amount) }
}
