import COpenSSL

/// Certificates as files hold them.
package enum Certificates {
    /// How many certificates a PEM text holds.
    ///
    /// None where it is no PEM, or holds only keys.
    package static func count(pem: [UInt8]) -> Int {
        Int(
            pem.withUnsafeBytes { bytes in
                gateway_certificates(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
            }
        )
    }
}
