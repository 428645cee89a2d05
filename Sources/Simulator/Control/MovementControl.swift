import NIOPosix
import OrderedJSON

extension Simulator {
    /// Who was paid out (`payouts`) or paid back (`reversals`), how much, and each that was taken.
    func movements(_ name: String, phone: String?) async -> SimulatorAnswer {
        let isReversals = name == "reversals"
        let (books, older) = state.withLock { ($0.books, $0.movements.olderCount) }
        let all = await entries(of: phone, newest: \.movements).filter { ($0.original != nil) == isReversals }
        var sum = isReversals ? books.reversals : books.payouts
        if phone != nil {
            sum.count = Int64(all.count(where: \.isDone))
            sum.total = all.reduce(0) { $0 + (isReversals ? $1.returned : $1.isDone ? $1.amount : 0) }
        }
        return list(
            name,
            all.map(\.json),
            ["count": .integer(sum.count), "total": .integer(sum.total)],
            older: phone == nil ? older : 0
        )
    }

    /// Decides now, or posts the result once more.
    func settleNow(movement id: String, resend: Bool) -> SimulatorAnswer {
        if !resend { decide(movement: id) }
        guard let movement = state.withLock({ $0.movements.find(id) }) else {
            return .json(404, ["error": "no payout and no reversal with this ConversationID"])
        }
        guard movement.isDecided else {
            return .json(409, ["error": "M-Pesa has not decided yet: settle it first"])
        }
        sendResults(of: id, times: 1)
        return .json(200, ["settled": .string(id)])
    }

    /// `{"utility": 500}`: what every utility account holds from now on, or that of `"short_code"`.
    ///
    /// Payouts beyond it end with code 1, until somebody fills it again.
    func setFunds(_ body: JSON) -> SimulatorAnswer {
        guard let utility = body["utility"]?.integerValue, (0...1_000_000_000_000).contains(utility) else {
            return .json(400, ["error": "utility: expected whole shillings, 0 to 1,000,000,000,000"])
        }
        let named = body["short_code"]?.stringValue
        let codes = settings.accounts.map(\.shortCode).filter { named == nil || $0 == named }
        guard !codes.isEmpty else { return .json(400, ["error": "short_code: expected one of this simulator's"]) }
        state.withLock { state in for code in codes { state.books.fill(code, to: utility) } }
        return .json(200, ["utility": .integer(utility), "short_codes": .array(codes.map { .string($0) })])
    }

    /// `{"taken_per_s": 5, "decided_per_s": 2}`: how fast payouts and reversals are taken and worked off from now on; as
    /// fast as they come without the member.
    func setPace(_ body: JSON) -> SimulatorAnswer {
        for name in ["taken_per_s", "decided_per_s"] {
            guard let value = body[name] else { continue }
            guard let rate = value.integerValue, (1...1000).contains(rate) else {
                return .json(400, ["error": .string("\(name): expected a whole number, 1 to 1,000")])
            }
        }
        state.withLock { state in
            state.pace.takenPerSecond = body["taken_per_s"]?.integerValue
            state.pace.decidedPerSecond = body["decided_per_s"]?.integerValue
        }
        return .json(
            200,
            ["taken_per_s": body["taken_per_s"] ?? .null, "decided_per_s": body["decided_per_s"] ?? .null]
        )
    }

    /// Who was charged, and how much of it has gone back.
    func ledger(phone: String?) async -> SimulatorAnswer {
        let (books, older) = state.withLock { ($0.books, $0.prompts.olderCount) }
        let charges = await entries(of: phone, newest: \.prompts).filter { $0.resultCode == 0 }
            .map { ($0, books.returned(of: $0.receipt ?? "")) }
        var (sum, returned) = (books.charges, books.reversals.total)
        if phone != nil {
            sum.count = Int64(charges.count)
            sum.total = charges.reduce(0) { $0 + $1.0.amount }
            returned = charges.reduce(0) { $0 + $1.1 }
        }
        return list(
            "charges",
            charges.map { $0.charge(returned: $1) },
            ["count": .integer(sum.count), "total": .integer(sum.total), "returned": .integer(returned)],
            older: phone == nil ? older : 0
        )
    }

    /// A list beside what is said of all; `older` where it leaves some out.
    func list(_ name: String, _ entries: [JSON], _ beside: JSONObject = [:], older: Int) -> SimulatorAnswer {
        var document = beside
        if older > 0 { document["older"] = .integer(Int64(older)) }
        document[name] = .array(entries)
        return .json(200, .object(document))
    }

    /// The entries of a phone, those in the journal among them; without a phone those in memory.
    private func entries<Entry: JournalEntry>(
        of phone: String?,
        newest: @Sendable (SimulatorState) -> Entries<Entry>
    ) async -> [Entry] {
        let (entries, journal, start) = state.withLock { (newest($0), $0.journal, $0.start) }
        guard let phone else { return entries.newest }
        var found: [String: Entry] = [:]
        if entries.olderCount > 0 { found = await Simulator.read(journal, from: start, phone: phone) }
        for entry in entries.newest where entry.phone == phone { found[entry.ids[0]] = entry }
        return found.values.sorted { $0.createdMilliseconds < $1.createdMilliseconds }
    }

    /// What the journal holds of a phone, the newest line of each, by its id; read on a thread that may wait for a disk.
    private static func read<Entry: JournalEntry>(
        _ journal: Journal,
        from start: Int64,
        phone: String
    ) async -> [String: Entry] {
        let read: @Sendable () -> [String: Entry] = {
            var found: [String: Entry] = [:]
            journal.lines(from: start) { line, _ in
                if let entry = (try? JSON(parsing: Array(line))).flatMap(Entry.init), entry.phone == phone {
                    found[entry.ids[0]] = entry
                }
                return true
            }
            return found
        }
        // Only a program that is ending has no such threads.
        return (try? await NIOThreadPool.singleton.runIfActive(read)) ?? [:]
    }
}
