import OrderedJSON

/// What one account of the organization's at M-Pesa holds, in cents: `x-balances` of docs/abi.md, section 4.2, a draft.
public struct AccountHolding: Sendable, Hashable {
    /// M-Pesa's name of it, such as `Working Account`.
    public var name: String
    /// Such as `KES`.
    public var currency: String
    /// All of it.
    public var currentCents: Int64
    /// What may be spent.
    public var availableCents: Int64
    /// Held back.
    public var reservedCents: Int64
    /// Not cleared yet.
    public var unclearedCents: Int64

    /// States it.
    public init(
        name: String,
        currency: String,
        currentCents: Int64,
        availableCents: Int64,
        reservedCents: Int64,
        unclearedCents: Int64
    ) {
        self.name = name
        self.currency = currency
        self.currentCents = currentCents
        self.availableCents = availableCents
        self.reservedCents = reservedCents
        self.unclearedCents = unclearedCents
    }

    var document: JSON {
        [
            "name": .string(name), "currency": .string(currency), "current_cents": .integer(currentCents),
            "available_cents": .integer(availableCents), "reserved_cents": .integer(reservedCents),
            "uncleared_cents": .integer(unclearedCents),
        ]
    }
}
