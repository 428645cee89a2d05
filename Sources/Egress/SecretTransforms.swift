import Cryptography
import Gateway
import OrderedJSON

/// What the host computes from an organization's secrets and writes into a request's body, where its kind says.
enum SecretTransforms {
    /// The names that a kind may use.
    static let known: Set<String> = ["stk_password"]

    /// The body with every secret and callback address in its place.
    ///
    /// - Throws: `notConfigured` when the organization lacks a secret; `pluginFailed` when a place is not in the body.
    static func fill(
        _ request: UpstreamRequest,
        from credential: DarajaCredential
    ) throws(GatewayError) -> [UInt8] {
        var body = request.template.body
        for callback in request.kind.callbacks {
            try put(.string(request.callbacks[callback.name] ?? ""), at: callback.pointer, in: &body)
        }
        for secret in request.kind.secrets {
            try put(.string(try value(of: secret, body: body, credential)), at: secret.pointer, in: &body)
        }
        return body.bytes
    }

    private static func put(_ value: JSON, at pointer: JSONPointer, in body: inout JSON) throws(GatewayError) {
        guard body.set(value, at: pointer) else {
            throw GatewayError(.pluginFailed, "The request has no place \(pointer).", detail: "rule C3")
        }
    }

    private static func value(
        of secret: SecretBinding,
        body: JSON,
        _ credential: DarajaCredential
    ) throws(GatewayError) -> String {
        guard secret.transform == "stk_password" else {
            throw GatewayError(.pluginFailed, "There is no transform \(secret.transform).", detail: "rule C3")
        }
        guard let passkey = credential.passkey else {
            throw GatewayError(
                .notConfigured,
                "The organization has no Lipa na M-Pesa passkey. An administrator must add it before collecting."
            )
        }
        let shortCode = try input("short_code", of: secret, in: body)
        let timestamp = try input("timestamp", of: secret, in: body)
        return Base64.encode(Array((shortCode + passkey.reveal() + timestamp).utf8))
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
