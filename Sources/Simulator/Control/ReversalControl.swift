import OrderedJSON

extension Simulator {
    /// What has gone back to whom, and every reversal that was taken.
    func reversals(phone: String?) -> SimulatorAnswer {
        let reversals = state.withLock { state in
            state.reversals.all.values.filter { phone == nil || $0.phone == phone }
                .sorted { $0.createdMilliseconds < $1.createdMilliseconds }
        }
        return .json(
            200,
            [
                "count": .integer(Int64(reversals.count(where: \.isDone))),
                "total": .integer(reversals.reduce(0) { $0 + $1.returned }),
                "reversals": .array(reversals.map(\.json)),
            ]
        )
    }

    /// Decides now, or posts the result once more.
    func settleNow(reversal id: String, resend: Bool) -> SimulatorAnswer {
        guard let reversal = state.withLock({ $0.reversals.all[id] }) else {
            return .json(404, ["error": "no reversal with this ConversationID"])
        }
        if !resend { decide(reversal: id) }
        guard reversal.isDecided || !resend else {
            return .json(409, ["error": "M-Pesa has not decided yet: settle it first"])
        }
        sendResults(ofReversal: id, times: 1)
        return .json(200, ["settled": .string(id)])
    }

    /// Who was charged, and how much of it has gone back.
    func ledger(phone: String?) -> SimulatorAnswer {
        let charges = charges(phone: phone)
        let returned = state.withLock { state in charges.map { state.reversals.returned(of: $0.receipt) } }
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
