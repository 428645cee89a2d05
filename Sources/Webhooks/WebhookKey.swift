import Cryptography
import Gateway

/// What a receiver knows by who has sent: a secret of Standard Webhooks 1.0.
package struct WebhookKey: Sendable {
    private enum Way: Sendable {
        case symmetric([UInt8])
        case asymmetric(SigningKey)
    }

    private let way: Way

    /// How many bytes a symmetric one may have.
    private static let lengths = 24...64

    /// Makes a new one; nil where this machine's OpenSSL makes no such keys.
    ///
    /// - Parameter bytes: 32 random bytes.
    package init?(_ form: WebhookSecret.Form, bytes: [UInt8]) {
        switch form {
        case .symmetric:
            guard WebhookKey.lengths.contains(bytes.count) else { return nil }
            way = .symmetric(bytes)
        case .asymmetric:
            guard let key = SigningKey(seed: bytes) else { return nil }
            way = .asymmetric(key)
        }
    }

    /// Reads a symmetric one as receivers have it, `whsec_…`; nil for what is none.
    package init?(_ text: String) {
        let prefix = WebhookSecret.Form.symmetric.rawValue + "_"
        guard text.hasPrefix(prefix), let bytes = Base64.decode(text.dropFirst(prefix.count)),
            WebhookKey.lengths.contains(bytes.count)
        else { return nil }
        way = .symmetric(bytes)
    }

    /// What the receiver is given: a secret, `whsec_…`, or the public half, `whpk_…`.
    package var given: String {
        switch way {
        case .symmetric(let bytes): WebhookSecret.Form.symmetric.rawValue + "_" + Base64.encode(bytes)
        case .asymmetric(let key): "whpk_" + Base64.encode(key.publicBytes)
        }
    }

    /// The public half; nil for one that has none.
    package var publicText: String? {
        guard case .asymmetric = way else { return nil }
        return given
    }

    /// One signature of the header `webhook-signature`.
    ///
    /// - Throws: `internalFault` where OpenSSL cannot.
    package func signature(of body: [UInt8], id: String, at seconds: Int64) throws(GatewayError) -> String {
        let signed = Array("\(id).\(seconds).".utf8) + body
        switch way {
        case .symmetric(let bytes):
            return "v1," + Base64.encode(HMACSHA256.authenticate(key: bytes, signed).bytes)
        case .asymmetric(let key):
            guard let signature = key.sign(signed) else { throw GatewayError.fault("a webhook is not signed") }
            return "v1a," + Base64.encode(signature)
        }
    }
}
