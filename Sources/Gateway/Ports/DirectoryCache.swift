/// Organizations, their plans and profiles as of at most `staleness` ago: what the stages ask instead of the store.
package final class DirectoryCache: Sendable {
    /// An organization and its plan.
    ///
    /// A class, so that every call of the organization shares one instead of copying a dozen members.
    package final class Membership: Sendable {
        /// The organization.
        package let organization: Organization
        /// Its plan.
        package let plan: Plan
        /// The plan's ceilings, or the organization's own in their place.
        package let ceilings: Ceilings

        /// Puts the two together.
        package init(organization: Organization, plan: Plan) {
            self.organization = organization
            self.plan = plan
            ceilings = plan.ceilings.replaced(by: organization.ceilings)
        }

        /// Whether the organization has a tool: its plan does, and it has not switched it off.
        package func has(_ tool: ToolDescriptor) -> Bool {
            plan.has(tool: tool.name, movingMoney: tool.annotations.movesMoney)
                && !organization.disabledTools.contains(tool.name)
        }
    }

    private struct ProfileKey: Hashable, Sendable {
        let organization: OrganizationID
        let environment: Environment
    }

    private let directory: any DirectoryRepository
    private let entropy: Entropy
    private let memberships: ExpiringCache<OrganizationID, Membership>
    private let profiles: ExpiringCache<ProfileKey, Profile>

    /// Makes an empty cache.
    ///
    /// Entries are at most `staleness` old, which other hosts' changes may be late by.
    init(
        directory: any DirectoryRepository,
        entropy: Entropy,
        staleness: Duration = .seconds(2),
        entriesMax: Int = 10_000
    ) {
        self.directory = directory
        self.entropy = entropy
        memberships = ExpiringCache(life: staleness, entriesMax: entriesMax)
        profiles = ExpiringCache(life: staleness, entriesMax: entriesMax)
    }

    /// The time now.
    var now: Timestamp { entropy.now() }

    /// The organization and its plan.
    /// - Throws: `permissionDenied` when there is no such organization or plan.
    package func membership(of id: OrganizationID) async throws(GatewayError) -> Membership {
        let now = entropy.uptime()
        if let membership = memberships.value(for: id, at: now) { return membership }
        let epoch = memberships.epoch
        guard let organization = try await directory.organization(id),
            let plan = try await directory.plan(organization.plan)
        else { throw GatewayError(.permissionDenied, "The organization of this credential has no plan any more.") }
        let membership = Membership(organization: organization, plan: plan)
        memberships.set(membership, for: id, at: now, since: epoch)
        return membership
    }

    /// What plugins are told of the organization.
    /// - Throws: `notConfigured` when nobody has set the environment up.
    package func profile(
        of organization: OrganizationID,
        in environment: Environment
    ) async throws(GatewayError) -> Profile {
        let key = ProfileKey(organization: organization, environment: environment)
        let now = entropy.uptime()
        if let profile = profiles.value(for: key, at: now) { return profile }
        let epoch = profiles.epoch
        guard let profile = try await directory.profile(organization: organization, environment: environment) else {
            throw GatewayError(
                .notConfigured,
                "The organization has no short code for \(environment.rawValue). An administrator must set it up first."
            )
        }
        profiles.set(profile, for: key, at: now, since: epoch)
        return profile
    }

    /// Forgets everything, because something was changed here; what is being looked up meanwhile is not remembered.
    package func forget() {
        memberships.removeAll()
        profiles.removeAll()
    }
}
