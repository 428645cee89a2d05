import Compression
import Gateway
import OrderedJSON

/// What the token's address answered.
struct TokenAnswer: Sendable, Equatable {
    let text: String
    let life: Duration

    /// Reads an answer.
    ///
    /// Only M-Pesa's own words say that a credential is wrong; a page of something that stands before it (a firewall's
    /// 403 in HTML) says nothing of the credential.
    static func read(_ outcome: HTTPOutcome, settings: EgressSettings) -> Result<TokenAnswer, GatewayError> {
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
        case .answered(let status, let raw):
            let body = Gzip.opened(raw) ?? raw
            if status == 200, let answer = TokenAnswer(body, settings) { return .success(answer) }
            if isAboutCredential(status, body) {
                return .failure(
                    GatewayError(
                        .notConfigured,
                        "M-Pesa does not accept the organization's consumer key and secret. Check them and try again.",
                        detail: "OAuth answered \(status)"
                    )
                )
            }
            return .failure(
                GatewayError(
                    .upstreamUnavailable,
                    "M-Pesa gave no access token, so nothing was sent. Try again in a moment.",
                    detail: "OAuth answered \(status): " + shown(body),
                    retryAfter: .seconds(5)
                )
            )
        }
    }

    private init?(_ body: [UInt8], _ settings: EgressSettings) {
        guard let answer = try? JSON(parsing: body, limits: JSONLimits(duplicateKeys: .lastWins)),
            let text = answer["access_token"]?.stringValue, !text.isEmpty, text.utf8.count <= 8192,
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        let stated = answer["expires_in"].flatMap(TokenAnswer.life)
        self.text = text
        life =
            stated.flatMap { (settings.tokenShortLife...settings.tokenLifeMax).contains($0) ? $0 : nil }
            ?? settings.tokenShortLife
    }

    /// What `expires_in` says, in whole seconds: a number in Daraja 3.0's pages, and text in 2.0's.
    private static func life(_ value: JSON) -> Duration? {
        let text = (value.stringValue ?? value.text).drop { $0 == " " }
        let whole = text.prefix { $0.isASCII && $0.isNumber }
        let rest = text.dropFirst(whole.count).drop { $0 == "." || $0 == " " || ($0.isASCII && $0.isNumber) }
        guard rest.isEmpty, let seconds = Int64(whole) else { return nil }
        return .seconds(seconds)
    }

    /// A wrong key or secret answers 400 with an empty body; its other forms are codes of the token's own API.
    private static func isAboutCredential(_ status: Int, _ body: [UInt8]) -> Bool {
        guard [400, 401, 403].contains(status) else { return false }
        if body.isEmpty { return status != 403 }
        guard let answer = try? JSON(parsing: body, limits: JSONLimits(duplicateKeys: .lastWins)) else { return false }
        let fault = answer["fault"]?["detail"]?["errorcode"]?.stringValue ?? ""
        if fault == "oauth.v2.InvalidClientIdentifier" { return true }
        let code = answer["errorCode"]?.stringValue ?? ""
        return code.hasPrefix("400.008.") || code.hasPrefix("401.") || code == "404.001.04"
    }

    /// The first of what came, for the log: never anything that may hold a token.
    private static func shown(_ body: [UInt8]) -> String {
        let text = String(decoding: body.prefix(200).map { (0x20...0x7E).contains($0) ? $0 : 0x20 }, as: UTF8.self)
        return text.contains("access_token") ? "(an answer with a token, not of the known form)" : text
    }
}
