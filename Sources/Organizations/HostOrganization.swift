import Gateway

/// The organization that runs the gateway: its super administrators administer every other.
///
/// It has no tools, is never suspended, and moves no money.
package enum HostOrganization {
    /// Its plan: no tool, and limits that administering by hand never meets.
    package static let plan = Plan(
        name: Organization.hostSlug,
        tools: [],
        organizationLimits: ["read": RateLimit(units: 100, per: .seconds(1))],
        principalLimits: ["read": RateLimit(units: 50, per: .seconds(1))]
    )

    /// A plan to begin with: every tool that is shipped, those that move money by their names.
    package static let standardPlan = Plan(
        name: "standard",
        tools: [
            "mpesa_*", "mpesa_stk_push", "mpesa_b2c_payment", "mpesa_bulk_payment", "mpesa_reverse_transaction",
        ],
        organizationLimits: [
            "read": RateLimit(units: 100, per: .seconds(1)), "money": RateLimit(units: 20, per: .seconds(1)),
        ],
        principalLimits: [:]
    )

    /// The host organization, made with its plan where it is missing.
    package static func find(
        in directory: any DirectoryRepository,
        _ entropy: Entropy
    ) async throws(GatewayError) -> Organization {
        if try await directory.plan(plan.name) == nil { try await directory.save(plan) }
        if let found = try await directory.organization(slug: Organization.hostSlug) { return found }
        let organization = Organization(
            id: OrganizationID(entropy.identifier()),
            slug: Organization.hostSlug,
            name: "Gateway",
            subscription: .active,
            plan: plan.name
        )
        try await directory.save(organization)
        return organization
    }
}
