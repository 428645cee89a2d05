import Cryptography
import Foundation
import Gateway
import Logging
import OrderedJSON

/// Vouches for libraries.
package enum PluginSigner {
    /// Signs a library, its names, and what it says that it needs.
    ///
    /// It is asked what it needs in a sandbox, and must pass everything that a host asks of it. Blocks.
    package static func sign(
        _ bytes: [UInt8],
        with key: SigningKey,
        settings: PluginHost.Settings,
        entropy: Entropy,
        logger: Logger
    ) throws(PluginRefusal) -> JSON {
        let manifest = try PluginFile.inspect(bytes)
        let configuration = PluginConfiguration(
            id: manifest.id,
            source: "signed",
            sha256: nil,
            isEnabled: true,
            isolation: "sandbox",
            grants: Catalogue.Needs(),
            settings: JSONObject()
        )
        let policy = TrustPolicy(allowsUnsigned: true)
        let file = try PluginFile(bytes: bytes, configuration: configuration, policy: policy)
        let opener = PluginOpener(settings: settings, entropy: entropy, logger: logger)
        let generation = try opener.open(file, number: 1, for: .installation, grantsNeeds: true)
        defer { generation.library.retire() }
        let statement = PluginStatement(
            digest: file.digest,
            manifest: manifest,
            needs: generation.configuration.grants
        )
        guard let document = statement.signed(with: key) else { throw PluginRefusal.badSignature("it cannot be made") }
        return document
    }
}
