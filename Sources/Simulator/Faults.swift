import OrderedJSON

/// What every money request has in common: how it is read, which outcome it has, and how a fault looks.
extension Simulator {
    /// A member as text; numbers are written as text by some clients.
    func text(_ body: JSON, _ name: String) -> String {
        body[name]?.stringValue ?? body[name]?.integerValue.map(String.init) ?? ""
    }

    /// The outcome of a request for a phone: the control API's choice first.
    func choose(phone: String, amount: Int64) -> Outcome {
        state.withLock { state in
            state.chosen(phone: phone) ?? Outcome.chosen(phone: phone, amount: amount)
        }
    }

    /// Another request for the same customer is under way.
    func lockError() -> SimulatorAnswer {
        error(
            500,
            "500.001.1001",
            "Unable to lock subscriber, a transaction is already in process for the current subscriber"
        )
    }

    /// Faults that come before M-Pesa takes a request; `refusal` is how its API refuses.
    func faultBefore(
        _ outcome: Outcome,
        _ request: SimulatorRequest,
        phone: String,
        refusal: JSON
    ) -> SimulatorAnswer? {
        switch outcome {
        case .closed: return .close
        case .http500: return .answer(status: 500, body: [])
        case .busy: return error(500, "500.003.02", "System is busy. Please try again in few minutes.")
        case .spikeArrest: return spikeArrest
        case .tooManyRequests: return .json(429, tooManyRequests)
        case .spikeFault: return .json(500, tooManyRequests)
        case .blockPage: return .answer(status: 403, body: Array(blockPage.utf8))
        case .portalPage:
            return .answer(status: 200, body: Array("<!DOCTYPE html><title>Developer portal</title>".utf8))
        case .wrongCredentials: return error(500, "500.001.1001", "Wrong credentials")
        case .lock: return lockError()
        case .refused: return .json(200, refusal)
        case .tokenExpired:
            guard state.withLock({ $0.refusesOnce(phone) }) else { return nil }
            state.withLock { state in
                state.tokens = state.tokens.filter { request.authorization != "Bearer " + $0.value.text }
            }
            return error(404, "404.001.03", "Invalid Access Token")
        default: return nil
        }
    }

    /// The refusal of an operator's request that comes faster than M-Pesa takes them; nil when it is taken.
    func throttled() -> SimulatorAnswer? {
        let now = nowMilliseconds()
        return state.withLock { !$0.movements.isFull && $0.pace.takes(atMilliseconds: now) } ? nil : spikeArrest
    }

    private var spikeArrest: SimulatorAnswer { error(500, "500.003.02", "Error Occurred: Spike Arrest Violation") }

    /// Assumed: the fault of the API gateway that Safaricom runs, in whose form integrators see throttling as 429.
    private var tooManyRequests: JSON {
        [
            "fault": [
                "faultstring": "Spike arrest violation. Allowed rate : MessageRate{capacity=10, period=1000}",
                "detail": ["errorcode": "policies.ratelimit.SpikeArrestViolation"],
            ]
        ]
    }

    /// The page of the firewall before the API, as integrators record it.
    private var blockPage: String {
        """
        <html><head><META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW"></head><body>Request unsuccessful. Incapsula \
        incident ID: 893000101234567890-123456789012345678</body></html>
        """
    }

    /// How a request that was taken is answered; `taken` is the answer without faults.
    func faultAfter(_ outcome: Outcome, _ taken: JSON) -> SimulatorAnswer {
        switch outcome {
        case .replyLost, .silence: .close
        case .slowReply: .later(.seconds(5), .json(200, taken))
        case .http503: .answer(status: 503, body: Array("<html>Service Unavailable</html>".utf8))
        case .garbage: .answer(status: 200, body: Array(taken.bytes.prefix(24)))
        case .noIDs: .json(200, ["ResponseCode": "0", "ResponseDescription": "Success"])
        default: .json(200, taken)
        }
    }

    /// A receipt that no other payment has.
    func receipt() -> String {
        let letters = Array("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789")
        return "S" + String((0..<9).compactMap { _ in letters.randomElement() })
    }
}
