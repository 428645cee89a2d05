import Gateway
import GatewayTesting
import Synchronization

/// Which batches had to stop for what M-Pesa said of one of their items, and when people let them go on.
///
/// The house stops a batch in the commit of that item. What begins to be sent after that commit has come back must have been
/// let go on in between; what M-Pesa said of the organization's credentials lets nobody go on.
final class BatchWatch: Sendable {
    /// What M-Pesa says for lack of money: the batch waits for a person.
    static let poor = "1"
    /// What it says where the organization's own credentials are wrong: what is left never leaves.
    static let locked = "2001"

    private struct State {
        var halts: [String: [(code: String, item: RecordID, at: Uptime)]] = [:]
        /// From when until when somebody let it go on; one that is not over yet has no end.
        var words: [String: [(from: Uptime, to: Uptime?)]] = [:]
    }

    private let state = Mutex(State())

    /// Somebody begins to let a batch go on; answers how to say that they are done.
    func noteWord(_ batch: String, at now: Uptime) -> Int {
        state.withLock { state in
            state.words[batch, default: []].append((now, nil))
            return (state.words[batch]?.count ?? 1) - 1
        }
    }

    func noteWordEnded(_ batch: String, _ number: Int, at now: Uptime) {
        state.withLock { $0.words[batch]?[number].to = now }
    }

    /// An item has failed by a code that stops its batch, and that is written.
    fileprivate func noteHalt(_ batch: String, _ code: String, _ item: RecordID, at now: Uptime) {
        state.withLock { $0.halts[batch, default: []].append((code, item, now)) }
    }

    /// By which item a batch had to stop before something of it began to be sent; nil where it might.
    fileprivate func objection(to batch: String, begun: Uptime) -> (code: String, item: RecordID)? {
        state.withLock { state in
            let words = state.words[batch] ?? []
            return state.halts[batch]?
                .first { halt in
                    let isMeant = words.contains { $0.from <= begun && ($0.to.map { $0 >= halt.at } ?? true) }
                    return halt.at < begun && (halt.code == Self.locked || !isMeant)
                }
                .map { ($0.code, $0.item) }
        }
    }
}

extension World {
    /// Changes of records that were written, and asked for since a moment: what stops a batch, and what leaves all the same.
    func watch(_ changes: [RecordChange], askedFor began: Uptime) {
        for change in changes {
            let record = change.record
            guard let place = record.batch else { continue }
            let name = "\(record.organization) \(place.batch)"
            if change.whileRunning != nil, let found = batchWatch.objection(to: name, begun: began) {
                accuse("\(record.id) left though its batch had to stop: \(found.item) had failed with \(found.code)")
            }
            let hasFailed = change.events.contains { $0.from != $0.to && $0.to == .failed }
            guard hasFailed, let code = record.code, [BatchWatch.poor, BatchWatch.locked].contains(code) else {
                continue
            }
            batchWatch.noteHalt(name, code, record.id, at: time.uptime)
        }
    }

    /// A try of a row leaves: none of those before it was paid or may be, and no more is under way than was released.
    func watch(_ item: Record, at place: BatchPlace, in mpesa: SimulatedMPesa) {
        guard var earlier = place.retryOf else { return }
        var tries: [RecordID] = []
        while true {
            tries.append(earlier)
            guard let next = disk.record(earlier)?.batch?.retryOf else { break }
            earlier = next
        }
        note("\(item.id) tries row \(place.row) of batch \(place.batch) again, number \(tries.count + 1)")
        for id in tries {
            guard let entry = mpesa.entry(id), entry.decision == .open || entry.isPaid else { continue }
            accuse("\(item.id) left to pay again what \(id) \(entry.isPaid ? "has paid" : "may pay yet")")
        }
        let underWay = mpesa.entries.filter { $0.decision == .open || $0.isPaid }
            .filter { entry in
                guard entry.id != item.id, let other = disk.record(entry.id) else { return false }
                return other.organization == item.organization && other.batch?.batch == place.batch
            }
            .reduce(item.intent.amount?.amount ?? 0) { $0 + $1.amount }
        guard let batch = disk.batches.first(where: { $0.id == place.batch && $0.organization == item.organization })
        else { return accuse("\(item.id) left, and its batch is not there") }
        if underWay > batch.total {
            accuse("\(underWay) of batch \(batch.id) are paid or under way, which was \(batch.total)")
        }
    }
}

extension Simulation {
    /// M-Pesa's own bad times: the organizations' money runs out, it takes little, or their operator is locked.
    func moods() async {
        while !world.isCalm, !Task.isCancelled {
            await world.wait(5_000...80_000)
            guard !world.isCalm else { return }
            mpesa.fall(into: SimulatedMPesa.moods[world.pick(0...SimulatedMPesa.moods.count - 1)])
            await world.wait(2_000...60_000)
            mpesa.fall(into: nil)
        }
    }
}
