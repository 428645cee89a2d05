import Cryptography
import Gateway
import OrderedJSON
import Synchronization

/// An issuer of tokens that does what a test says: its keys are words, and a signature is what only whoever knows the word
/// can make.
package final class FakeIssuer: IssuerDocuments, VerificationKeys {
    private struct Key: VerificationKey {
        let algorithm: SigningAlgorithm
        let word: String

        func verifies(_ signature: [UInt8], of signed: [UInt8]) -> Bool {
            FakeIssuer.signature(of: signed, by: word) == signature
        }
    }

    private struct State {
        var documents: [String: JSON] = [:]
        var asked: [String] = []
        var meanwhile: (@Sendable () async -> Void)?
    }

    private let state = Mutex(State())

    /// One that publishes nothing yet.
    package init() {}

    /// What was asked for, in order.
    package var asked: [String] { state.withLock { $0.asked } }

    /// Puts a document at an address; nil for none.
    package func publish(_ document: JSON?, at url: String) { state.withLock { $0.documents[url] = document } }

    /// Puts keys at an address: RSA ones for RS256, by id.
    package func publish(keys: [String: String], at url: String) {
        let keys = keys.sorted { $0.key < $1.key }.map { id, word in FakeIssuer.key(id, word) }
        publish(["keys": .array(keys)], at: url)
    }

    /// What happens while a document is fetched.
    package func meanwhile(_ work: (@Sendable () async -> Void)?) { state.withLock { $0.meanwhile = work } }

    package func document(at url: String, in environment: Environment) async -> [UInt8]? {
        let work = state.withLock { state in
            state.asked.append(url)
            return state.meanwhile
        }
        await work?()
        return state.withLock { $0.documents[url]?.bytes }
    }

    package func key(_ document: JSON, for algorithm: SigningAlgorithm) async -> (any VerificationKey)? {
        document["word"]?.stringValue.map { Key(algorithm: algorithm, word: $0) }
    }

    /// A key as it is published.
    package static func key(_ id: String, _ word: String, _ more: JSONObject = ["kty": "RSA"]) -> JSON {
        var key: JSONObject = ["kid": .string(id), "word": .string(word)]
        for (name, value) in more { key[name] = value }
        return .object(key)
    }

    /// A token.
    package static func token(_ header: JSON, _ claims: JSON, by word: String) -> Secret<String> {
        token(header.text, claims.text, by: word)
    }

    /// The same of texts that need be no JSON.
    package static func token(_ header: String, _ claims: String, by word: String) -> Secret<String> {
        let signed = encoded(Array(header.utf8)) + "." + encoded(Array(claims.utf8))
        return Secret(signed + "." + encoded(signature(of: Array(signed.utf8), by: word)))
    }

    private static func signature(of signed: [UInt8], by word: String) -> [UInt8] {
        SHA256.digest(Array(word.utf8) + signed).bytes
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        String(
            Base64.encode(bytes).compactMap { $0 == "=" ? nil : $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }
        )
    }
}
