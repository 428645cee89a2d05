import OrderedJSON
import PluginHost

/// Plugins as operators see them.
enum PluginReport {
    static func make(_ statuses: [PluginStatus]) -> JSON {
        let plugins = statuses.map { status -> JSON in
            var object: JSONObject = ["id": .string(status.id), "state": .string(status.state)]
            object["version"] = status.version.map { .string($0) }
            object["generation"] = status.generation.map { .integer(Int64($0)) }
            object["sha256"] = status.digest.map { .string($0) }
            object["reason"] = status.reason.map { .string($0) }
            object["violations"] = .integer(Int64(status.violations))
            return .object(object)
        }
        return ["plugins": .array(plugins)]
    }
}
