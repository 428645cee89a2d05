import Gateway
import OrderedJSON

/// What an entry that somebody writes must look like: what is misspelt or of another form is told, and never taken for
/// left out.
///
/// What was kept of an entry that served once is read without this (`init(reading:at:)`), so that a host that has become
/// stricter still begins from what was good.
extension PluginConfiguration {
    private static let groups: [String: [String]] = [
        "grants": ["upstreams", "secrets", "collections", "services"],
        "limits": [
            "workers", "memory_mb", "deadline_ms", "queue", "concurrency", "cpu_s_per_call", "idle_cpu_ms", "grace_ms",
        ],
        "restart": ["max_crashes", "window_s", "backoff_ms"],
        "rollback": ["window_s", "max_crashes", "max_failed_percent", "min_calls", "silence_s"],
    ]

    /// Reads one entry that somebody has written.
    package init(written entry: JSON, at pointer: String) throws(Malformed) {
        for name in ["id", "source", "isolation", "sha256"] {
            guard let value = entry[name], !(name == "sha256" && value == .null) else { continue }
            guard let text = value.stringValue, !text.isEmpty else {
                throw Malformed(pointer: "\(pointer)/\(name)", reason: "expected a text")
            }
        }
        for name in ["enabled", "allow_breaking"] where entry[name].map({ $0.boolValue == nil }) ?? false {
            throw Malformed(pointer: "\(pointer)/\(name)", reason: "expected true or false")
        }
        for name in ["config", "signature"] {
            guard let value = entry[name], !(name == "signature" && value == .null) else { continue }
            guard value.objectValue != nil else {
                throw Malformed(pointer: "\(pointer)/\(name)", reason: "expected an object")
            }
        }
        for (name, known) in PluginConfiguration.groups.sorted(by: { $0.key < $1.key }) {
            try PluginConfiguration.check(entry[name], known, at: "\(pointer)/\(name)")
        }
        try PluginConfiguration.checkGrants(entry["grants"], at: "\(pointer)/grants")
        try self.init(reading: entry, at: pointer)
    }

    private static func check(_ group: JSON?, _ known: [String], at pointer: String) throws(Malformed) {
        guard let group else { return }
        guard let members = group.objectValue else { throw Malformed(pointer: pointer, reason: "expected an object") }
        for name in members.keys where !known.contains(name) && !name.hasPrefix("x-") {
            throw Malformed(
                pointer: "\(pointer)/\(name)",
                reason: "not a known setting; known are \(known.joined(separator: ", "))"
            )
        }
    }

    private static func checkGrants(_ grants: JSON?, at pointer: String) throws(Malformed) {
        func isTexts(_ json: JSON) -> Bool { json.arrayValue?.allSatisfy { $0.stringValue != nil } ?? false }
        for name in ["secrets", "collections", "services"] where grants?[name].map({ !isTexts($0) }) ?? false {
            throw Malformed(pointer: "\(pointer)/\(name)", reason: "expected a list of texts")
        }
        if let uris = grants?[Catalogue.Needs.urisMember] {
            guard isTexts(uris), (uris.arrayValue ?? []).allSatisfy({ URIPrefix.isOne($0.stringValue ?? "") }) else {
                throw Malformed(
                    pointer: "\(pointer)/\(Catalogue.Needs.urisMember)",
                    reason:
                        "expected beginnings of URIs such as notes://, of no scheme that is taken (mpesa, gateway, https)"
                )
            }
        }
        guard let upstreams = grants?["upstreams"] else { return }
        guard let members = upstreams.objectValue else {
            throw Malformed(pointer: "\(pointer)/upstreams", reason: "expected an object of lists of paths")
        }
        for (name, paths) in members where !isTexts(paths) {
            throw Malformed(pointer: "\(pointer)/upstreams/\(name)", reason: "expected a list of paths")
        }
    }
}
