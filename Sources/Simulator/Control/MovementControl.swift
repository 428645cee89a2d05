import OrderedJSON

extension Simulator {
    /// Who was paid out (`payouts`) or paid back (`reversals`), how much, and each that was taken.
    func movements(_ name: String, phone: String?) -> SimulatorAnswer {
        let isReversals = name == "reversals"
        let all = state.withLock { state in
            state.movements.all.values
                .filter { ($0.original != nil) == isReversals && (phone == nil || $0.phone == phone) }
                .sorted { $0.createdMilliseconds < $1.createdMilliseconds }
        }
        let total = all.reduce(0) { $0 + (isReversals ? $1.returned : $1.isDone ? $1.amount : 0) }
        return .json(
            200,
            [
                "count": .integer(Int64(all.count(where: \.isDone))), "total": .integer(total),
                name: .array(all.map(\.json)),
            ]
        )
    }

    /// Decides now, or posts the result once more.
    func settleNow(movement id: String, resend: Bool) -> SimulatorAnswer {
        if !resend { decide(movement: id) }
        guard let movement = state.withLock({ $0.movements.all[id] }) else {
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
        state.withLock { state in for code in codes { state.movements.fill(code, to: utility) } }
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
    func ledger(phone: String?) -> SimulatorAnswer {
        let charges = charges(phone: phone)
        let returned = state.withLock { state in charges.map { state.movements.returned(of: $0.receipt) } }
        return .json(
            200,
            [
                "count": .integer(Int64(charges.count)),
                "total": .integer(charges.reduce(0) { $0 + $1.amount }),
                "returned": .integer(returned.reduce(0, +)),
                "charges": .array(
                    zip(charges, returned)
                        .map { charge, returned in
                            var document = charge.json.objectValue ?? [:]
                            document["returned"] = .integer(returned)
                            return .object(document)
                        }
                ),
            ]
        )
    }
}
