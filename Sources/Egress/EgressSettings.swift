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
    /// How long M-Pesa may take to answer a request.
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
