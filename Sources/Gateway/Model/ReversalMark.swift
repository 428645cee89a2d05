/// A reversal of a transaction, as its original keeps it.
package struct ReversalMark: Sendable, Equatable {
    /// The reversal.
    package let id: RecordID
    /// How much of the original it gives back.
    package let amount: Shillings
    /// Whether M-Pesa has said that it did.
    package var isDone = false
    /// Whether somebody who began another one said that this one did not move, though M-Pesa has not said so.
    package var isCalledUnmoved = false

    /// Makes a mark of a reversal that is about to be sent.
    package init(id: RecordID, amount: Shillings) {
        self.id = id
        self.amount = amount
    }
}

extension Record {
    /// Whether it has ended without success by M-Pesa's word, and M-Pesa has said nothing else of it.
    package var hasMovedNothing: Bool {
        // What was said of it otherwise may be what cannot be read.
        if isDamaged { return false }
        return switch state {
        case .failed, .cancelled, .expired, .rejected, .withdrawn: !isContradicted && resolution?.isAgreement != false
        case .draft, .released, .created, .sending, .accepted, .unknown, .reconciling, .manual, .succeeded, .reversed,
            .noAnswer:
            false
        }
    }
}

extension Record {
    /// How many reversals of one transaction are kept, which is how many there may be.
    package static let reversalsMax = 64

    /// How much of it M-Pesa has given back, in shillings.
    package var reversedAmount: Int64 {
        // Records of before reversals were kept were reversed as a whole.
        if reversals.isEmpty { return state == .reversed ? intent.amount?.amount ?? 0 : 0 }
        return reversals.reduce(0) { $0 + ($1.isDone ? $1.amount.amount : 0) }
    }

    /// Whether as much of it as was asked for, or more, has been given back.
    var isAllBack: Bool { !reversals.isEmpty && reversedAmount >= intent.amount?.amount ?? 0 }
}
