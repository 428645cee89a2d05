/// What somebody without a credential may ask for, besides logging in: under the limits of strangers.
package protocol FrontDesk: Sendable {
    /// Whether whoever has forgotten a password is written to, where there is such an account.
    var mailsForgotten: Bool { get }
    /// Asks for a new password; whoever asks learns nothing of whether there is such an account, not by the time it takes
    /// either: what comes of it comes later.
    func forgot(username: String, organization: String?, _ caller: LogIns.Caller) async throws(GatewayError)
    /// Sets a password by a link that was made for somebody.
    /// - Throws: `unauthenticated` for a link that is not good, in the same words whatever is wrong with it.
    func reset(
        token: Secret<String>,
        password: Secret<String>,
        _ caller: LogIns.Caller
    ) async throws(GatewayError)
    /// Registers an organization with its first administrator.
    ///
    /// - Returns: It as it stands then; it may have to wait for approval.
    /// - Throws: `permissionDenied` where registration is closed; `conflict` when the slug is taken.
    func register(_ registration: Registration, _ caller: LogIns.Caller) async throws(GatewayError) -> Organization
}

/// An organization that somebody registers.
package struct Registration: Sendable {
    /// Who may register.
    package enum Policy: String, Sendable, CaseIterable {
        /// Nobody: a super administrator makes organizations.
        case closed
        /// Everybody; a super administrator lets each in.
        case approval
        /// Everybody.
        case open
    }

    /// What people call it.
    package let name: String
    /// Names it in addresses.
    package let slug: String
    /// Its first administrator's user name.
    package let username: String
    /// Their address.
    package let email: String
    /// Their password.
    package let password: Secret<String>

    /// States it.
    package init(name: String, slug: String, username: String, email: String, password: Secret<String>) {
        self.name = name
        self.slug = slug
        self.username = username
        self.email = email
        self.password = password
    }
}
