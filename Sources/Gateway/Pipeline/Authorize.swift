/// Third stage: may this caller use this? Plan and role, which hide what they forbid, then scope.
package enum Authorize {
    /// Whether a caller sees the tool in lists; the same rules that `check` enforces.
    package static func allows(
        _ tool: ToolDescriptor,
        principal: Principal,
        membership: DirectoryCache.Membership
    ) -> Bool {
        shows(tool, principal, membership) && missing(tool.scopes, principal).isEmpty
    }

    /// Refuses a caller who may not use the tool.
    ///
    /// - Throws: `notFound`, in the words for a tool that is not there, where plan or role do not have it: what somebody
    ///   may not use is not told apart from what there is not. `permissionDenied` with every scope that it needs, where
    ///   nothing else is in the way.
    package static func check(
        _ tool: ToolDescriptor,
        principal: Principal,
        membership: DirectoryCache.Membership
    ) throws(GatewayError) {
        guard shows(tool, principal, membership) else { throw noSuchTool(tool.name) }
        try check(tool.scopes, of: tool.name, principal)
    }

    /// Whether a caller may do this: the same rules that `check` enforces.
    package static func allows(
        _ action: Action,
        _ principal: Principal,
        _ membership: DirectoryCache.Membership
    ) -> Bool {
        do throws(GatewayError) {
            try check(action.rules, principal: principal, membership)
            return true
        } catch { return false }
    }

    /// Refuses a caller who may not do this.
    ///
    /// - Throws: `permissionDenied` for role, a feature that the plan does not have, or scopes, all missing scopes at
    ///   once.
    package static func check(
        _ action: ActionRules,
        principal: Principal,
        _ membership: DirectoryCache.Membership
    ) throws(GatewayError) {
        guard principal.role >= action.role else {
            throw GatewayError(
                .permissionDenied,
                "This needs the role \(action.role.rawValue); this credential has \(principal.role.rawValue)."
            )
        }
        if action.reach == .host, !membership.organization.isHost {
            throw GatewayError(
                .permissionDenied,
                "This is for super administrators of the organization \(Organization.hostSlug), which runs the gateway."
            )
        }
        if action.showsAllAccounts, principal.accounts != nil {
            throw GatewayError(.permissionDenied, "This shows all accounts; this key is held to some of them.")
        }
        if action.isPersonal, case .apiKey = principal.subject {
            throw GatewayError(
                .permissionDenied,
                "This needs a person who logged in (POST /auth/login); a key cannot do it."
            )
        }
        if action.isPersonal, !action.isOpenToAgents { try principal.checkIsInPerson() }
        if let feature = action.feature, !membership.has(feature) { throw feature.missing }
        try check(action.scopes, of: action.name, principal)
    }

    /// The refusal of a tool that is not there, or that the caller may not know of.
    package static func noSuchTool(_ name: String) -> GatewayError {
        // The name is a stranger's text: it is not repeated beyond what a tool's name may look like.
        let isName = (1...64).contains(name.utf8.count) && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        return GatewayError(.notFound, isName ? "There is no tool \(name)." : "There is no tool of this name.")
    }

    private static func shows(
        _ tool: ToolDescriptor,
        _ principal: Principal,
        _ membership: DirectoryCache.Membership
    ) -> Bool {
        principal.role >= tool.role && membership.has(tool) && principal.rules?.allows(tool: tool.name) ?? true
    }

    private static func check(_ scopes: [String], of name: String, _ principal: Principal) throws(GatewayError) {
        let missing = missing(scopes, principal)
        guard !missing.isEmpty else { return }
        var error = GatewayError(
            .permissionDenied,
            "\(name) needs the scope \(missing.joined(separator: " and ")), which this credential lacks."
        )
        // All that it needs, those that there are already among them: a client asks for what it is told, and no more.
        error.scopes = scopes
        throw error
    }

    private static func missing(_ wanted: [String], _ principal: Principal) -> [String] {
        guard let scopes = principal.scopes else { return [] }
        return wanted.filter { !scopes.contains($0) }
    }
}
