import Cryptography
import Foundation
import Gateway

/// plugins.json on disk, and where the libraries that it names are.
struct PluginsFile: Sendable {
    let path: String
    /// Where a relative `source` is looked for.
    let folder: String
    /// SHA-256 of the text that was read last.
    var digest: [UInt8] = []

    static func path(of configuration: PluginConfiguration, in folder: String) -> String {
        configuration.source.hasPrefix("/") ? configuration.source : folder + "/" + configuration.source
    }

    /// What an entry declares: the entry itself and the bytes of its file.
    static func declaration(_ configuration: PluginConfiguration, in folder: String) -> String {
        let bytes = FileManager.default.contents(atPath: path(of: configuration, in: folder)).map(Array.init) ?? []
        return SHA256.digest(configuration.entry.bytes + SHA256.digest(bytes).bytes).hexadecimal
    }
}
