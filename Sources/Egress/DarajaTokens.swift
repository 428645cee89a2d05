import Cryptography
import Gateway
import OrderedJSON
import Synchronization

/// M-Pesa access tokens: one per credential, fetched by one task at a time.
///
/// "Each request invalidates the previous token" (Daraja 3.0, Authorization, FAQ), so two fetches at once would leave
/// one caller with a dead token. Whoever needs one while it is being fetched waits for the same fetch. A refused token
/// is replaced only if it is still the newest; otherwise the newer one is used.
///
/// A product that is not enabled for a Daraja app answers as if the token were bad (404.001.03), whatever the token. A
/// new one for each such call would void the one that all others use: see `TokenRefusals`.
final class DarajaTokens: Sendable {
    struct Token: Sendable, Equatable {
        let text: String
        let goodUntil: Uptime
        /// 1, 2, 3 … as they were fetched for this credential.
        let number: Int
    }

    private typealias Fetch = Task<Result<Token, GatewayError>, Never>

    /// One task fetches; the others await its result.
    private struct Slot {
        var token: Token?
        var fetch: Fetch?
        var fetches = 0
        /// Why the last fetch failed, and until when nobody tries again.
        var failure: (error: GatewayError, until: Uptime)?
        var refusals: TokenRefusals
    }

    private struct State {
        var slots: [Digest32: Slot] = [:]
        /// The newest tokens that some path has refused, and whose they are.
        var watched: [String: Digest32] = [:]
    }

    private enum Way {
        case ready(Token)
        case fetching(Fetch)
        case failed(GatewayError)
        case none
    }

    private let client: CurlClient
    private let entropy: Entropy
    private let settings: EgressSettings
    private let state = Mutex(State())

    init(client: CurlClient, entropy: Entropy, settings: EgressSettings) {
        self.client = client
        self.entropy = entropy
        self.settings = settings
    }

    /// A token for a credential.
    ///
    /// - Throws: `upstreamUnavailable`, `notConfigured` when M-Pesa does not know the credential.
    func token(for credential: DarajaCredential, at base: String) async throws(GatewayError) -> Token {
        let key = key(of: credential, at: base)
        let now = entropy.uptime()
        let way: Way = state.withLock { state in
            if let token = state.slots[key]?.token, now < token.goodUntil { return .ready(token) }
            return newest(key, credential, base, now, in: &state)
        }
        guard let token = try await token(by: way) else { throw GatewayError.fault("no token and no fetch") }
        return token
    }

    /// Another token for a request that M-Pesa has just refused for its token, or nil where another would not help.
    ///
    /// - Throws: As `token(for:at:)`.
    func token(
        after refused: String,
        on path: TokenRefusals.Path,
        for credential: DarajaCredential,
        at base: String
    ) async throws(GatewayError) -> Token? {
        let key = key(of: credential, at: base)
        let now = entropy.uptime()
        let way: Way = state.withLock { state in
            guard let token = state.slots[key]?.token else { return newest(key, credential, base, now, in: &state) }
            if token.text != refused {
                state.slots[key]?.refusals.noteOlder(than: token.number, on: path, at: now)
                watch(key, in: &state)
                return now < token.goodUntil ? .ready(token) : newest(key, credential, base, now, in: &state)
            }
            if let fetch = state.slots[key]?.fetch { return .fetching(fetch) }
            let helps = state.slots[key]?.refusals.note(token.number, on: path, at: now) ?? true
            watch(key, in: &state)
            return helps ? newest(key, credential, base, now, in: &state) : .none
        }
        return try await token(by: way)
    }

    /// M-Pesa has refused a request for its token, and it is not sent again.
    func noteRefused(
        _ token: Token,
        on path: TokenRefusals.Path,
        for credential: DarajaCredential,
        at base: String
    ) {
        let key = key(of: credential, at: base)
        let now = entropy.uptime()
        state.withLock { state in
            guard let slot = state.slots[key], slot.fetch == nil, let newest = slot.token else { return }
            if newest.number == token.number {
                _ = state.slots[key]?.refusals.note(newest.number, on: path, at: now)
            } else {
                state.slots[key]?.refusals.noteOlder(than: newest.number, on: path, at: now)
            }
            watch(key, in: &state)
        }
    }

