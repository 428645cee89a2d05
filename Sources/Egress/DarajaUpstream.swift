import Gateway
import Logging

/// The way to Daraja as an organization: token, secrets, one sending, and what is known afterwards.
package final class DarajaUpstream: Upstream {
    private let client: CurlClient
    let credentials: Credentials
    private let tokens: DarajaTokens
    let entropy: Entropy
    private let settings: EgressSettings
    private let logger: Logger

    /// Makes it of its parts.
    package init(
        client: CurlClient,
        credentials: Credentials,
        entropy: Entropy,
        settings: EgressSettings,
        logger: Logger
    ) {
        self.client = client
        self.credentials = credentials
        self.tokens = DarajaTokens(client: client, entropy: entropy, settings: settings)
        self.entropy = entropy
        self.settings = settings
        self.logger = logger
    }

    /// The transforms that plugins may bind secrets to.
    package static let transforms = SecretTransforms.known

    package func prepare(_ request: UpstreamRequest) async throws(GatewayError) -> PreparedRequest {
        let credential = try await credentials.credential(
            of: request.organization,
            in: request.environment,
            account: request.account
        )
        let filled = try SecretTransforms.fill(
            request,
            from: credential,
            certificate: settings.certificates[request.environment]
        )
        let token: String
        do {
            token = try await tokens.token(for: credential, at: base(of: request)).text
        } catch {
            logger.warning(
                "no access token",
                metadata: ["organization": "\(request.organization)", "reason": "\(error.detail ?? error.message)"]
            )
            throw error
        }
        return PreparedRequest(
            request: request,
            body: Secret(filled.body),
            token: Secret(token),
            credentialVersion: credential.version,
            secrets: Secret(filled.secrets)
        )
    }

    package func send(_ prepared: PreparedRequest) async -> UpstreamOutcome {
        var outcome = await send(prepared, token: prepared.token.reveal())
        // Authentication comes before M-Pesa looks at the request, so a token refused in M-Pesa's own words proves that
        // nothing was processed: with a newer one the same request may be sent again. Once: a second refusal is an
        // answer.
        guard TokenFault.isIn(outcome) else { return UpstreamOutcome(outcome) }
        do {
            outcome = try await sendAgain(prepared) ?? outcome
        } catch {
            logger.warning("no new access token", metadata: ["reason": "\(error.detail ?? error.message)"])
            guard error.code == .upstreamUnavailable else { return UpstreamOutcome(outcome) }
            // What was refused was the token, which is no fault of the organization's.
            return .notSent("M-Pesa refused the access token and gave no new one, so nothing was processed.")
        }
        return UpstreamOutcome(outcome)
    }

    /// Sends with a newer token; nil where there is none that could help.
    private func sendAgain(_ prepared: PreparedRequest) async throws(GatewayError) -> HTTPOutcome? {
        let request = prepared.request
        let base = base(of: request)
        let credential = try await credentials.credential(
            of: request.organization,
            in: request.environment,
            account: request.account
        )
        let path = path(of: request, version: credential.version)
        let refused = prepared.token.reveal()
        guard let newer = try await tokens.token(after: refused, on: path, for: credential, at: base) else {
            return nil
        }
        let outcome = await send(prepared, token: newer.text)
        if TokenFault.isIn(outcome) { tokens.noteRefused(newer, on: path, for: credential, at: base) }
        return outcome
    }

    private func path(of request: UpstreamRequest, version: Int) -> TokenRefusals.Path {
        TokenRefusals.Path(
            path: request.kind.path,
            organization: request.organization,
            account: request.account,
            version: version
        )
    }

    /// Asks M-Pesa for a token with a consumer key and secret.
    /// - Throws: `upstreamRejected` where M-Pesa refuses them; `upstreamUnavailable` where it cannot be asked.
    func prove(
        consumerKey: Secret<String>,
        consumerSecret: Secret<String>,
        environment: Environment
    ) async throws(GatewayError) {
        let credential = DarajaCredential(
            consumerKey: consumerKey,
            consumerSecret: consumerSecret,
            passkey: nil,
            version: 0
        )
        do throws(GatewayError) {
            _ = try await tokens.token(for: credential, at: settings.bases[environment] ?? "")
        } catch {
            guard error.code == .notConfigured else { throw error }
            throw GatewayError(
                .upstreamRejected,
                "M-Pesa gave no token for consumer_key and consumer_secret: \(error.message)",
                errors: ["/consumer_key", "/consumer_secret"]
                    .map {
                        .init(pointer: $0, message: "M-Pesa refuses it for \(environment.rawValue).")
                    },
                retryAfter: error.retryAfter
            )
        }
    }

    private func base(of request: UpstreamRequest) -> String { settings.bases[request.environment] ?? "" }

    private func send(_ prepared: PreparedRequest, token: String) async -> HTTPOutcome {
        let request = prepared.request
        let sentAt = entropy.uptime()
        var leaveWithin: Duration?
        if let leaveBy = prepared.leaveBy { leaveWithin = leaveBy - sentAt }
        var headers = [("Authorization", "Bearer " + token), ("Content-Type", "application/json")]
        for (name, value) in request.template.headers { headers.append((name, value)) }
        let answer = await client.send(
            HTTPRequest(
                method: request.kind.method,
                url: base(of: request) + request.kind.path,
                headers: headers,
                body: prepared.body.reveal(),
                timeout: settings.timeout,
                connectTimeout: settings.connectTimeout,
                leaveWithin: leaveWithin,
                answerBytesMax: settings.answerBytesMax
            )
        )
        let outcome = answer.struck(of: [token] + prepared.secrets.reveal())
        noteLoss(outcome, of: request)
        // A 401 of something that stands before M-Pesa says nothing of the token.
        if case .answered(let status, _) = outcome, status != 401, !TokenFault.isIn(outcome) {
            tokens.noteTaken(token, on: path(of: request, version: prepared.credentialVersion), sentAt: sentAt)
        }
        return outcome
    }

    /// Whoever runs the gateway must see why M-Pesa cannot be reached: a name, a certificate, a network.
    private func noteLoss(_ outcome: HTTPOutcome, of request: UpstreamRequest) {
        let (message, reason): (Logger.Message, String)
        switch outcome {
        case .answered: return
        case .notSent(let text): (message, reason) = ("M-Pesa could not be reached, nothing was sent", text)
        case .unknown(let text): (message, reason) = ("M-Pesa's answer was lost", text)
        }
        logger.warning(
            message,
            metadata: [
                "organization": "\(request.organization)", "path": "\(request.kind.path)", "reason": "\(reason)",
            ]
        )
    }
}

extension UpstreamOutcome {
    fileprivate init(_ outcome: HTTPOutcome) {
        switch outcome {
        case .answered(let status, let body): self = .answered(status: status, body: body)
        case .notSent(let reason): self = .notSent("M-Pesa could not be reached, so nothing was sent: " + reason)
        case .unknown(let reason): self = .unknown(reason)
        }
    }
}
