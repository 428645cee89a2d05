import COpenSSL

/// Checks Ed25519 signatures.
package final class VerifyingKey: @unchecked Sendable {
    // Never changed after it was made; OpenSSL lets many threads use a key.
    private let key: OpaquePointer

    fileprivate init(_ key: OpaquePointer) { self.key = key }

    deinit { EVP_PKEY_free(key) }

    /// Every public key of a PEM text; nil when the text holds none, or one that is not Ed25519.
    package static func all(pem: [UInt8]) -> [VerifyingKey]? {
        var keys: [VerifyingKey] = []
        var rest = pem[...]
        while rest.contains(UInt8(ascii: "-")) {
            guard let (key, used) = Ed25519.read(Array(rest), isPrivate: false) else { return nil }
            keys.append(VerifyingKey(key))
            rest = rest.dropFirst(used)
        }
        return keys.isEmpty ? nil : keys
    }

    /// What people call the key by: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes.
    package var id: String { Ed25519.id(of: key) }

    /// Whether a signature over a text was made with this key's other half.
    package func isValid(_ signature: [UInt8], over text: [UInt8]) -> Bool {
        gateway_ed25519_verify(key, text, text.count, signature, signature.count) == 1
    }
}

/// Makes Ed25519 signatures.
package final class SigningKey: @unchecked Sendable {
    // Never changed after it was made; OpenSSL lets many threads use a key.
    private let key: OpaquePointer

    /// Makes a key; nil when OpenSSL cannot.
    package init?() {
        guard let made = gateway_ed25519_generate() else { return nil }
        key = made
    }

    /// Reads a private key in PEM; nil when the text holds none, or one that is not Ed25519.
    package init?(pem: [UInt8]) {
        guard let (read, _) = Ed25519.read(pem, isPrivate: true) else { return nil }
        key = read
    }

    /// Makes the key of a seed of 32 bytes; nil for any other number of them.
    package convenience init?(seed: [UInt8]) {
        guard seed.count == 32 else { return nil }
        // PKCS #8 (RFC 8410): all but the seed is always the same.
        let text = Base64.encode([0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20] + seed)
        self.init(pem: Array("-----BEGIN PRIVATE KEY-----\n\(text)\n-----END PRIVATE KEY-----\n".utf8))
    }

    deinit { EVP_PKEY_free(key) }

    /// The public half's name, as `VerifyingKey.id`.
    package var id: String { Ed25519.id(of: key) }

    /// The 32 bytes of the public half.
    package var publicBytes: [UInt8] { Ed25519.raw(key) }

    /// The private key in PEM.
    ///
    /// Secret.
    package var privatePEM: [UInt8] { Ed25519.pem { gateway_private_pem(key, $0, $1) } }

    /// The public half in PEM.
    package var publicPEM: [UInt8] { Ed25519.pem { gateway_public_pem(key, $0, $1) } }

    /// A signature of 64 bytes over a text; nil when OpenSSL cannot.
    package func sign(_ text: [UInt8]) -> [UInt8]? {
        var isDone = false
        let signature = [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            isDone = gateway_ed25519_sign(key, text, text.count, buffer.baseAddress) == 1
            count = isDone ? 64 : 0
        }
        return isDone ? signature : nil
    }
}

private enum Ed25519 {
    static func read(_ pem: [UInt8], isPrivate: Bool) -> (OpaquePointer, used: Int)? {
        var used: Int32 = 0
        let key = pem.withUnsafeBytes { bytes in
            gateway_ed25519_read(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(bytes.count),
                isPrivate ? 1 : 0,
                &used
            )
        }
        return key.map { ($0, Int(used)) }
    }

    static func id(of key: OpaquePointer) -> String {
        String(SHA256.digest(raw(key)).hexadecimal.prefix(16))
    }

    static func raw(_ key: OpaquePointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            count = gateway_ed25519_raw(key, buffer.baseAddress) == 1 ? 32 : 0
        }
    }

    static func pem(_ write: (UnsafeMutablePointer<CChar>?, Int) -> Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            buffer.withMemoryRebound(to: CChar.self) { count = write($0.baseAddress, 4096) }
        }
    }
}
