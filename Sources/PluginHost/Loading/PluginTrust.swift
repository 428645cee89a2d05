import Cryptography
import Gateway
import OrderedJSON

/// Why a library's bytes are believed.
package enum PluginTrust: Sendable, Equatable {
    /// A key that the operator trusts signed them, their names, and what they may need.
    case signed(key: String, needs: Catalogue.Needs)
    /// plugins.json, or the operator who installed them, names their SHA-256.
    case pinned
    /// For nothing: this host is for development.
    case unsigned

    /// What an operator is told.
    package var word: String {
        switch self {
        case .signed(let key, _): "signed by \(key)"
        case .pinned: "sha256"
        case .unsigned: "unsigned"
        }
    }
}

/// What a host wants to see before it runs a library.
package struct TrustPolicy: Sendable {
    /// Whether a library is run that nothing vouches for.
    ///
    /// For development.
    package var allowsUnsigned: Bool
    /// The operator's keys; where there are any, every library must be signed by one.
    package var keys: [VerifyingKey]

    /// States a policy.
    package init(allowsUnsigned: Bool, keys: [VerifyingKey] = []) {
        self.allowsUnsigned = allowsUnsigned
        self.keys = keys
    }

    /// Why these bytes may run (rule S1).
    func trust(
        digest: String,
        manifest: PluginFile.Manifest,
        _ configuration: PluginConfiguration
    ) throws(PluginRefusal) -> PluginTrust {
        if let expected = configuration.sha256, expected.lowercased() != digest {
            throw PluginRefusal.hashDiffers(found: digest)
        }
        if let document = configuration.signature, !keys.isEmpty {
            let (statement, key) = try PluginStatement.verified(document, keys: keys)
            let expected = PluginStatement(digest: digest, manifest: manifest, needs: statement.needs)
            guard statement == expected else { throw PluginRefusal.badSignature("it is over another library") }
            return .signed(key: key, needs: statement.needs)
        }
        guard keys.isEmpty else { throw PluginRefusal.badSignature("there is none") }
        if configuration.sha256 != nil { return .pinned }
        guard allowsUnsigned else { throw PluginRefusal.unsigned }
        return .unsigned
    }
}

/// What a signature is over: the bytes, the names that they go by, and the most that they may need.
package struct PluginStatement: Sendable, Equatable {
    let digest: String
    let id: String
    let version: String
    let levelMin: UInt32
    let levelMax: UInt32
    let needs: Catalogue.Needs

    init(digest: String, manifest: PluginFile.Manifest, needs: Catalogue.Needs) {
        self.digest = digest
        id = manifest.id
        version = manifest.version
        levelMin = manifest.levelMin
        levelMax = manifest.levelMax
        self.needs = needs
    }

    private init?(_ json: JSON) {
        guard let digest = json["sha256"]?.stringValue, let id = json["id"]?.stringValue,
            let version = json["version"]?.stringValue,
            let least = json["level_min"]?.integerValue, let most = json["level_max"]?.integerValue,
            let levelMin = UInt32(exactly: least), let levelMax = UInt32(exactly: most)
        else { return nil }
        self.digest = digest
        self.id = id
        self.version = version
        self.levelMin = levelMin
        self.levelMax = levelMax
        needs = Catalogue.Needs(reading: json["needs"])
    }

    private var json: JSON {
        [
            "sha256": .string(digest), "id": .string(id), "version": .string(version),
            "level_min": .integer(Int64(levelMin)), "level_max": .integer(Int64(levelMax)), "needs": needs.json,
        ]
    }

    /// The document that vouches for a library: the statement as text, so that its very bytes are signed.
    package func signed(with key: SigningKey) -> JSON? {
        let text = json.bytes
        guard let signature = key.sign(text) else { return nil }
        return [
            "algorithm": "ed25519", "key": .string(key.id),
            "statement": .string(String(decoding: text, as: UTF8.self)),
            "signature": .string(Hexadecimal.encode(signature)),
        ]
    }

    /// The statement of a document whose signature holds, and the key that made it.
    static func verified(
        _ document: JSON,
        keys: [VerifyingKey]
    ) throws(PluginRefusal) -> (PluginStatement, key: String) {
        guard document["algorithm"]?.stringValue == "ed25519", let named = document["key"]?.stringValue,
            let text = document["statement"]?.stringValue,
            let signature = document["signature"]?.stringValue.flatMap({ Hexadecimal.decode($0) })
        else { throw PluginRefusal.badSignature("it is not of the form that plugin sign writes") }
        guard let key = keys.first(where: { $0.id == named }) else {
            throw PluginRefusal.badSignature("it is by the key \(named), which this host does not trust")
        }
        guard key.isValid(signature, over: Array(text.utf8)) else {
            throw PluginRefusal.badSignature("it does not hold")
        }
        guard let statement = (try? JSON(parsing: text)).flatMap({ PluginStatement($0) }) else {
            throw PluginRefusal.badSignature("what it is over cannot be read")
        }
        return (statement, key.id)
    }
}
