/// Second stage: whether this organization may make calls at all.
struct AdmitOrganization: Sendable {
    private let directory: DirectoryCache

    /// Makes the stage.
    init(directory: DirectoryCache) { self.directory = directory }

    /// The caller's organization and plan; `suspendedToo` where what is asked is open to one that may not call.
    ///
    /// - Throws: `organizationSuspended` when it is closed or does not pay. Callbacks and questions about what is
    ///   already open go on: they do not come this way.
    func membership(
        of principal: Principal,
        suspendedToo: Bool = false
    ) async throws(GatewayError) -> DirectoryCache.Membership {
        let membership = try await directory.membership(of: principal.organization)
        guard membership.organization.isActive else {
            throw GatewayError(.organizationSuspended, "This organization has been closed.")
        }
        guard suspendedToo || membership.organization.subscription.admitsCalls else {
            throw GatewayError(
                .organizationSuspended,
                "The organization's subscription is \(membership.organization.subscription.rawValue). Renew it to go on."
            )
        }
        return membership
    }
}
