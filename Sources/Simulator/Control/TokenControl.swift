import OrderedJSON

/// The control API of access tokens: how long they live, what is said of it, and how long the newest still have.
extension Simulator {
    /// The longest life of a token that can be set: a day.
    private static let lifeMillisecondsMax: Int64 = 86_400_000

    func tokens() -> SimulatorAnswer {
        let now = nowMilliseconds()
        return state.withLock { state in
            let left = state.tokens.mapValues { JSON.integer(max(0, $0.goodUntilMilliseconds - now)) }
            return .json(
                200,
                [
                    "issued": .integer(Int64(state.tokensIssued)),
                    "life_ms": .integer(state.tokenLife.nanoseconds / 1_000_000),
                    "stated_s": .integer(state.statedTokenLife.components.seconds),
                    "left_ms": .object(JSONObject(left.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })),
                ]
            )
        }
    }

    /// `{"life_ms": 2000}` for the tokens that are issued from now on; `"stated_s"` for what `expires_in` says, else the
    /// life itself in whole seconds.
    func setTokenLife(_ body: JSON) -> SimulatorAnswer {
        let range = 1...Simulator.lifeMillisecondsMax
        guard let life = body["life_ms"]?.integerValue, range.contains(life) else {
            return .json(400, ["error": "life_ms: expected milliseconds, 1 to 86400000"])
        }
        let stated = body["stated_s"].map { $0.integerValue ?? 0 } ?? max(1, life / 1000)
        guard (1...Simulator.lifeMillisecondsMax / 1000).contains(stated) else {
            return .json(400, ["error": "stated_s: expected seconds, 1 to 86400"])
        }
        state.withLock { state in
            state.tokenLife = .milliseconds(life)
            state.statedTokenLife = .seconds(stated)
        }
        return tokens()
    }
}
