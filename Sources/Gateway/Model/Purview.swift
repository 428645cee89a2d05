/// How much of an organization somebody sees: what is made of it is for nobody who sees less.
package struct Purview: Sendable, Equatable {
    /// What this subject asked for alone; nil for what anybody did.
    package let maker: String?
    /// What went through these accounts alone; nil for all.
    package let accounts: Set<AccountName>?

    /// States it.
    package init(maker: String?, accounts: Set<AccountName>?) {
        self.maker = maker
        self.accounts = accounts
    }

    /// All that there is.
    package static let everything = Purview(maker: nil, accounts: nil)

    /// Whether it is within what a principal sees now, whoever they were when it was made.
    package func isSeen(by principal: Principal) -> Bool {
        let isOwn = principal.maker == nil || maker == principal.maker
        guard let seen = principal.accounts else { return isOwn }
        return isOwn && accounts?.isSubset(of: seen) ?? false
    }

    /// Whether there is nothing in it that is not in the other.
    package func isWithin(_ other: Purview) -> Bool {
        guard other.maker == nil || other.maker == maker else { return false }
        guard let most = other.accounts else { return true }
        return accounts?.isSubset(of: most) ?? false
    }
}

extension Principal {
    /// How much they see now.
    package var purview: Purview { Purview(maker: maker, accounts: accounts) }
}
