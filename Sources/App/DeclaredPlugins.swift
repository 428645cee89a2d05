import Cryptography
import Foundation
import Gateway
import Logging
import PluginCheck
import PluginHost

/// What plugins.json declares, tried for `plugin check` as a gateway does it at its start.
enum DeclaredPlugins {
    /// Of every entry, or of a library and its entry.
    static func findings(
        _ path: String,
        keys: String?,
        library: [UInt8]? = nil
    ) throws -> [PluginChecker.Finding] {
        do {
            let text = try NamedFile.read(path)
            var settings = Settings()
            try settings.read(ProcessInfo.processInfo.environment)
            settings.pluginKeysFile = keys ?? settings.pluginKeysFile
            settings.allowsUnsignedPlugins = true
            let state = FileManager.default.temporaryDirectory.appending(path: "declared-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: state) }
            let random = RandomWords()
            let declarations = PluginDeclarations(
                settings: App.pluginHostSettings(folder: state, trust: try settings.pluginTrust()),
                entropy: Entropy(now: { .now }, random: { random.next() }),
                logger: Logger(label: "mpesa-gateway") { JSONLogHandler(logLevel: .critical, label: $0) }
            )
            let folder = App.pluginFolder(settings)
            guard let library else { return DeclarationCheck.findings(of: text, in: folder, by: declarations) }
            return DeclarationCheck.findings(of: library, declaredBy: text, in: folder, by: declarations)
        } catch { throw explain(error) }
    }
}
