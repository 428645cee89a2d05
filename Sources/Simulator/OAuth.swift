import Foundation
import OrderedJSON

extension Simulator {
    /// `GET /oauth/v1/generate`. "Each request invalidates the previous token."
    func generateToken(_ request: SimulatorRequest) -> SimulatorAnswer {
        guard request.query["grant_type"] == "client_credentials" else {
            return error(400, "400.008.02", "Invalid grant type passed")
        }
        guard let header = request.authorization, header.hasPrefix("Basic ") else {
            return error(400, "400.008.01", "Invalid Authentication passed")
        }
        let pair = Data(base64Encoded: String(header.dropFirst(6))).map { String(decoding: $0, as: UTF8.self) }
        guard let account = settings.accounts.first(where: { "\($0.consumerKey):\($0.consumerSecret)" == pair }) else {
            // A wrong key or secret answers 400 with nothing in it.
            return .answer(status: 400, body: [])
        }
        let text = "sim" + String(UInt64.random(in: .min ... .max), radix: 36) + identifier()
        let stated = state.withLock { state in
            state.tokensIssued += 1
            state.tokens[account.consumerKey] = SimulatorState.Token(
                text: text,
                goodUntilMilliseconds: nowMilliseconds() + state.tokenLife.nanoseconds / 1_000_000
            )
            return max(1, state.statedTokenLife.components.seconds)
        }
        return .json(200, ["access_token": .string(text), "expires_in": .string(String(stated))])
    }

    /// Hands a request on when its token is the newest of its account and in force.
    func authorized(
        _ request: SimulatorRequest,
        _ handle: (SimulatorRequest, SimulatorAccount) async -> SimulatorAnswer
    ) async -> SimulatorAnswer {
        let now = nowMilliseconds()
        let key = state.withLock { state in
            state.tokens.first {
                request.authorization == "Bearer " + $0.value.text && now < $0.value.goodUntilMilliseconds
            }?
            .key
        }
        guard let key, let account = settings.accounts.first(where: { $0.consumerKey == key }) else {
            return error(404, "404.001.03", "Invalid Access Token")
        }
        return await handle(request, account)
    }
}
