/// Organizations, their plans and profiles, for as long as nobody changes them: what the stages ask instead of the store.
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
        /// What its callers see.
        let views = MembershipViews()

        /// Puts the two together.
        package init(organization: Organization, plan: Plan) {
            self.organization = organization
            self.plan = plan
            ceilings = plan.ceilings.replaced(by: organization.ceilings)
        }

        /// Whether the organization's plan has a feature.
        package func has(_ feature: Feature) -> Bool { plan.has(feature) }

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
    private let configuration: ConfigurationWatch
    private let memberships: ConfiguredCache<OrganizationID, Membership>
    private let plans: ConfiguredCache<String, Plan>
    private let books: ConfiguredCache<ProfileKey, AccountBook>

    /// Makes an empty cache, which holds what it read for as long as the watch says.
    init(directory: any DirectoryRepository, entropy: Entropy, configuration: ConfigurationWatch) {
        self.directory = directory
        self.entropy = entropy
        self.configuration = configuration
        memberships = ConfiguredCache(configuration)
        plans = ConfiguredCache(configuration)
        books = ConfiguredCache(configuration, perOrganization: 2)
    }

    /// The time now.
    var now: Timestamp { entropy.now() }

    /// The organization and its plan.
    /// - Throws: `permissionDenied` when there is no such organization or plan.
    package func membership(of id: OrganizationID) async throws(GatewayError) -> Membership {
        if let membership = try await memberships.value(for: id) { return membership }
        let stamp = memberships.stamp
        guard let organization = try await directory.organization(id),
            let plan = try await plan(organization.plan)
        else { throw GatewayError(.permissionDenied, "The organization of this credential has no plan any more.") }
        let membership = Membership(organization: organization, plan: plan)
        memberships.set(membership, for: id, of: id, since: stamp)
        return membership
    }

    /// A plan, once for all the organizations that are on it.
    private func plan(_ name: String) async throws(GatewayError) -> Plan? {
        if let plan = try await plans.value(for: name) { return plan }
        let stamp = plans.stamp
        guard let plan = try await directory.plan(name) else { return nil }
        plans.set(plan, for: name, of: nil, since: stamp)
        return plan
    }

    /// The organization's accounts.
    package func accounts(
        of organization: OrganizationID,
        in environment: Environment
    ) async throws(GatewayError) -> AccountBook {
        let key = ProfileKey(organization: organization, environment: environment)
        if let book = try await books.value(for: key) { return book }
        let stamp = books.stamp
        let book = AccountBook(try await directory.accounts(organization: organization, environment: environment))
        books.set(book, for: key, of: organization, since: stamp)
        return book
    }

    /// One of the organization's accounts: the default one, where none is named.
    /// - Throws: `notConfigured` when nobody has set the environment up; `invalidArgument` for a name that is none's.
    package func account(
        _ name: AccountName?,
        of organization: OrganizationID,
        in environment: Environment
    ) async throws(GatewayError) -> MPesaAccount {
        let book = try await accounts(of: organization, in: environment)
        return try book.account(name, of: book, environment)
    }

    /// One of the accounts that a caller may use: the default one, where none is named.
    /// - Throws: as the other does; `permissionDenied` where there is none that the caller may use.
    package func account(_ name: AccountName?, for principal: Principal) async throws(GatewayError) -> MPesaAccount {
        let all = try await accounts(of: principal.organization, in: principal.environment)
        return try all.limited(to: principal.accounts).account(name, of: all, principal.environment)
    }

    /// Something was changed here: what, the next call asks the store.
    package func forget() { configuration.forget() }
}
