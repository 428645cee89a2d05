import Gateway
import PluginAPI
import PluginLoader

/// Why a plugin did not load.
///
/// Each case is one cause, with the rule of docs/abi.md that it breaks where there is one.
package enum PluginRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file cannot be read, and why.
    case unreadable(String, String)
    /// The file has more bytes than a library may have.
    case tooLarge(String)
    /// The host's own copy of it cannot be written, and why.
    case uncopied(String, String)
    /// The bytes are not the ones that the configuration names.
    case hashDiffers(found: String)
    /// No hash is configured, and this host wants one.
    case unsigned
    /// No key that the operator trusts vouches for it (S1).
    case badSignature(String)
    /// It asks for an isolation that this host does not have yet.
    case isolationNotServed(String)
    /// The file is not a plugin's library; says what is wrong with it and which rule.
    case notAPlugin(String)
    /// The manifest's id is not the configured one (E2).
    case otherPlugin(String)
    /// It cannot speak this host's level (E2).
    case levelNotServed(least: UInt32, most: UInt32)
    /// Its entry chose a level that it was not offered (E4).
    case otherLevel(UInt32)
    /// It was built with another Swift than the host (E3).
    case otherRuntime(String)
    /// It asks for a library that plugins may not use (E6).
    case libraryNotAllowed(String)
    /// The system could not open the library.
    case notOpened(String)
    /// The plugin itself refused.
    case refused(String)
    /// A function table, or a function in it, is missing (E5).
    case missingTable(String)
    /// The catalogue breaks a rule.
    case catalogue(String)
    /// The catalogue and the manifest disagree (E2): about what, and what each says.
    case manifestDiffers(String, catalogue: String, manifest: String)
    /// It needs more than it was granted (C3).
    case notGranted(String)
    /// It did not take its settings.
    case notConfigured(String)
    /// Its self-test failed.
    case selfTestFailed(String)
    /// The entry that it was to be installed with cannot be used.
    case configuration(String)
    /// This process has opened as many libraries as it may.
    case tooManyInProcess(Int)
    /// Another plugin has a tool or route that it wants (C2).
    case clash(String)

    /// The longest sentence, in bytes: what a plugin says of itself may be megabytes.
    package static let sentenceBytesMax = 1024

    /// A sentence for the operator, in which nothing that a plugin says begins another line.
    package var description: String {
        let sentence = sentence
        guard sentence.utf8.count > Self.sentenceBytesMax else { return PlainText.name.shown(sentence) }
        return PlainText.name.shown(String(decoding: sentence.utf8.prefix(Self.sentenceBytesMax), as: UTF8.self)) + "…"
    }

    private var sentence: String {
        switch self {
        case .unreadable(let path, let reason): "the file \(path) cannot be read: \(reason)"
        case .tooLarge(let path):
            "the file \(path) is larger than \(PluginFile.bytesMax >> 20) MiB, which no library may be"
        case .uncopied(let path, let reason): "the host's own copy \(path) cannot be written: \(reason)"
        case .hashDiffers(let found):
            """
            the file's SHA-256 is \(found), which is not the configured one: find out who changed the file, or correct sha256 \
            in its entry (plugin install takes --sha256 HASH)
            """
        case .unsigned:
            """
            nothing vouches for it: plugins.json has no sha256 for it (plugin install takes --sha256 HASH), and no key has \
            signed it; only dev runs it all the same
            """
        case .badSignature(let reason): "rule S1: its signature is not one that this host trusts: \(reason)"
        case .isolationNotServed(let mode):
            "isolation \(mode) cannot be had here: isolation in its entry chooses another (docs/abi.md, section 6)"
        case .notAPlugin(let reason): reason
        case .otherPlugin(let id): "rule E2: the manifest says this is \(id), which is not what it is declared as"
        case .levelNotServed(let least, let most):
            "rule E2: it speaks levels \(least) to \(most), this host speaks \(GATEWAY_LEVEL)"
        case .otherLevel(let level): "rule E4: its entry chose level \(level), this host speaks \(GATEWAY_LEVEL)"
        case .otherRuntime(let runtime):
            "rule E3: it was built for \(runtime), this host runs \(PluginFile.ownRuntime)"
        case .libraryNotAllowed(let name):
            """
            rule E6: it asks for the library \(name); a plugin may link the C library's parts, libstdc++ and Swift's runtime, \
            everything else statically
            """
        case .notOpened(let reason): "the system could not open it: \(reason)"
        case .refused(let reason): "the plugin refused: \(reason)"
        case .missingTable(let name): "rule E5: \(name) is missing; offer it, with all of its functions"
        case .catalogue(let reason): reason
        case .manifestDiffers(let what, let catalogue, let manifest):
            "rule E2: the catalogue's \(what) is \(catalogue), the manifest's \(manifest)"
        case .notGranted(let need):
            "rule C3: it needs \(need), which it is not granted: by grants in its entry of plugins.json, or --grant-needs"
        case .notConfigured(let reason): "it did not take its settings: \(reason)"
        case .selfTestFailed(let reason): "its self-test failed: \(reason)"
        case .configuration(let reason): reason
        case .tooManyInProcess(let most):
            "this process has opened \(most) libraries, none of which it can close: restart it, or use isolation worker"
        case .clash(let reason): "rule C2: \(reason)"
        }
    }
}

extension PluginRefusal {
    /// What a negotiation came to; nil when it went well.
    package init?(negotiation problem: Int32, level: UInt32, reason: String) {
        switch UInt32(problem) {
        case GATEWAY_NEGOTIATION_OK.rawValue: return nil
        case GATEWAY_NEGOTIATION_OTHER_LEVEL.rawValue: self = .otherLevel(level)
        case GATEWAY_NEGOTIATION_MISSING_TABLE.rawValue: self = .missingTable(reason)
        default: self = .refused(reason)
        }
    }
}
