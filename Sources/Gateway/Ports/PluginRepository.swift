import OrderedJSON

/// What has been installed into running hosts: versions, their binaries, and which of them is live.
///
/// Plugins that plugins.json alone declares are not here until somebody installs, promotes or rolls back.
package protocol PluginRepository: Sendable {
    /// Every plugin that something was installed of.
    func installedPlugins() async throws(GatewayError) -> [InstalledPlugin]
    /// Writes a plugin's versions in the place of those that are known, with libraries by digest, in one commit, in which
    /// the feed tells the organization that runs the gateway what that makes true.
    ///
    /// Binaries that no version names any more are forgotten.
    func save(
        _ plugin: InstalledPlugin,
        binaries: [String: [UInt8]],
        telling news: PluginNews?
    ) async throws(GatewayError)
    /// Forgets a plugin and its binaries, and tells that likewise where there was one.
    func removeInstalledPlugin(_ id: String, telling news: PluginNews) async throws(GatewayError)
    /// The digests of the libraries that are kept.
    func pluginBinaries() async throws(GatewayError) -> Set<String>
    /// A library's bytes by their SHA-256.
    func pluginBinary(_ digest: String) async throws(GatewayError) -> [UInt8]?
    /// How many records of the plugin have not ended, by operation kind; of any organization, and naming none.
    func openRecords(of plugin: String) async throws(GatewayError) -> [String: Int]
}

/// One plugin's versions.
package struct InstalledPlugin: Sendable, Equatable {
    /// The plugin's id.
    package let id: String
    /// What plugins.json declared when this was written: SHA-256 of its entry and file; nil when it named none.
    ///
    /// Where it declares something else now, plugins.json spoke last.
    package var declared: String?
    /// The highest generation that was ever given out.
    package var lastGeneration: Int
    /// What happened last, for operators.
    package var note: String?
    /// The versions that are kept.
    package var versions: [InstalledVersion]

    /// States a plugin.
    package init(id: String, declared: String?, lastGeneration: Int, note: String?, versions: [InstalledVersion]) {
        self.id = id
        self.declared = declared
        self.lastGeneration = lastGeneration
        self.note = note
        self.versions = versions
    }
}

/// One version of a plugin, as it was installed.
package struct InstalledVersion: Sendable, Equatable {
    /// What it is there for.
    package enum Role: String, Sendable {
        /// Serves calls.
        case live
        /// Installed beside the live one; serves a canary's share, or nothing yet.
        case candidate
        /// Was live; a rollback makes it live again.
        case standby
    }

    /// Counts up per plugin.
    package let generation: Int
    /// What it is there for.
    package var role: Role
    /// SHA-256 of its library, in hexadecimal.
    package let digest: String
    /// The configuration it was installed with: an entry of plugins.json.
    package let entry: JSON
    /// Of a candidate: how many of a million calls go to it.
    package var share: Int
    /// Of a candidate: organizations that are served by it.
    package var organizations: [OrganizationID]
    /// Of the live one: when it took another's place, as long as that one may be called back for it.
    package var promotedAt: Timestamp?

    /// States a version.
    package init(
        generation: Int,
        role: Role,
        digest: String,
        entry: JSON,
        share: Int = 0,
        organizations: [OrganizationID] = [],
        promotedAt: Timestamp? = nil
    ) {
        self.generation = generation
        self.role = role
        self.digest = digest
        self.entry = entry
        self.share = share
        self.organizations = organizations
        self.promotedAt = promotedAt
    }
}
