import COpenSSL

/// An RSA public key, for what only somebody else may read.
package final class RSAPublicKey: @unchecked Sendable {
    // Never changed after it was made; OpenSSL lets many threads use a key.
    private let key: OpaquePointer

    /// Reads a certificate or a public key in PEM.
    ///
    /// Whether a certificate is still valid does not matter: Safaricom's own expired years ago and are in use.
    package init?(pem: [UInt8]) {
        let found = pem.withUnsafeBytes { bytes in
            gateway_public_key(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
        }
        guard let found else { return nil }
        key = found
    }

    deinit { EVP_PKEY_free(key) }

    /// Encrypts with PKCS #1 v1.5 padding; nil when the text is too long for the key.
    package func encrypt(_ text: [UInt8]) -> [UInt8]? { RSA.run(key, encrypts: true, text) }
}

/// An RSA key pair of 2,048 bits, made now and never written down.
package final class RSAKeyPair: @unchecked Sendable {
    // Never changed after it was made; OpenSSL lets many threads use a key.
    private let key: OpaquePointer

    /// Makes a pair; nil when OpenSSL cannot.
    package init?() {
        guard let made = gateway_rsa_generate() else { return nil }
        key = made
    }

    deinit { EVP_PKEY_free(key) }

    /// The public half in PEM.
    package var publicPEM: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            buffer.withMemoryRebound(to: CChar.self) { count = gateway_public_pem(key, $0.baseAddress, 4096) }
        }
    }

    /// Decrypts what was encrypted for it; nil when it was not.
    package func decrypt(_ bytes: [UInt8]) -> [UInt8]? { RSA.run(key, encrypts: false, bytes) }
}

private enum RSA {
    static func run(_ key: OpaquePointer, encrypts: Bool, _ input: [UInt8]) -> [UInt8]? {
        let output = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
            count = gateway_rsa(key, encrypts ? 1 : 0, input, input.count, buffer.baseAddress, 1024)
        }
        return output.isEmpty ? nil : output
    }
}
