import OrderedJSON

/// Fetches what issuers publish: their metadata and their keys.
///
/// Implemented by `Egress`, by the rules of whatever an organization has a say in.
package protocol IssuerDocuments: Sendable {
    /// The whole body of what is there, where it was answered with 200 within bounds; nil for anything else.
    func document(at url: String, in environment: Environment) async -> [UInt8]?
}

/// One public key of an issuer, for one algorithm.
package protocol VerificationKey: Sendable {
    /// What it verifies, and nothing else.
    var algorithm: SigningAlgorithm { get }
    /// Whether a signature is of these bytes by the private key of this one.
    func verifies(_ signature: [UInt8], of signed: [UInt8]) -> Bool
}

/// Makes keys of what issuers publish.
///
/// Implemented by `Sessions`.
package protocol VerificationKeys: Sendable {
    /// The key that a JWK (RFC 7517) holds, for an algorithm; nil where it holds none, or one that is too weak.
    func key(_ document: JSON, for algorithm: SigningAlgorithm) async -> (any VerificationKey)?
}

/// What tokens of issuers are taken by; without it none is.
package struct IssuedTokenPorts: Sendable {
    /// What the gateway is called.
    package let resource: ProtectedResource
    /// What issuers publish.
    package let documents: any IssuerDocuments
    /// The keys of it.
    package let keys: any VerificationKeys

    /// Gathers them.
    package init(resource: ProtectedResource, documents: any IssuerDocuments, keys: any VerificationKeys) {
        self.resource = resource
        self.documents = documents
        self.keys = keys
    }
}
