import Cryptography
import Gateway
import OrderedJSON
import Synchronization

/// M-Pesa access tokens: one per credential, fetched by one task at a time.
///
/// "Each request invalidates the previous token" (Daraja 3.0, Authorization, FAQ), so two fetches at once would leave
/// one caller with a dead token. Whoever needs one while it is being fetched waits for the same fetch. A refused token
/// is replaced only if it is still the newest; otherwise the newer one is used.
final class DarajaTokens: Sendable {
    struct Token: Sendable, Equatable {
        let text: String
        let goodUntil: Timestamp
    }

    /// One task fetches; the others await its result.
    private struct Slot {
        var token: Token?
        var fetch: Task<Result<Token, GatewayError>, Never>?
    }

    private let client: CurlClient
    private let entropy: Entropy
    private let settings: EgressSettings
    private let slots = Mutex<[Digest32: Slot]>([:])

    init(client: CurlClient, entropy: Entropy, settings: EgressSettings) {
        self.client = client
        self.entropy = entropy
        self.settings = settings
    }

    /// A token for a credential.
    ///
    /// - Parameter refused: A token that M-Pesa has just refused, which must not be answered again.
    /// - Throws: `upstreamUnavailable`, `notConfigured` when M-Pesa does not know the credential.
    func token(
        for credential: DarajaCredential,
        at base: String,
        refused: String? = nil
    ) async throws(GatewayError) -> String {
        let key = SHA256.digest(Array((base + "\n" + credential.consumerKey.reveal()).utf8))
        let now = entropy.now()
        let found: (ready: String?, fetch: Task<Result<Token, GatewayError>, Never>?) = slots.withLock { slots in
            var slot = slots[key] ?? Slot()
            if let token = slot.token, now < token.goodUntil, token.text != refused { return (token.text, nil) }
            if let fetch = slot.fetch { return (nil, fetch) }
            if slots.count >= settings.credentialsMax { slots.removeAll() }
            let fetch = Task { await self.fetch(credential, base: base, key: key) }
            slot.fetch = fetch
            slots[key] = slot
            return (nil, fetch)
        }
        if let ready = found.ready { return ready }
        guard let fetch = found.fetch else { throw GatewayError.fault("no token and no fetch") }
        return try await fetch.value.get().text
    }

    private func fetch(
        _ credential: DarajaCredential,
        base: String,
        key: Digest32
    ) async -> Result<Token, GatewayError> {
        let pair = credential.consumerKey.reveal() + ":" + credential.consumerSecret.reveal()
        let outcome = await client.send(
            HTTPRequest(
                method: "GET",
                url: base + "/oauth/v1/generate?grant_type=client_credentials",
                headers: [("Authorization", "Basic " + Base64.encode(Array(pair.utf8)))],
                timeout: settings.tokenTimeout,
                connectTimeout: settings.connectTimeout,
                answerBytesMax: 64 << 10
            )
        )
        let result = token(from: outcome)
        slots.withLock { slots in
            slots[key, default: Slot()].fetch = nil
            if case .success(let token) = result { slots[key]?.token = token }
        }
        return result
    }

    private func token(from outcome: HTTPOutcome) -> Result<Token, GatewayError> {
        switch outcome {
        case .notSent(let reason), .unknown(let reason):
            return .failure(
                GatewayError(
                    .upstreamUnavailable,
                    "M-Pesa could not be reached, so nothing was sent. Try again in a moment.",
                    detail: "OAuth: " + reason,
                    retryAfter: .seconds(5)
                )
            )
        case .answered(let status, let body):
            if status == 200, let token = token(in: body) { return .success(token) }
            // A wrong key or secret answers 400 with an empty body.
            let isOurs = status == 400 || status == 401 || status == 403
            return .failure(
                isOurs
                    ? GatewayError(
                        .notConfigured,
                        "M-Pesa does not accept the organization's consumer key and secret. Check them and try again.",
                        detail: "OAuth answered \(status)"
                    )
                    : GatewayError(
                        .upstreamUnavailable,
                        "M-Pesa gave no access token, so nothing was sent. Try again in a moment.",
                        detail: "OAuth answered \(status)",
                        retryAfter: .seconds(5)
                    )
            )
        }
    }

    private func token(in body: [UInt8]) -> Token? {
        guard let answer = try? JSON(parsing: body, limits: JSONLimits(duplicateKeys: .lastWins)),
            let text = answer["access_token"]?.stringValue, !text.isEmpty
        else { return nil }
        // `expires_in` is a number in Daraja 3.0's pages and text in 2.0's.
        let life = answer["expires_in"]?.integerValue ?? answer["expires_in"]?.stringValue.flatMap { Int64($0) }
        guard let life, life > 0 else { return nil }
        let margin = min(settings.tokenMargin, .milliseconds(life * 500))
        return Token(text: text, goodUntil: entropy.now() + (.seconds(life) - margin))
    }
}
