import Gateway
import OrderedJSON

/// What an operator is told of a plugin.
package struct PluginStatus: Sendable, Equatable {
    /// One generation of it.
    package struct Generation: Sendable, Equatable {
        /// Counts up per plugin.
        package let number: Int
        /// `live`, `candidate`, `canary`, `standby` or `draining`.
        package let role: String
        /// The catalogue's version.
        package let version: String
        /// SHA-256 of its library.
        package let digest: String
        /// Why its bytes were believed.
        package let trust: PluginTrust
        /// What an operator should know of it that did not keep it from being loaded.
        package let warnings: [String]
        /// Its tools' names.
        package let tools: [String]
        /// Calls under way.
        package let inFlight: Int
        /// Calls that ended.
        package let calls: Int
        /// Those of them in which the plugin failed.
        package let failed: Int
        /// How often it broke a rule at run time.
        package let violations: Int
        /// Where it runs and how it fares there.
        package let health: PluginHealth
        /// Whether it is watched, and gives way by itself to the version before when it fails.
        package var isOnProbation = false
        /// Of a canary: how many of a million calls go to it.
        package var share = 0
        /// Of a canary: the organizations that are served by it.
        package var organizations: [OrganizationID] = []
    }

    /// The configured id.
    package let id: String
    /// `live`, `disabled`, `refused`, or `installed` when nothing of it serves calls yet.
    package let state: String
    /// Why it was refused.
    package let reason: String?
    /// What happened last: an upgrade, a rollback and why.
    package let note: String?
    /// How often what is loaded of it broke a rule at run time.
    package let violations: Int
    /// Whether it may be rolled back.
    package let canRollBack: Bool
    /// What is loaded of it.
    package let generations: [Generation]

    /// The generation that serves calls.
    package var live: Generation? { generations.first { $0.role == "live" } }
}
