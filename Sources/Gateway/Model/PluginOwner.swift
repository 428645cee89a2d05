/// Whose data a plugin's drawer holds: no plugin sees another's, no organization another's, no test data live data.
package struct PluginOwner: Sendable, Hashable {
    /// The organization.
    package let organization: OrganizationID
    /// Test or live.
    package let environment: Environment
    /// The plugin.
    package let plugin: String

    /// States an owner.
    package init(organization: OrganizationID, environment: Environment, plugin: String) {
        self.organization = organization
        self.environment = environment
        self.plugin = plugin
    }
}
