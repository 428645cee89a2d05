import COpenSSL

/// Codes that change every thirty seconds (TOTP, RFC 6238): six digits, HMAC-SHA-1, as every authenticator knows them.
package enum OneTimeCodes {
    /// How long a code is shown.
    private static let stepSeconds: Int64 = 30

    /// The step that a moment, in seconds since 1970, falls into.
    package static func step(at seconds: Int64) -> Int64 { seconds / stepSeconds }

    /// The code of a step; nil when OpenSSL cannot.
    package static func code(secret: [UInt8], step: Int64) -> String? {
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> Int64((7 - $0) * 8)) }
        var mac = [UInt8](repeating: 0, count: 20)
        var length: UInt32 = 0
        guard HMAC(EVP_sha1(), secret, Int32(secret.count), counter, counter.count, &mac, &length) != nil, length == 20
        else { return nil }
        let offset = Int(mac[19] & 0x0F)
        let word = mac[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        let digits = String(word % 1_000_000)
        return String(repeating: "0", count: 6 - digits.count) + digits
    }

    /// The step whose code this is: the present one, the one before or the one after, but none that was used.
    package static func step(of code: String, secret: [UInt8], at seconds: Int64, after used: Int64) -> Int64? {
        let now = step(at: seconds)
        return [now, now - 1, now + 1]
            .first { step in
                guard step > used, let right = self.code(secret: secret, step: step) else { return false }
                return constantTimeEquals(Array(right.utf8), Array(code.utf8))
            }
    }

    /// A secret as authenticators read it: base 32 of RFC 4648, without padding.
    package static func text(of secret: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var (text, bits, count) = ("", 0, 0)
        for byte in secret {
            bits = bits << 8 | Int(byte)
            count += 8
            while count >= 5 {
                count -= 5
                text.append(alphabet[bits >> count & 31])
            }
            bits &= (1 << count) - 1
        }
        if count > 0 { text.append(alphabet[bits << (5 - count) & 31]) }
        return text
    }
}
