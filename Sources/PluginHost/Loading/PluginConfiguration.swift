import Gateway
import OrderedJSON

/// What plugins.json says of one plugin.
package struct PluginConfiguration: Sendable, Equatable {
    /// The plugin's id, which its manifest must state too.
    package let id: String
    /// The library's file; relative to the folder of plugins.json.
    package let source: String
    /// SHA-256 of the library in hexadecimal; nil only where unsigned plugins are allowed.
    package var sha256: String?
    /// Who vouches for it: what `plugin sign` wrote; nil to look for a file beside the library.
    package var signature: JSON?
    /// Whether it is loaded.
    package let isEnabled: Bool
    /// Where it runs: `in-process`, `worker` or `sandbox`.
    package var isolation: String
    /// What it may do.
    package var grants: Catalogue.Needs
    /// Its settings, without secrets.
    package let settings: JSONObject
    /// How many worker processes, and what each may use.
    package var limits = Limits()
    /// When a version that has just been promoted is taken back.
    package var rollback = RollbackPolicy()
    /// Whether a version may take away what callers of the live one rely on.
    package var allowsBreaking = false
    /// The entry as it was read, to be kept with what is installed.
    package var entry = JSON.object(JSONObject())

    /// What a plugin outside this process may use.
    package struct Limits: Sendable, Equatable {
        /// Processes.
        package var workers = 1
        /// Address space of each, in MiB.
        package var memoryMiB = 512
        /// How long an operation function may take, in milliseconds.
        package var deadlineMilliseconds = 2_000
        /// How many pure calls may wait for one worker.
        package var queue = 1_000
        /// How many calls of function tools one worker may have under way.
        package var concurrency = 1_000
        /// How much processor time one such call may take.
        package var processor: Duration = .seconds(10)
        /// How much of it a worker may take within ten seconds while no call is open.
        package var idleProcessor: Duration = .seconds(1)
        /// How long after its deadline such a call may still be completed before its worker is ended.
        package var grace: Duration = .seconds(1)
        /// How it is started again.
        package var restart = RestartPolicy()
    }

    /// When a version is taken back without anybody asking.
    package struct RollbackPolicy: Sendable, Equatable {
        /// How long after its promotion a version is watched; a canary always is.
        package var window: Duration = .seconds(300)
        /// How many crashes of its workers are enough.
        package var crashesMax = 3
        /// How many of a hundred of its calls may fail.
        package var failedPercentMax = 50
        /// Fewer calls than this prove nothing.
        package var callsMin = 20
        /// How long the first calls of a version may be under way before any of them has ended.
        package var silence: Duration = .seconds(10)
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
        for name in document.objectValue?.keys ?? []
        where name != "plugins" && name != "$schema" && !name.hasPrefix("x-") {
            throw Malformed(pointer: "/\(name)", reason: "not a known setting; known is plugins")
        }
        guard let entries = document["plugins"]?.arrayValue else {
            throw Malformed(pointer: "/plugins", reason: "expected a list")
        }
        var list: [PluginConfiguration] = []
        for (index, entry) in entries.enumerated() {
            let one = try PluginConfiguration(written: entry, at: "/plugins/\(index)")
            guard !list.contains(where: { $0.id == one.id }) else {
                throw Malformed(pointer: "/plugins/\(index)/id", reason: "\(one.id) stands in the list twice")
            }
            list.append(one)
        }
        return list
    }

    /// Reads one entry of plugins.json.
    package init(reading entry: JSON, at pointer: String) throws(Malformed) {
        let known = [
            "id", "source", "sha256", "enabled", "isolation", "grants", "config", "limits", "restart", "rollback",
            "allow_breaking", "signature",
        ]
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
        self.init(
            id: id,
            source: source,
            sha256: entry["sha256"]?.stringValue,
            isEnabled: entry["enabled"]?.boolValue ?? true,
            isolation: isolation,
            grants: Catalogue.Needs(reading: entry["grants"]),
            settings: entry["config"]?.objectValue ?? JSONObject()
        )
        try readLimits(entry, at: pointer)
        allowsBreaking = entry["allow_breaking"]?.boolValue ?? false
        signature = entry["signature"]
        self.entry = entry
    }

    /// States an entry.
    package init(
        id: String,
        source: String,
        sha256: String?,
        isEnabled: Bool,
        isolation: String,
        grants: Catalogue.Needs,
        settings: JSONObject
    ) {
        self.id = id
        self.source = source
        self.sha256 = sha256
        self.isEnabled = isEnabled
        self.isolation = isolation
        self.grants = grants
        self.settings = settings
    }

    /// Grants what a plugin asks for, in the entry that is kept too.
    mutating func grant(_ needs: Catalogue.Needs) {
        grants = needs
        var object = entry.objectValue ?? JSONObject()
        object["grants"] = needs.json
        entry = .object(object)
    }

    /// Keeps a signature, in the entry too.
    mutating func keep(signature document: JSON) {
        signature = document
        var object = entry.objectValue ?? JSONObject()
        object["signature"] = document
        entry = .object(object)
    }

    private mutating func readLimits(_ entry: JSON, at pointer: String) throws(Malformed) {
        func number(_ group: String, _ name: String, _ range: ClosedRange<Int>, _ value: Int) throws(Malformed) -> Int {
            guard let found = entry[group]?[name] else { return value }
            guard let integer = found.integerValue, range.contains(Int(integer)) else {
                let place = "\(pointer)/\(group)/\(name)"
                throw Malformed(pointer: place, reason: "expected \(range.lowerBound) to \(range.upperBound)")
            }
            return Int(integer)
        }
        limits.workers = try number("limits", "workers", 1...64, limits.workers)
        limits.memoryMiB = try number("limits", "memory_mb", 64...65_536, limits.memoryMiB)
        limits.deadlineMilliseconds = try number("limits", "deadline_ms", 10...60_000, limits.deadlineMilliseconds)
        limits.queue = try number("limits", "queue", 1...100_000, limits.queue)
        limits.concurrency = try number("limits", "concurrency", 1...100_000, limits.concurrency)
        let processor = Int(limits.processor.components.seconds)
        limits.processor = .seconds(try number("limits", "cpu_s_per_call", 1...3_600, processor))
        let idle = Int(limits.idleProcessor.wholeMilliseconds)
        limits.idleProcessor = .milliseconds(try number("limits", "idle_cpu_ms", 100...10_000, idle))
        let grace = Int(limits.grace.wholeMilliseconds)
        limits.grace = .milliseconds(try number("limits", "grace_ms", 10...600_000, grace))
        limits.restart.crashesMax = try number("restart", "max_crashes", 1...1_000, limits.restart.crashesMax)
        let window = Int(limits.restart.window.components.seconds)
        limits.restart.window = .seconds(try number("restart", "window_s", 1...86_400, window))
        let backoff = Int(limits.restart.backoff.wholeMilliseconds)
        limits.restart.backoff = .milliseconds(try number("restart", "backoff_ms", 1...60_000, backoff))
        let watched = Int(rollback.window.components.seconds)
        rollback.window = .seconds(try number("rollback", "window_s", 0...86_400, watched))
        rollback.crashesMax = try number("rollback", "max_crashes", 1...1_000, rollback.crashesMax)
        rollback.failedPercentMax = try number("rollback", "max_failed_percent", 0...100, rollback.failedPercentMax)
        let silence = Int(rollback.silence.components.seconds)
        rollback.silence = .seconds(try number("rollback", "silence_s", 1...3_600, silence))
        rollback.callsMin = try number("rollback", "min_calls", 1...1_000_000, rollback.callsMin)
    }
}
