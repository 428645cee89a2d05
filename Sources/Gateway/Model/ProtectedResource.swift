/// What this gateway is called by those who issue tokens for it (RFC 8707, RFC 9728): a token counts only where it was
/// issued for one of these names.
///
/// Each organization has a name of its own, the address of MCP with its id behind it, so that a token says for whom it
/// was issued before anything of it is believed; two organizations may trust the same issuer and never take each other's
/// tokens. The gateway's plain addresses are the name of one organization alone, which its operator chooses: otherwise
/// whoever registers somebody else's issuer first, or too, would be shown their tokens.
package struct ProtectedResource: Sendable {
    /// Where the gateway is reached, without a slash at its end.
    package let base: String
    /// Whose the plain addresses are; nil for nobody's.
    package let owner: OrganizationID?

    /// The path of MCP.
    package static let path = "/mcp"
    /// Where the metadata of a resource is, before the resource's own path (RFC 9728, section 3).
    package static let metadataPath = "/.well-known/oauth-protected-resource"

    /// States it.
    package init(base: String, owner: OrganizationID? = nil) {
        self.base = base
        self.owner = owner
    }

    /// The name of an organization's resource.
    package func name(of organization: OrganizationID) -> String {
        base + ProtectedResource.path + "/" + organization.description
    }

    /// For whom a token was issued; nil where it was for nobody here, or for more than one.
    package func organization(of audiences: [String]) -> OrganizationID? {
        let named = Set(audiences.compactMap { organization(named: $0) })
        return named.count == 1 ? named.first : nil
    }

    /// Whose resource a name is of.
    private func organization(named audience: String) -> OrganizationID? {
        guard audience.hasPrefix(base) else { return nil }
        var rest = audience.dropFirst(base.count)
        if rest.hasSuffix("/") { rest.removeLast() }
        if rest.isEmpty || rest == ProtectedResource.path { return owner }
        guard rest.hasPrefix(ProtectedResource.path + "/") else { return nil }
        return OrganizationID(String(rest.dropFirst(ProtectedResource.path.count + 1)))
    }

    /// Which resource stands at a path of this gateway's, and whose it is: `""` and `/mcp` by the operator's choice, and
    /// `/mcp/ORGANIZATION`.
    package func at(path: String) -> (name: String, organization: OrganizationID)? {
        guard path.isEmpty || path == ProtectedResource.path || path.hasPrefix(ProtectedResource.path + "/"),
            !path.hasSuffix("/"), let organization = organization(named: base + path)
        else { return nil }
        return (base + path, organization)
    }

    /// Where the metadata of the resource at a path is.
    package func metadata(at path: String) -> String { base + ProtectedResource.metadataPath + path }
}
