import COpenSSL

/// Why bytes could not be sealed, opened or derived.
///
/// Says nothing about what was in them.
package struct CryptographyError: Error, Sendable, Equatable {
    /// What failed.
    package let reason: String
}

/// Seals secrets with AES-256-GCM.
///
/// Sealed bytes: version (1) | nonce (12) | ciphertext | tag (16).
///
/// The associated data binds them to their place, so that they cannot be moved to another organization or field.
package enum AESGCM {
    private static let version: UInt8 = 1
    private static let nonceBytes = 12
    private static let tagBytes = 16

    /// Seals bytes under a 32-byte key with a fresh nonce.
    package static func seal(
        _ plaintext: [UInt8],
        key: [UInt8],
        associatedData: [UInt8]
    ) throws(CryptographyError) -> [UInt8] {
        let nonce = SecureRandom.bytes(nonceBytes)
        guard key.count == 32, let context = EVP_CIPHER_CTX_new() else { throw CryptographyError(reason: "sealing") }
        defer { EVP_CIPHER_CTX_free(context) }
        var ciphertext = [UInt8](repeating: 0, count: plaintext.count)
        var tag = [UInt8](repeating: 0, count: tagBytes)
        var length: Int32 = 0
        guard EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_EncryptUpdate(context, nil, &length, associatedData, Int32(associatedData.count)) == 1,
            EVP_EncryptUpdate(context, &ciphertext, &length, plaintext, Int32(plaintext.count)) == 1,
            EVP_EncryptFinal_ex(context, nil, &length) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), &tag) == 1
        else { throw CryptographyError(reason: "sealing") }
        return [version] + nonce + ciphertext + tag
    }

    /// Opens sealed bytes.
    ///
    /// - Throws: When key, associated data or bytes are not what they were.
    package static func open(
        _ sealed: [UInt8],
        key: [UInt8],
        associatedData: [UInt8]
    ) throws(CryptographyError) -> [UInt8] {
        guard key.count == 32, sealed.count >= 1 + nonceBytes + tagBytes, sealed[0] == version,
            let context = EVP_CIPHER_CTX_new()
        else { throw CryptographyError(reason: "opening") }
        defer { EVP_CIPHER_CTX_free(context) }
        let nonce = Array(sealed[1...nonceBytes])
        let ciphertext = Array(sealed[(1 + nonceBytes)..<(sealed.count - tagBytes)])
        var tag = Array(sealed.suffix(tagBytes))
        var plaintext = [UInt8](repeating: 0, count: ciphertext.count)
        var length: Int32 = 0
        guard EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_DecryptUpdate(context, nil, &length, associatedData, Int32(associatedData.count)) == 1,
            EVP_DecryptUpdate(context, &plaintext, &length, ciphertext, Int32(ciphertext.count)) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes), &tag) == 1,
            EVP_DecryptFinal_ex(context, nil, &length) == 1
        else { throw CryptographyError(reason: "opening") }
        return plaintext
    }
}

/// Password hashes by scrypt, as `$scrypt$ln=17,r=8,p=1$salt$hash` (hexadecimal).
///
/// Takes tens of milliseconds and much memory on purpose: call it on a thread of its own.
package struct PasswordHash: Sendable {
    /// The cost N as a power of two.
    ///
    /// 17 is OWASP's advice; tests use less.
    private let logCost: Int

    /// Makes a hasher of this cost.
    package init(logCost: Int = 17) { self.logCost = logCost }

    /// The text to store for a password.
    package func make(for password: String) throws(CryptographyError) -> String {
        let salt = SecureRandom.bytes(16)
        let hash = try PasswordHash.derive(password, salt: salt, logCost: logCost)
        return prefix + Hexadecimal.encode(salt) + "$" + Hexadecimal.encode(hash)
    }

    /// The hash of no password, of the same cost as those that are made.
    package var nobodys: String { prefix + String(repeating: "0", count: 32) + "$" + String(repeating: "0", count: 64) }

    private var prefix: String { "$scrypt$ln=\(logCost),r=8,p=1$" }

    /// Whether a password is the one that was stored.
    package static func verify(_ password: String, against stored: String) -> Bool {
        guard let parts = parts(of: stored),
            let hash = try? derive(password, salt: parts.salt, logCost: parts.logCost)
        else { return false }
        return constantTimeEquals(hash, parts.hash)
    }

    /// Whether a text is a hash that some password may have: of somebody who was invited there is none yet.
    package static func isHash(_ stored: String) -> Bool { parts(of: stored) != nil }

    /// Whether a hash is of another cost than those that are made.
    package func isOutdated(_ stored: String) -> Bool {
        PasswordHash.parts(of: stored).map { $0.logCost != logCost } ?? false
    }

    private static func parts(of stored: String) -> (logCost: Int, salt: [UInt8], hash: [UInt8])? {
        let parts = stored.split(separator: "$")
        guard parts.count == 4, parts[0] == "scrypt", parts[1].hasSuffix(",r=8,p=1"),
            let cost = Int(parts[1].dropFirst(3).prefix { $0 != "," }), (4...20).contains(cost),
            let salt = Hexadecimal.decode(String(parts[2])), let expected = Hexadecimal.decode(String(parts[3]))
        else { return nil }
        return (cost, salt, expected)
    }

    private static func derive(_ password: String, salt: [UInt8], logCost: Int) throws(CryptographyError) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: 32)
        let text = Array(password.utf8)
        let done = text.withUnsafeBytes { raw in
            EVP_PBE_scrypt(
                raw.bindMemory(to: CChar.self).baseAddress,
                text.count,
                salt,
                salt.count,
                1 << UInt64(logCost),
                8,
                1,
                512 << 20,
                &hash,
                hash.count
            )
        }
        guard done == 1 else { throw CryptographyError(reason: "deriving a password hash") }
        return hash
    }
}
