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
    /// How many worker processes, and what each may use.
    package var limits = Limits()

    /// What a plugin outside this process may use.
    package struct Limits: Sendable, Equatable {
        /// Processes.
        package var workers = 1
        /// Address space of each, in MiB.
        package var memoryMiB = 512
        /// How long an operation function may take, in milliseconds.
        package var deadlineMilliseconds = 2_000
        /// How many calls may wait for one worker.
        package var queue = 1_000
        /// How it is started again.
        package var restart = RestartPolicy()
    }

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
        let known = ["id", "source", "sha256", "enabled", "isolation", "grants", "config", "limits", "restart"]
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
            settings: entry["config"]?.objectValue ?? JSONObject(),
            limits: try limits(entry, at: pointer)
        )
    }

    private static func limits(_ entry: JSON, at pointer: String) throws(Malformed) -> Limits {
        func number(_ group: String, _ name: String, _ range: ClosedRange<Int>, _ value: Int) throws(Malformed) -> Int {
            guard let found = entry[group]?[name] else { return value }
            guard let integer = found.integerValue, range.contains(Int(integer)) else {
                let place = "\(pointer)/\(group)/\(name)"
                throw Malformed(pointer: place, reason: "expected \(range.lowerBound) to \(range.upperBound)")
            }
            return Int(integer)
        }
        var limits = Limits()
        limits.workers = try number("limits", "workers", 1...64, limits.workers)
        limits.memoryMiB = try number("limits", "memory_mb", 64...65_536, limits.memoryMiB)
        limits.deadlineMilliseconds = try number("limits", "deadline_ms", 10...60_000, limits.deadlineMilliseconds)
        limits.queue = try number("limits", "queue", 1...100_000, limits.queue)
        limits.restart.crashesMax = try number("restart", "max_crashes", 1...1_000, limits.restart.crashesMax)
        let window = Int(limits.restart.window.components.seconds)
        limits.restart.window = .seconds(try number("restart", "window_s", 1...86_400, window))
        let backoff = Int(limits.restart.backoff.wholeMilliseconds)
        limits.restart.backoff = .milliseconds(try number("restart", "backoff_ms", 1...60_000, backoff))
        return limits
    }
}
