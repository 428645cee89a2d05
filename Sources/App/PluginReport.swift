import Gateway
import OrderedJSON
import PluginHost

/// Plugins as operators see them.
///
/// The members of the live generation stand at the top too, because that is what most people look for.
enum PluginReport {
    static func make(_ statuses: [PluginStatus], problems: [String]) -> JSON {
        var object: JSONObject = ["plugins": .array(statuses.map { make($0) })]
        if !problems.isEmpty { object["degraded"] = .array(problems.map { .string($0) }) }
        return .object(object)
    }

    static func make(_ status: PluginStatus) -> JSON {
        var object: JSONObject = ["id": .string(status.id), "state": .string(status.state)]
        object["reason"] = status.reason.map { .string($0) }
        object["note"] = status.note.map { .string($0) }
        if let live = status.live {
            for (name, value) in generation(live) where name != "role" { object[name] = value }
        }
        object["violations"] = .integer(Int64(status.violations))
        object["can_roll_back"] = .bool(status.canRollBack)
        object["generations"] = .array(status.generations.map { .object(generation($0)) })
        return .object(object)
    }

    private static func generation(_ generation: PluginStatus.Generation) -> JSONObject {
        let health = generation.health
        var object: JSONObject = [
            "generation": .integer(Int64(generation.number)), "role": .string(generation.role),
            "version": .string(generation.version), "sha256": .string(generation.digest),
            "trust": .string(generation.trust.word),
            "isolation": .string(health.isolation), "tools": .array(generation.tools.map { .string($0) }),
            "in_flight": .integer(Int64(generation.inFlight)), "calls": .integer(Int64(generation.calls)),
            "failed": .integer(Int64(generation.failed)), "crashes": .integer(Int64(health.crashes)),
            "violations": .integer(Int64(generation.violations)),
        ]
        if !generation.warnings.isEmpty { object["warnings"] = .array(generation.warnings.map { .string($0) }) }
        object["last_crash"] = health.lastCrash.map { .string($0) }
        if generation.isOnProbation { object["on_probation"] = true }
        if health.isBroken { object["broken"] = true }
        if !health.missing.isEmpty { object["sandbox_lacks"] = .array(health.missing.map { .string($0) }) }
        if health.isolation != "in-process" {
            object["memory_bytes"] = .integer(Int64(health.memoryBytes ?? 0))
            object["processes"] = .array(health.processes.map { .integer(Int64($0)) })
        }
        if generation.role == "canary" {
            object["canary_share"] = .number(Double(generation.share) / 1_000_000)
            object["organizations"] = .array(generation.organizations.map { .string($0.description) })
        }
        return object
    }
}

/// What operators do, told in the words of the report.
struct PluginChanges: PluginAdministration {
    let plugins: PluginHost

    func report() -> JSON { PluginReport.make(plugins.statuses, problems: plugins.problems) }

    func install(_ library: [UInt8], _ request: InstallRequest) async throws(GatewayError) -> JSON {
        PluginReport.make(try await plugins.install(library, request))
    }

    func promote(
        _ plugin: String,
        share: Int?,
        organizations: [OrganizationID]
    ) async throws(GatewayError) -> JSON {
        PluginReport.make(try await plugins.promote(plugin, share: share, organizations: organizations))
    }

    func rollBack(_ plugin: String) async throws(GatewayError) -> JSON {
        PluginReport.make(try await plugins.rollBack(plugin))
    }

    func remove(_ plugin: String) async throws(GatewayError) { try await plugins.remove(plugin) }
}
