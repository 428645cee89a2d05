import Cryptography

extension Batch {
    /// What people agree to, in 64 hexadecimal digits: of all that it says, and another one once rows are struck.
    package var agreed: String {
        let whole = Hexadecimal.encode(digest)
        guard !strikes.isEmpty else { return whole }
        let taken = strikes.map { "\n\($0.at.milliseconds) \($0.by) \($0.rows) \($0.amount) \($0.reason)" }
        return SHA256.digest(whole + taken.joined()).hexadecimal
    }
}
