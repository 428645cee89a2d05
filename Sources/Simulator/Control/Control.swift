import NIOPosix
import OrderedJSON

extension Simulator {
    /// The control API under `/simulator/`: docs/simulator.md.
    func control(_ request: SimulatorRequest) async -> SimulatorAnswer {
        let segments = request.path.split(separator: "/").dropFirst().map(String.init)
        let body = (try? JSON(parsing: request.body)) ?? [:]
        switch (request.method, segments.first, segments.count) {
        case ("GET", "ledger", 1): return await ledger(phone: request.query["phone"])
        case ("GET", "prompts", 1):
            let (prompts, older) = state.withLock { ($0.prompts.newest, $0.prompts.olderCount) }
            return list("prompts", prompts.map(\.json), older: older)
        case ("GET", "payouts", 1), ("GET", "reversals", 1):
            return await movements(segments[0], phone: request.query["phone"])
        case ("GET", "certificate", 1): return .answer(status: 200, body: keys.publicPEM)
        case ("GET", "requests", 1): return requests()
        case ("GET", "tokens", 1): return tokens()
        case ("POST", "tokens", 1): return setTokenLife(body)
        case ("POST", "outcomes", 1): return setOutcome(body)
        case ("POST", "balance", 1):
            state.withLock { $0.balanceText = body["text"]?.stringValue }
            return .json(200, ["text": body["text"] ?? .null])
        case ("POST", "prompts", 3) where segments[2] == "settle": return settleNow(segments[1], resend: false)
        case ("POST", "prompts", 3) where segments[2] == "resend": return settleNow(segments[1], resend: true)
        case ("POST", "payouts", 3) where ["settle", "resend"].contains(segments[2]),
            ("POST", "reversals", 3) where ["settle", "resend"].contains(segments[2]):
            return settleNow(movement: segments[1], resend: segments[2] == "resend")
        case ("POST", "funds", 1): return setFunds(body)
        case ("POST", "replies", 1): return setReplies(body)
        case ("POST", "pace", 1): return setPace(body)
        case ("POST", "reset", 1):
            state.withLock { $0.reset() }
            return .json(200, ["reset": true])
        default:
            return .json(404, ["error": "no such control; see docs/simulator.md"])
        }
    }

    private func requests() -> SimulatorAnswer {
        let (requests, count, tokens) = state.withLock { ($0.requests, $0.requestsCount, $0.tokensIssued) }
        return .json(
            200,
            [
                "tokens_issued": .integer(Int64(tokens)), "count": .integer(Int64(count)),
                "requests": .array(requests.map { ["path": .string($0.path), "body": .string($0.body)] }),
            ]
        )
    }

    /// `{"outcome": "cancelled"}` for the next push, with `"times"` for the next few, or with `"phone"` for a phone
    /// from now on.
    private func setOutcome(_ body: JSON) -> SimulatorAnswer {
        guard let outcome = body["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:)) else {
            let names = Outcome.allCases.map(\.rawValue).joined(separator: ", ")
            return .json(400, ["error": .string("outcome: expected one of \(names)")])
        }
        guard let times = body["times"] == nil ? 1 : body["times"]?.integerValue, (1...1_000_000_000).contains(times)
        else {
            return .json(400, ["error": "times: expected a whole number, 1 to 1,000,000,000"])
        }
        state.withLock { state in
            if let phone = body["phone"]?.stringValue {
                state.choose(outcome, phone: phone)
            } else {
                state.choose(outcome, times: Int(times))
            }
        }
        return .json(200, ["outcome": .string(outcome.rawValue)])
    }

    /// `{"path": "/mpesa/qrcode/v1/generate", "replies": [{"status": 200, "body": {}}]}`: what comes back from now on.
    private func setReplies(_ body: JSON) -> SimulatorAnswer {
        let path = body["path"]?.stringValue ?? ""
        do throws(RecordedReplies.Wrong) {
            try state.withLock { state throws(RecordedReplies.Wrong) in
                try state.replies.set(body["replies"] ?? .null, for: path)
            }
        } catch { return .json(400, ["error": .string(error.description)]) }
        return .json(200, ["path": .string(path)])
    }

    private func settleNow(_ checkout: String, resend: Bool) -> SimulatorAnswer {
        guard state.withLock({ $0.prompts.find(checkout) }) != nil else {
            return .json(404, ["error": "no prompt with this CheckoutRequestID"])
        }
        if !resend { decide(checkout) }
        guard state.withLock({ $0.prompts.find(checkout)?.isDecided }) == true else {
            return .json(409, ["error": "the customer has not answered yet: settle it first"])
        }
        MultiThreadedEventLoopGroup.singleton.any()
            .makeFutureWithTask {
                await self.sendCallbacks(checkout, times: 1)
            }
            .whenComplete { _ in }
        return .json(200, ["settled": .string(checkout)])
    }
}
