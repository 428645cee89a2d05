/// What prompts, payouts and reversals have done to the accounts, summed up as each is decided: no list is looked through for it.
struct Books: Sendable {
    /// What a short code's utility account holds before the first payout, in whole shillings.
    static let fundsAtFirst: Int64 = 10_000_000

    /// How many, and how much in all.
    struct Sum: Sendable {
        var count: Int64 = 0
        var total: Int64 = 0

        fileprivate mutating func add(_ amount: Int64) {
            count += 1
            total += amount
        }
    }

    private(set) var charges = Sum()
    private(set) var payouts = Sum()
    /// How many reversals are done, and how much has gone back, in M-Pesa's portal too.
    private(set) var reversals = Sum()
    /// What each short code's customers have paid and got back.
    private var working: [String: Int64] = [:]
    /// What has gone out of each short code's utility account.
    private var paid: [String: Int64] = [:]
    /// What was put into it, where somebody said so.
    private var filled: [String: Int64] = [:]
    /// How much has gone back of a payment, by its receipt.
    private var returned: Remembered

    init(idsMax: Int) { returned = Remembered(most: idsMax) }

    /// Counts a prompt that is decided now.
    mutating func add(_ prompt: Prompt, before: Prompt?) {
        guard prompt.resultCode == 0, before?.resultCode != 0 else { return }
        charges.add(prompt.amount)
        working[prompt.shortCode, default: 0] += prompt.amount
    }

    /// Counts a payout or a reversal that is decided now.
    mutating func add(_ movement: Movement, before: Movement?) {
        let isDoneNow = movement.isDone && before?.isDone != true
        guard let original = movement.original else {
            guard isDoneNow else { return }
            payouts.add(movement.amount)
            paid[movement.shortCode, default: 0] += movement.amount
            return
        }
        if isDoneNow { reversals.count += 1 }
        let amount = movement.returned - (before?.returned ?? 0)
        guard amount != 0 else { return }
        reversals.total += amount
        working[movement.shortCode, default: 0] -= amount
        returned.set(self.returned(of: original) + amount, for: original)
    }

    /// How much of a payment has gone back.
    func returned(of receipt: String) -> Int64 { returned[receipt] ?? 0 }

    /// What a short code's accounts hold: in the working account what has come in and not gone back.
    func accounts(of shortCode: String) -> InitiatorResults.Accounts {
        InitiatorResults.Accounts(working: working[shortCode] ?? 0, utility: utility(of: shortCode))
    }

    /// What a short code's utility account holds.
    func utility(of shortCode: String) -> Int64 {
        (filled[shortCode] ?? Books.fundsAtFirst) - (paid[shortCode] ?? 0)
    }

    /// Puts into a utility account what makes it hold so much.
    mutating func fill(_ shortCode: String, to utility: Int64) {
        filled[shortCode] = utility + (paid[shortCode] ?? 0)
    }
}