    /// M-Pesa has looked at a request that was sent at `sentAt` with this token: it is good, on this path.
    func noteTaken(_ token: String, on path: TokenRefusals.Path, sentAt: Uptime) {
        state.withLock { state in
            guard !state.watched.isEmpty, let key = state.watched[token], let newest = state.slots[key]?.token else {
                return
            }
            state.slots[key]?.refusals.noteTaken(newest.number, on: path, sentAt: sentAt, now: entropy.uptime())
            watch(key, in: &state)
        }
    }

    // MARK: Fetching

    private func token(by way: Way) async throws(GatewayError) -> Token? {
        switch way {
        case .ready(let token): return token
        case .fetching(let fetch): return try await fetch.value.get()
        case .failed(let error): throw error
        case .none: return nil
        }
    }

    /// A fetch that is under way, or a new one, unless the last has only just failed.
    private func newest(
        _ key: Digest32,
        _ credential: DarajaCredential,
        _ base: String,
        _ now: Uptime,
        in state: inout State
    ) -> Way {
        if let fetch = state.slots[key]?.fetch { return .fetching(fetch) }
        if let failure = state.slots[key]?.failure, now < failure.until { return .failed(failure.error) }
        if state.slots[key] == nil, state.slots.count >= settings.credentialsMax {
            // What is being fetched stays, or it would be fetched a second time and so be void.
            state.slots = state.slots.filter { $0.value.fetch != nil }
            state.watched = [:]
        }
        var slot = state.slots[key] ?? Slot(refusals: TokenRefusals(settings: settings))
        slot.fetches += 1
        let number = slot.fetches
        let fetch = Task { await self.fetch(credential, base: base, key: key, number: number) }
        slot.fetch = fetch
        state.slots[key] = slot
        return .fetching(fetch)
    }

    private func fetch(
        _ credential: DarajaCredential,
        base: String,
        key: Digest32,
        number: Int
    ) async -> Result<Token, GatewayError> {
        let begun = entropy.uptime()
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
        // Why a token was refused is logged.
        let secrets = [
            Base64.encode(Array(pair.utf8)), credential.consumerKey.reveal(), credential.consumerSecret.reveal(),
        ]
        let result = TokenAnswer.read(outcome.struck(of: secrets), settings: settings)
            .map { answer in
                let margin = min(settings.tokenMargin, answer.life / 2)
                return Token(text: answer.text, goodUntil: begun + (answer.life - margin), number: number)
            }
        let pausesUntil = entropy.uptime() + settings.tokenPause
        state.withLock { state in
            if let old = state.slots[key]?.token { state.watched[old.text] = nil }
            state.slots[key]?.fetch = nil
            switch result {
            case .success(let token):
                state.slots[key]?.token = token
                state.slots[key]?.failure = nil
            case .failure(let error): state.slots[key]?.failure = (error, pausesUntil)
            }
            watch(key, in: &state)
        }
        return result
    }

    /// The newest token is watched while some path is known to have refused one.
    private func watch(_ key: Digest32, in state: inout State) {
        guard let slot = state.slots[key], let token = slot.token else { return }
        state.watched[token.text] = slot.refusals.isEmpty ? nil : key
    }

    /// By consumer key and secret: who knows a key alone must not use what its owner's secret has fetched.
    private func key(of credential: DarajaCredential, at base: String) -> Digest32 {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        for part in [base, credential.consumerKey.reveal(), credential.consumerSecret.reveal()] {
            bytes.append(contentsOf: "\(part.utf8.count):".utf8)
            bytes.append(contentsOf: part.utf8)
        }
        return SHA256.digest(bytes)
    }
}
