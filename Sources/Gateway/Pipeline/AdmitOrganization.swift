/// Second stage: whether this organization may make calls at all.
struct AdmitOrganization: Sendable {
    private let directory: DirectoryCache

    var now: Timestamp { directory.now }

    /// Makes the stage.
    init(directory: DirectoryCache) { self.directory = directory }

    /// The caller's organization and plan; `suspendedToo` where what is asked is open to one that may not call.
    ///
    /// - Parameter withoutFactor: Whether it is open to somebody who has yet to set up the second factor that the
    ///   organization asks for.
    /// - Throws: `organizationSuspended` when it is closed or does not pay. Callbacks and questions about what is
    ///   already open go on: they do not come this way.
    func membership(
        of principal: Principal,
        suspendedToo: Bool = false,
        withoutFactor: Bool = false
    ) async throws(GatewayError) -> DirectoryCache.Membership {
        let membership = try await directory.membership(of: principal.organization)
        guard membership.organization.isActive else {
            throw GatewayError(.organizationSuspended, "This organization has been closed.")
        }
        guard withoutFactor || principal.hasSecondFactor || !membership.organization.secondFactor.asks(principal.role)
        else {
            throw GatewayError(
                .permissionDenied,
                "The organization asks for a second factor. Set one up (POST /auth/second-factor) to go on."
            )
        }
        if !suspendedToo, let refusal = membership.organization.refusal(at: directory.now) { throw refusal }
        return membership
    }
}
