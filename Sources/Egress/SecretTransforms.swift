import Cryptography
import Gateway
import OrderedJSON

/// What the host computes from an organization's secrets and writes into a request's body, where its kind says.
enum SecretTransforms {
    /// The names that a kind may use.
    static let known: Set<String> = ["stk_password", "security_credential"]

    /// The body with every secret and callback address in its place; and what of these is secret.
    ///
    /// Of a callback's address it is the end, by which M-Pesa is known; of a push's password also what it is made of.
    /// - Throws: `notConfigured` when the organization lacks a secret; `pluginFailed` when a place is not in the body.
    static func fill(
        _ request: UpstreamRequest,
        from credential: DarajaCredential,
        certificate: RSAPublicKey?
    ) throws(GatewayError) -> (body: [UInt8], secrets: [String]) {
        var body = request.template.body
        var secrets: [String] = []
        for callback in request.kind.callbacks {
            let address = request.callbacks[callback.name] ?? ""
            try put(.string(address), at: callback.pointer, in: &body)
            secrets.append(String(decoding: address.utf8.suffix(addressTagLength), as: UTF8.self))
        }
        for secret in request.kind.secrets {
            let values = try values(of: secret, body: body, credential, certificate)
            try put(.string(values[0]), at: secret.pointer, in: &body)
            secrets += values
        }
        return (body.bytes, secrets)
    }

    /// How much of a callback's address authenticates it: 16 bytes in hexadecimal (`CallbackAddresses`).
    private static let addressTagLength = 32

    private static func put(_ value: JSON, at pointer: JSONPointer, in body: inout JSON) throws(GatewayError) {
        guard body.set(value, at: pointer) else {
            throw GatewayError(.pluginFailed, "The request has no place \(pointer).", detail: "rule C3")
        }
    }

    /// What is put in the place of a secret, and what that is made of.
    private static func values(
        of secret: SecretBinding,
        body: JSON,
        _ credential: DarajaCredential,
        _ certificate: RSAPublicKey?
    ) throws(GatewayError) -> [String] {
        switch secret.transform {
        case "stk_password":
            let plain = try password(secret, body, credential)
            return [Base64.encode(Array(plain.utf8)), plain]
        case "security_credential": return [try securityCredential(credential, certificate)]
        default:
            throw GatewayError(.pluginFailed, "There is no transform \(secret.transform).", detail: "rule C3")
        }
    }

    private static func password(
        _ secret: SecretBinding,
        _ body: JSON,
        _ credential: DarajaCredential
    ) throws(GatewayError) -> String {
        guard let passkey = credential.passkey else {
            throw GatewayError(
                .notConfigured,
                "The organization has no Lipa na M-Pesa passkey. An administrator must add it before collecting."
            )
        }
        let shortCode = try input("short_code", of: secret, in: body)
        let timestamp = try input("timestamp", of: secret, in: body)
        return shortCode + passkey.reveal() + timestamp
    }

    /// The operator's password, its raw bytes, encrypted for Safaricom: RSA, PKCS #1 v1.5, base64; different each time.
    ///
    /// Source: Daraja, getting started, security credential.
    private static func securityCredential(
        _ credential: DarajaCredential,
        _ certificate: RSAPublicKey?
    ) throws(GatewayError) -> String {
        guard let password = credential.initiatorPassword else {
            if let ready = credential.securityCredential { return ready.reveal() }
            throw GatewayError(
                .notConfigured,
                "The organization has no initiator password. An administrator must add it before paying out or asking."
            )
        }
        guard let certificate else {
            throw GatewayError(
                .notConfigured,
                "This gateway has no Safaricom certificate for this environment: set GATEWAY_CERTIFICATE_TEST_FILE or _LIVE_FILE."
            )
        }
        guard let sealed = certificate.encrypt(Array(password.reveal().utf8)) else {
            throw GatewayError(.notConfigured, "The initiator password is too long to be encrypted for Safaricom.")
        }
        return Base64.encode(sealed)
    }

    private static func input(_ name: String, of secret: SecretBinding, in body: JSON) throws(GatewayError) -> String {
        guard let pointer = secret.inputs[name], let value = body.value(at: pointer) else {
            throw GatewayError(
                .pluginFailed,
                "The transform \(secret.transform) lacks its input \(name).",
                detail: "rule C3"
            )
        }
        return value.stringValue ?? value.text
    }
}
