// What reversals and their originals do to each other, in one commit.
extension Settlement {
    /// The change of an original with which a reversal of it is committed; nil when it takes none now.
    ///
    /// What whoever asks says of others is kept with it once it is about to be sent: with a draft nobody has agreed to it.
    func beginning(
        _ reversal: Record,
        of original: Reversals.Original,
        at now: Timestamp? = nil
    ) -> RecordChange? {
        guard let mark = ReversalMark(of: reversal) else { return nil }
        let unmoved = reversal.state == .draft ? [] : original.unmoved
        let what = RecordMachine.Happening.reversing(mark, besides: unmoved, ended: original.ended)
        return move(what, on: original.record, at: now ?? reversal.createdAt).map { change($0) }
    }

    /// A reversal that M-Pesa contradicts keeps what it was for of its original, in the commit that says so: none is begun
    /// meanwhile that does not know of it.
    func doubting(by step: RecordMachine.Step) async throws(GatewayError) -> [Move] {
        guard step.effects.contains(.raiseDispute), step.record.state != .succeeded, step.record.isContradicted,
            let id = step.record.intent.original, let mark = ReversalMark(of: step.record)
        else { return [] }
        let found = try await records.record(id, of: step.record)
        return found.flatMap { move(.doubting(mark), on: $0, at: step.event.at) }.map { [$0] } ?? []
    }

    /// A reversal that a person takes back, because M-Pesa has called it both, gives nothing back of its original.
    func restoring(by step: RecordMachine.Step) async throws(GatewayError) -> [Move] {
        guard let id = step.record.intent.original, let mark = ReversalMark(of: step.record) else { return [] }
        let found = try await records.record(id, of: step.record)
        return found.flatMap { move(.restored(from: mark), on: $0, at: step.event.at) }.map { [$0] } ?? []
    }

    /// A reversal that succeeds gives back so much of its original.
    ///
    /// Where that is more than was paid, both say so. Where it would be, should those that are open succeed too, they and
    /// it name each other.
    func reversing(
        by step: RecordMachine.Step,
        besides moved: [RecordID: Record]
    ) async throws(GatewayError) -> [Move] {
        guard let id = step.record.intent.original, let mark = ReversalMark(of: step.record) else { return [] }
        let found = try await newest(id, of: step.record, besides: moved)
        guard let found, let reversed = move(.reversed(by: mark), on: found, at: step.event.at) else {
            if found?.isDamaged != false {
                logger.error(
                    "the original of a reversal is not there, or cannot be read",
                    metadata: ["record": "\(step.record.id)", "original": "\(id)"]
                )
            }
            return []
        }
        var moves = [reversed]
        let original = reversed.step.record
        var newest = step.record
        if original.reversedAmount > original.intent.amount?.amount ?? 0,
            let excess = move(.reversedTooMuch(of: original), on: newest, at: step.event.at)
        {
            moves.append(excess)
            newest = excess.step.record
        }
        let rivals = try await rivals(of: newest, for: original).map { moved[$0.id] ?? $0 }
        return moves + doubles(of: newest, rivals, at: step.event.at)
    }

    /// Whether it reverses the whole of its original, and no other reversal of that is known.
    ///
    /// An original that cannot be read now says nothing of the kind.
    func isOnlyReversal(_ reversal: Record) async -> Bool {
        guard let id = reversal.intent.original,
            let original = try? await records.record(id, of: reversal)
        else { return false }
        return original.reversals.map(\.id) == [reversal.id] && original.intent.amount == reversal.intent.amount
    }

    /// The reversals that are open beside one that has succeeded, if there is not room for all of them.
    private func rivals(of reversal: Record, for original: Record) async throws(GatewayError) -> [Record] {
        var open: [Record] = []
        for mark in original.reversals where mark.id != reversal.id && !mark.isDone && !mark.isCalledUnmoved {
            let found = try await records.record(mark.id, of: original)
            if let found, !found.state.isEnded { open.append(found) }
        }
        let sum = open.reduce(original.reversedAmount) { $0 + ($1.intent.amount?.amount ?? 0) }
        return sum > original.intent.amount?.amount ?? 0 ? Array(open.prefix(twinsMax)) : []
    }
}

extension ReversalMark {
    /// As its original keeps a reversal; nil for one without an amount.
    init?(of reversal: Record) {
        guard let amount = reversal.intent.amount else { return nil }
        self.init(id: reversal.id, amount: amount)
    }
}
