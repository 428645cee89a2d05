/// Something that a principal may ask of the host itself, and that is no tool of a plugin's.
///
/// It passes the same stages as a tool: role, scope and rate before it, audit, usage and metrics around it
/// (`Pipeline.perform`). What has a principal and is neither is a hole.
package struct HostAction: Sendable {
    /// Names it in metrics and usage, such as `transactions.list`.
    package let name: String
    /// The word that audit uses.
    package let auditAction: String
    /// The least role.
    package let role: Role
    /// The scopes that a key must have, all of them.
    package let scopes: [String]
    /// The bucket its uses count in.
    package let bucket: String
    /// What a use costs in its bucket.
    package let cost: Int

    /// Describes an action; by default anybody's, of the bucket `read`.
    package init(
        _ name: String,
        auditAction: String,
        role: Role = .user,
        scopes: [String] = [],
        bucket: String = "read",
        cost: Int = 1
    ) {
        self.name = name
        self.auditAction = auditAction
        self.role = role
        self.scopes = scopes
        self.bucket = bucket
        self.cost = cost
    }

    /// The tools that the credential may use: it shows nothing but what the credential's own scopes open.
    package static let listTools = HostAction("tools.list", auditAction: "TOOLS_LISTED")
    /// What this server is and can.
    package static let discover = HostAction("server.discover", auditAction: "SERVER_DISCOVERED")
    /// Transactions, or one with its steps.
    package static let readTransactions = HostAction(
        "transactions.read",
        auditAction: "TRANSACTIONS_READ",
        scopes: ["transactions:read"]
    )
    /// A file that a tool made.
    package static let readExport = HostAction("exports.read", auditAction: "EXPORT_READ", scopes: ["exports:read"])
    /// Plugins' prompts and resources, and the lists of them.
    package static let readContext = HostAction("context.read", auditAction: "CONTEXT_READ", scopes: ["context:read"])
    /// Who a credential is.
    package static let verify = HostAction("auth.verify", auditAction: "CREDENTIAL_VERIFIED")
    /// The end of a user's sessions.
    package static let logOut = HostAction("auth.logout", auditAction: "LOGOUT")
}

/// One use of a host action, as a door hands it to the pipeline.
package struct ActionCall: Sendable {
    /// Names the use; the reply, the log and the audit show it.
    package let id: CallID
    /// The door.
    package let door: Door
    /// Who says they call.
    package let credential: Credential
    /// The environment a user's token should act in; a key has its own.
    package let environment: Environment?
    /// The caller's address as the door saw it.
    package let address: String?

    /// Gathers what a door knows.
    package init(
        id: CallID,
        door: Door,
        credential: Credential,
        environment: Environment?,
        address: String?
    ) {
        self.id = id
        self.door = door
        self.credential = credential
        self.environment = environment
        self.address = address
    }
}
