import Cryptography
import Gateway

/// Where the upstream is, and what bounds the way there.
package struct EgressSettings: Sendable {
    /// The base of each environment.
    ///
    /// Default: Safaricom's sandbox and production.
    package var bases: [Environment: String] = [
        .test: "https://sandbox.safaricom.co.ke", .live: "https://api.safaricom.co.ke",
    ]
    /// Safaricom's public key by environment, for `SecurityCredential`.
    package var certificates: [Environment: RSAPublicKey] = [:]
    /// How long M-Pesa may take to answer a request, from its first byte on.
    ///
    /// Default 30 s.
    package var timeout: Duration = .seconds(30)
    /// How long M-Pesa may take to give a token.
    ///
    /// Default 15 s.
    package var tokenTimeout: Duration = .seconds(15)
    /// How long a connection may take.
    ///
    /// Default 10 s.
    package var connectTimeout: Duration = .seconds(10)
    /// How long before its end a token is no longer used.
    ///
    /// Default 60 s.
    package var tokenMargin: Duration = .seconds(60)
    /// How long a token is taken to live that does not say so legibly, or says less than this.
    ///
    /// A good token with an odd `expires_in` is used all the same, and replaced early. Default 60 s.
    package var tokenShortLife: Duration = .seconds(60)
    /// The longest life that is believed; a token that says more gets the short one.
    ///
    /// Default 24 h.
    package var tokenLifeMax: Duration = .seconds(86_400)
    /// For how long after a failed fetch nobody fetches a token of the same credential.
    ///
    /// Whoever comes meanwhile is told why that one failed. Default 1 s.
    package var tokenPause: Duration = .seconds(1)
    /// For how long a path that has refused two tokens, one after the other, gets no third.
    ///
    /// Default 10 s.
    package var tokenRefusedPause: Duration = .seconds(10)
    /// For how long a path that refuses what other paths take counts as not enabled: a refusal there fetches nothing.
    ///
    /// Ends earlier when the organization's credentials change. Default 10 min.
    package var notEnabledLife: Duration = .seconds(600)
    /// How many paths that refuse tokens are remembered for a credential.
    ///
    /// Default 64.
    package var refusingPathsMax = 64
    /// How many credentials' tokens are remembered.
    ///
    /// Default 10,000.
    package var credentialsMax = 10_000
    /// The longest answer that is read.
    ///
    /// Default 1 MiB.
    package var answerBytesMax = 1 << 20

    /// The defaults.
    package init() {}
}
