import Gateway
import OrderedJSON

/// What plugins.json says of one plugin.
package struct PluginConfiguration: Sendable, Equatable {
    /// The plugin's id, which its manifest must state too.
    package let id: String
    /// The library's file; relative to the folder of plugins.json.
    package let source: String
    /// SHA-256 of the library in hexadecimal; nil only where unsigned plugins are allowed.
    package let sha256: String?
    /// Whether it is loaded.
    package let isEnabled: Bool
    /// Where it runs: `in-process`, `worker` or `sandbox`.
    package let isolation: String
    /// What it may do.
    package let grants: Catalogue.Needs
    /// Its settings, without secrets.
    package let settings: JSONObject

    /// Why plugins.json cannot be used.
    package struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
        /// The place.
        package let pointer: String
        /// What was expected.
        package let reason: String
        /// Place and reason.
        package var description: String { "plugins.json: \(pointer): \(reason)" }
    }

    /// Reads plugins.json: `{ "plugins": [ … ] }`.
    package static func list(parsing bytes: [UInt8]) throws(Malformed) -> [PluginConfiguration] {
        let document: JSON
        do { document = try JSON(parsing: bytes) } catch { throw Malformed(pointer: "", reason: "\(error)") }
        guard let entries = document["plugins"]?.arrayValue else {
            throw Malformed(pointer: "/plugins", reason: "expected a list")
        }
        var list: [PluginConfiguration] = []
        for (index, entry) in entries.enumerated() { list.append(try one(entry, at: "/plugins/\(index)")) }
        return list
    }

    private static func one(_ entry: JSON, at pointer: String) throws(Malformed) -> PluginConfiguration {
        let known = ["id", "source", "sha256", "enabled", "isolation", "grants", "config"]
        for name in entry.objectValue?.keys ?? [] where !known.contains(name) && !name.hasPrefix("x-") {
            throw Malformed(
                pointer: "\(pointer)/\(name)",
                reason: "not a known setting; known are \(known.joined(separator: ", "))"
            )
        }
        guard let id = entry["id"]?.stringValue, let source = entry["source"]?.stringValue else {
            throw Malformed(pointer: pointer, reason: "expected an object with id and source")
        }
        let isolation = entry["isolation"]?.stringValue ?? "sandbox"
        guard ["in-process", "worker", "sandbox"].contains(isolation) else {
            throw Malformed(pointer: pointer + "/isolation", reason: "expected in-process, worker or sandbox")
        }
        var upstreams: [String: [String]] = [:]
        for (name, paths) in entry["grants"]?["upstreams"]?.objectValue ?? JSONObject() {
            upstreams[name] = (paths.arrayValue ?? []).compactMap(\.stringValue)
        }
        let texts = { (name: String) in (entry["grants"]?[name]?.arrayValue ?? []).compactMap(\.stringValue) }
        return PluginConfiguration(
            id: id,
            source: source,
            sha256: entry["sha256"]?.stringValue,
            isEnabled: entry["enabled"]?.boolValue ?? true,
            isolation: isolation,
            grants: Catalogue.Needs(
                upstreams: upstreams,
                secrets: texts("secrets"),
                collections: texts("collections")
            ),
            settings: entry["config"]?.objectValue ?? JSONObject()
        )
    }
}
