import OrderedJSON

/// What an operator asks for when installing a library.
package struct InstallRequest: Sendable {
    /// The configuration to install it with, an entry of plugins.json; nil to keep the one that is in force.
    package var entry: JSON?
    /// The SHA-256 that the bytes must have.
    package var sha256: String?
    /// Who vouches for it: what `plugin sign` wrote.
    package var signature: JSON?
    /// How many of a million calls go to it at once.
    package var share = 0
    /// Organizations that are served by it at once.
    package var organizations: [OrganizationID] = []
    /// Whether it is promoted at once.
    package var promotes = false
    /// Whether it may take away what callers of the live version rely on.
    package var allowsBreaking = false
    /// Whether it is granted what it asks for.
    package var grantsNeeds = false
    /// Whether it is installed without being tried first.
    package var isUnchecked = false

    /// The defaults: beside the live version, serving nobody.
    package init() {}
}

/// What an operator may do with plugins while the host runs.
///
/// Answers are documents for operators: a plugin as `GET /plugins` shows it.
package protocol PluginAdministration: Sendable {
    /// Every plugin.
    func report() -> JSON
    /// Installs a library.
    ///
    /// - Throws: `invalidArgument` with the rule that it breaks, `conflict` when it would break callers or records.
    func install(_ library: [UInt8], _ request: InstallRequest) async throws(GatewayError) -> JSON
    /// Lets the installed version serve: all calls, or, with a share or organizations, some.
    func promote(_ plugin: String, share: Int?, organizations: [OrganizationID]) async throws(GatewayError) -> JSON
    /// Takes back the version that was installed, or promoted, last.
    func rollBack(_ plugin: String) async throws(GatewayError) -> JSON
    /// Takes a plugin away.
    func remove(_ plugin: String) async throws(GatewayError)
}
