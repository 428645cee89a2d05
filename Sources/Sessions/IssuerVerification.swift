import Cryptography
import Foundation
import Gateway
import JWTKit
import OrderedJSON

/// Public keys of issuers, by jwt-kit.
///
/// A key is made for the one algorithm that it is for, and asked to verify nothing else: what a token's own header says
/// of algorithms and keys was compared before, and never reaches the library.
package struct IssuerVerification: VerificationKeys {
    private struct Key: VerificationKey {
        let algorithm: SigningAlgorithm
        let verifier: any JWTAlgorithm

        func verifies(_ signature: [UInt8], of signed: [UInt8]) -> Bool {
            (try? verifier.verify(signature, signs: signed)) ?? false
        }
    }

    /// How long a modulus may be, in bytes: longer ones cost more to verify by than a stranger may make us spend.
    private static let modulusBytesMax = 512
    /// How short: 2,048 bits (RFC 8725).
    private static let modulusBytesMin = 256

    /// Makes it.
    package init() {}

    package func key(
        _ document: JSON,
        for algorithm: SigningAlgorithm
    ) async -> (any VerificationKey)? {
        let keys = JWTKeyCollection()
        do {
            switch algorithm {
            case .rs256: await keys.add(rsa: try rsa(document), digestAlgorithm: .sha256)
            case .ps256: await keys.add(pss: try rsa(document), digestAlgorithm: .sha256)
            case .es256: await keys.add(ecdsa: try ES256PublicKey(parameters: try point(document, bytes: 32)))
            case .es384: await keys.add(ecdsa: try ES384PublicKey(parameters: try point(document, bytes: 48)))
            case .edDSA:
                let x = try text(document, "x", 32...32)
                await keys.add(eddsa: try EdDSA.PublicKey(x: x, curve: .ed25519))
            }
            return Key(algorithm: algorithm, verifier: try await keys.getKey())
        } catch { return nil }
    }

    private struct Unusable: Error {}

    private func rsa(_ document: JSON) throws -> Insecure.RSA.PublicKey {
        let lengths = IssuerVerification.modulusBytesMin...IssuerVerification.modulusBytesMax
        return try Insecure.RSA.PublicKey(
            modulus: try text(document, "n", lengths),
            exponent: try text(document, "e", 1...4)
        )
    }

    private func point(_ document: JSON, bytes: Int) throws -> ECDSAParameters {
        (x: try text(document, "x", bytes...bytes), y: try text(document, "y", bytes...bytes))
    }

    /// A number of a key, where it is as long as it may be.
    private func text(_ document: JSON, _ name: String, _ lengths: ClosedRange<Int>) throws -> String {
        guard let text = document[name]?.stringValue, let bytes = Base64.decodeURL(text), lengths.contains(bytes.count)
        else { throw Unusable() }
        return text
    }
}
