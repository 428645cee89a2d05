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
    /// Why that text cannot be used.
    var fault: String?
    /// Whether there was nothing to read when it was looked for last.
    var isGone = false

    /// Why the file cannot be used as it is now.
    var problem: String? {
        isGone
            ? "The plugins file \(path) cannot be read: GATEWAY_PLUGINS names it, and mpesa-gateway init makes one."
            : fault
    }

    /// Reads the file; nil when it says what it said before.
    ///
    /// - Returns: What it declares; nil when that cannot be used, and `problem` says why.
    mutating func read() -> (isNew: Bool, plugins: [PluginConfiguration]?) {
        guard let bytes = FileManager.default.contents(atPath: path).map(Array.init) else {
            isGone = true
            return (false, nil)
        }
        isGone = false
        let now = SHA256.digest(bytes).bytes
        guard now != digest else { return (false, nil) }
        digest = now
        do {
            let plugins = try PluginConfiguration.list(parsing: bytes)
            fault = nil
            return (true, plugins)
        } catch {
            fault = error.description
            return (true, nil)
        }
    }

    static func path(of configuration: PluginConfiguration, in folder: String) -> String {
        configuration.source.hasPrefix("/") ? configuration.source : folder + "/" + configuration.source
    }

    /// The hash of the library that an entry names; nil where there is none.
    static func digest(_ configuration: PluginConfiguration, in folder: String) -> String? {
        FileManager.default.contents(atPath: path(of: configuration, in: folder))
            .map { SHA256.digest(Array($0)).hexadecimal }
    }

    /// What an entry declares: the entry itself and the bytes of its file.
    static func declaration(_ configuration: PluginConfiguration, in folder: String) -> String {
        let bytes = FileManager.default.contents(atPath: path(of: configuration, in: folder)).map(Array.init) ?? []
        return SHA256.digest(configuration.entry.bytes + SHA256.digest(bytes).bytes).hexadecimal
    }
}
