/// Third stage: may this caller use this tool? Role, scope and plan, in this order.
package enum Authorize {
    /// Whether a caller sees the tool in lists; the same rules that `check` enforces.
    package static func allows(
        _ tool: ToolDescriptor,
        principal: Principal,
        membership: DirectoryCache.Membership
    ) -> Bool {
        principal.role >= tool.role && missingScopes(tool, principal).isEmpty && planHas(tool, membership)
    }

    /// Refuses a caller who may not use the tool, saying what is missing.
    ///
    /// - Throws: `permissionDenied` for role or scopes, all missing scopes at once; `notInPlan`.
    package static func check(
        _ tool: ToolDescriptor,
        principal: Principal,
        membership: DirectoryCache.Membership
    ) throws(GatewayError) {
        guard planHas(tool, membership) else {
            throw GatewayError(
                .notInPlan,
                "The plan \(membership.plan.name) does not have the tool \(tool.name)."
            )
        }
        guard principal.role >= tool.role else {
            throw GatewayError(
                .permissionDenied,
                "\(tool.name) needs the role \(tool.role.rawValue); this credential has \(principal.role.rawValue)."
            )
        }
        let missing = missingScopes(tool, principal)
        guard missing.isEmpty else {
            throw GatewayError(
                .permissionDenied,
                "\(tool.name) needs the scope \(missing.joined(separator: " and ")), which this credential lacks."
            )
        }
    }

    private static func planHas(_ tool: ToolDescriptor, _ membership: DirectoryCache.Membership) -> Bool {
        membership.plan.has(tool: tool.name, movingMoney: tool.annotations.movesMoney)
    }

    private static func missingScopes(_ tool: ToolDescriptor, _ principal: Principal) -> [String] {
        guard let scopes = principal.scopes else { return [] }
        return tool.scopes.filter { !scopes.contains($0) }
    }
}
