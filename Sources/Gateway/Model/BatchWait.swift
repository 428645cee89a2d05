/// Why a batch that runs sends nothing now: its account's places are taken.
package struct BatchWait: Sendable, Equatable {
    /// The account.
    package let account: AccountName
    /// How many payments of batches have its places.
    package let taken: Int
    /// How many of them are of other batches.
    package let others: Int
    /// When the next place is given back, whatever M-Pesa says.
    package let next: Timestamp

    /// For people: what it waits for, where that is found, and until when.
    package var words: String {
        let whose = others == 0 ? "all of them its own" : "\(others) of them of other batches"
        return """
            All \(taken) places of its account are taken by payments that M-Pesa has not decided, \(whose): they are among \
            GET /transactions?status=PENDING&account=\(account), and GET /unknowns says what can be done about each. The \
            next place is free once M-Pesa decides, at \(next) at the latest.
            """
    }
}
