import Gateway
import GatewayTesting

/// What must hold once all evidence has come, read off the ledger and the disk.
extension Simulation {
    func judge() {
        for (record, events) in world.disk.records {
            judge(steps: events, of: record)
            // What waits for a person is that person's move.
            if !record.state.isEnded && record.state != .manual && record.nextActionAt == nil {
                world.accuse("\(record.id) is \(record.state.rawValue), and nobody comes back to it")
            }
            if record.recordClass == .transaction { judge(record) }
        }
        judgeKeys()
        judgeRefunds()
        judgeGuards()
        judgeLimits()
        judgeBatches()
        judgeFeed()
        let unsettled = world.disk.unsettledCallbacks
        if unsettled > 0 { world.accuse("\(unsettled) callbacks were left") }
        world.note("judged: \(world.disk.records.map { "\($0.record.id) \($0.record.state.rawValue)" })")
    }

    /// Steps sum to the state.
    private func judge(steps: [RecordEvent], of record: Record) {
        let isWhole = steps.map(\.sequence) == Array(1...max(1, record.version)) && steps.last?.to == record.state
        let isChain = zip(steps, steps.dropFirst()).allSatisfy { $0.to == $1.from }
        if !isWhole || !isChain {
            world.accuse("the steps of \(record.id) do not lead to \(record.state.rawValue): \(steps.map(\.sequence))")
        }
    }

    /// Whoever is told that a payment succeeded, or did not, is told the truth.
    private func judge(_ record: Record) {
        let isPaid = mpesa.entry(record.id)?.isPaid ?? false
        switch record.state {
        case .succeeded, .reversed:
            if !isPaid && !isRightlyTakenForDone(record) {
                world.accuse("\(record.id) is \(record.state.rawValue), and was not paid")
            }
        case .failed, .cancelled, .expired, .rejected, .withdrawn, .noAnswer:
            if isPaid { world.accuse("\(record.id) is \(record.state.rawValue), and was paid") }
        case .created, .sending, .accepted, .unknown, .reconciling, .manual:
            if isPaid { world.accuse("\(record.id) is \(record.state.rawValue), and was paid") }
        case .draft, .released:
            world.accuse("\(record.id) is \(record.state.rawValue) still, long after its time")
        }
        // What was held is tried again.
        let isFinal = record.state != .rejected && record.hold == nil
        if mpesa.entry(record.id) == nil, world.keptUnsent.contains(record.id), isFinal {
            world.accuse("\(record.id) never left, which was known, and is \(record.state.rawValue)")
        }
    }

    /// M-Pesa said that it was reversed before; it is the only reversal, and of all that was paid.
    private func isRightlyTakenForDone(_ record: Record) -> Bool {
        guard mpesa.entry(record.id)?.decision == .reversedBefore,
            let original = record.intent.original.flatMap({ world.disk.record($0) })
        else { return false }
        return original.reversals.map(\.id) == [record.id] && original.intent.amount == record.intent.amount
    }

    /// At most one debit for each key, given or derived.
    private func judgeKeys() {
        var debits: [String: Int] = [:]
        for entry in mpesa.entries where entry.debits > 0 {
            guard let record = world.disk.record(entry.id) else {
                world.accuse("M-Pesa was paid for \(entry.id), of which nothing is kept")
                continue
            }
            let key =
                record.batch.map { "batch \($0.batch) \($0.sequence)" } ?? world.disk.key(of: entry.id) ?? "none"
            debits["\(record.organization) \(key)", default: 0] += entry.debits
        }
        for (key, count) in debits.sorted(by: { $0.key < $1.key }) where count > 1 {
            // A clock set ahead and a restart let the minutes of a derived key pass at once (docs/adr/0020).
            if key.contains(" call:"), world.time.wasSetAhead { continue }
            world.accuse("\(count) debits under the key \(key)")
        }
    }

    /// No more is given back than was paid, and what was given back whole is shown so.
    private func judgeRefunds() {
        var back = mpesa.givenBackElsewhere
        for entry in mpesa.entries where entry.kind == "refund" && entry.isPaid {
            guard let original = world.disk.record(entry.id)?.intent.original else {
                world.accuse("\(entry.id) gave back what is not known")
                continue
            }
            back[original, default: 0] += entry.amount * Int64(entry.debits)
        }
        for (id, sum) in back.sorted(by: { $0.key.raw < $1.key.raw }) {
            guard let original = world.disk.record(id), let paid = original.intent.amount?.amount else { continue }
            if sum > paid { world.accuse("\(sum) were given back of \(id), which was \(paid)") }
            // What went back past the gateway may be known by a dispute alone.
            let isDisputed =
                mpesa.givenBackElsewhere[id] != nil
                && original.reversals.contains { world.disk.record($0.id)?.isDisputed ?? false }
            if (sum >= paid) != (original.state == .reversed), !isDisputed {
                world.accuse("\(id) is \(original.state.rawValue), and \(sum) of \(paid) were given back")
            }
        }
    }

    /// Nobody is asked twice at a time: M-Pesa never takes a second request that an open one's guard keeps out.
    private func judgeGuards() {
        let taken = mpesa.entries.compactMap { entry in world.disk.record(entry.id).map { (entry, $0) } }
        for (first, record) in taken {
            for (second, other) in taken where second.number > first.number {
                let isSame =
                    record.organization == other.organization && record.tool == other.tool && record.intent.party != nil
                    && record.intent.party == other.intent.party && record.intent.amount == other.intent.amount
                // What tries a row again meets no guard, and is judged as it leaves.
                let (place, others) = (record.batch, other.batch)
                let isAgain = others?.retryOf != nil && others?.batch == place?.batch && others?.row == place?.row
                let apart = other.begunAt - record.begunAt
                // The guard's minute, and less than the clock may be set by.
                if isSame, !isAgain, apart > .zero, apart < .seconds(55), record.sentAt != nil {
                    world.accuse("\(other.id) was asked for \(apart) after \(record.id), whose guard held")
                }
            }
        }
    }

    /// No more leaves on a day than the organization's limit lets; what M-Pesa was paid for is counted.
    ///
    /// What succeeds after it had failed is counted past the limit: nobody could keep it.
    private func judgeLimits() {
        var sums: [String: Int64] = [:]
        for (record, events) in world.disk.records where record.direction == .outgoing {
            let isCounted = record.limited.map { !$0.isGivenBack } ?? false
            if mpesa.entry(record.id)?.isPaid ?? false, !isCounted {
                world.accuse("\(record.id) was paid, and is not counted")
            }
            // So is what has ended as not paid, and is said to have been: it is disputed, and its sum is kept.
            let isDoubtful = record.state.isEnded && record.state != .succeeded
            let isLate = isDoubtful || events.contains { $0.from != $0.to && $0.from.isEnded }
            guard isCounted, !isLate, let mark = record.limited, let amount = record.intent.amount?.amount else {
                continue
            }
            sums["\(record.organization) \(mark.day)", default: 0] += amount
        }
        for (place, sum) in sums.sorted(by: { $0.key < $1.key }) where sum > Self.limit.dayMax ?? 0 {
            world.accuse("\(sum) were paid out by \(place), past its limit")
        }
    }
}
