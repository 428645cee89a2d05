/// What one of an organization's accounts at M-Pesa holds, in cents; any of them may be negative.
package struct Balance: Sendable, Equatable {
    /// M-Pesa's name of it, such as `Working Account`.
    package let name: String
    /// Such as `KES`.
    package let currency: String
    /// All of it.
    package let currentCents: Int64
    /// What may be spent.
    package let availableCents: Int64
    /// Held back.
    package let reservedCents: Int64
    /// Not cleared yet.
    package let unclearedCents: Int64

    /// Of which payouts are made.
    package static let utility = "Utility Account"

    /// States it.
    package init(
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
}

/// A balance as M-Pesa told it once.
package struct ToldBalance: Sendable, Equatable {
    /// The account of the organization's that was asked about.
    package let account: String
    /// What it holds.
    package let balance: Balance
    /// When M-Pesa's answer came.
    package let at: Timestamp
    /// The question that it answers.
    package let record: RecordID

    /// States what was told.
    package init(account: String, balance: Balance, at: Timestamp, record: RecordID) {
        self.account = account
        self.balance = balance
        self.at = at
        self.record = record
    }
}
