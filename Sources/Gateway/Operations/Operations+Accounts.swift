/// Which account an operation acts for.
extension Operations {
    /// The account that a call means: the one it names; a reversal's is its original's; else the default one.
    ///
    /// - Throws: `invalidArgument` for a retired one, which takes nothing new but the reversal of what it took.
    func account(
        of work: Dispatch.Work,
        _ kind: OperationKind,
        _ original: Record?
    ) async throws(GatewayError) -> MPesaAccount {
        let name = work.call.account ?? original?.accountName
        let account = try await directory.account(name, for: work.principal)
        if let original { try Operations.check(account, isOf: original) }
        if let refusal = account.refusal(of: kind.direction) { throw refusal }
        return account
    }

    /// What is reversed went through one account, and goes back through no other.
    static func check(_ account: MPesaAccount, isOf original: Record) throws(GatewayError) {
        guard account.name != original.accountName else { return }
        throw AccountBook.wrong("this transaction is of the account \(original.accountName).")
    }
}

extension MPesaAccount {
    /// Why it begins nothing of this direction; nil where it does.
    package func refusal(of direction: OperationDirection) -> GatewayError? {
        if retiredAt != nil, direction != .reverse {
            return AccountBook.wrong("\(name) is retired: it takes nothing new.")
        }
        if direction == .incoming, profile.shortCodeType == "payout" {
            return AccountBook.wrong("\(name) pays out and collects nothing. Name another account.")
        }
        return nil
    }
}

extension AccountName {
    /// Where an account's names of a plugin's begin.
    ///
    /// Those of the first one begin as they did when there was no other. No plugin's id holds a slash.
    func scope(_ plugin: String) -> String { self == .main ? plugin + ":" : "\(plugin)/\(description):" }
}
