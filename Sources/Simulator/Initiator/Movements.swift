/// Every payout and reversal that was taken, and what they have done to the accounts.
struct Movements {
    /// What a short code's utility account holds before the first payout, in whole shillings.
    static let fundsAtFirst: Int64 = 10_000_000

    /// By ConversationID.
    private(set) var all: [String: Movement] = [:]
    /// The ConversationID of every OriginatorConversationID: what M-Pesa knows a repeat by.
    private var originators: [String: String] = [:]
    /// The reversals of each payment, by its receipt.
    private var ofReceipt: [String: [String]] = [:]
    /// What has gone out of each short code's utility account.
    private var paid: [String: Int64] = [:]
    /// What was put into it, where somebody said so.
    private var filled: [String: Int64] = [:]

    /// The movement that was asked for under an OriginatorConversationID.
    func asked(by originator: String) -> Movement? { originators[originator].flatMap { all[$0] } }

    /// Keeps a movement as it stands now; a full simulator forgets everything rather than slow down.
    mutating func keep(_ movement: Movement, most entriesMax: Int) {
        let known = all[movement.conversationID]
        if known == nil {
            if all.count >= entriesMax { self = Movements() }
            originators[movement.originatorID] = movement.conversationID
            if let original = movement.original { ofReceipt[original, default: []].append(movement.conversationID) }
        }
        if movement.kind == .payout, movement.isDone, known?.isDone != true {
            paid[movement.shortCode, default: 0] += movement.amount
        }
        all[movement.conversationID] = movement
    }

    /// Keeps what a callback was answered with.
    mutating func note(callbackStatus: Int, of id: String) { all[id]?.callbackStatuses.append(callbackStatus) }

    /// How much of a payment has gone back.
    func returned(of receipt: String) -> Int64 {
        (ofReceipt[receipt] ?? []).reduce(0) { $0 + (all[$1]?.returned ?? 0) }
    }

    /// How much has gone back of all that a short code was paid.
    func returned(by shortCode: String) -> Int64 {
        all.values.filter { $0.shortCode == shortCode }.reduce(0) { $0 + $1.returned }
    }

    /// What a short code's utility account holds.
    func utility(of shortCode: String) -> Int64 {
        (filled[shortCode] ?? Movements.fundsAtFirst) - (paid[shortCode] ?? 0)
    }

    /// Puts into a utility account what makes it hold so much.
    mutating func fill(_ shortCode: String, to utility: Int64) {
        filled[shortCode] = utility + (paid[shortCode] ?? 0)
    }
}
