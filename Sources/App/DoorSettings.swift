import Addresses
import Gateway
import HTTPServer
import Ingress
import MCP

/// What the listeners allow those who connect, with its defaults.
struct DoorSettings: Sendable {
    /// `GATEWAY_CONNECTIONS_MAX`, `GATEWAY_CONNECTIONS_PER_ADDRESS_MAX`, `GATEWAY_RESERVED_FILES`.
    var files = OpenFiles.Wishes()
    /// `GATEWAY_TRUSTED_PROXIES`: addresses and blocks whose `X-Forwarded-For` says who calls.
    var proxies = TrustedProxies.none
    /// `GATEWAY_CALLBACK_SOURCES`: from where callbacks are taken; nil for everywhere.
    var callbackSources: [AddressBlock]?
    /// `GATEWAY_CALLBACK_CHECK_PRIVATE`: to what that is not public a check of callbacks connects all the same.
    var callbackCheckPrivate: [AddressBlock] = []
    /// `GATEWAY_WEBHOOK_PRIVATE`: to what that is not public webhooks are sent all the same.
    var webhookPrivate: [ReachablePlace] = []
    /// `GATEWAY_ISSUER_PRIVATE`: what is not public, and issuers of tokens may be at all the same.
    var issuerPrivate: [ReachablePlace] = []
    /// `GATEWAY_MCP_ORGANIZATION`: whose issuers' tokens are for the plain addresses; nil for nobody's.
    var plainOwner: OrganizationID?
    /// `GATEWAY_MANAGEMENT_NAMES`: more names that the management listener answers to.
    var managementNames: [String] = []
    /// `GATEWAY_REQUEST_DEADLINE_S`: from a request's first byte to its last.
    var requestDeadline = HTTPLimits().requestDeadline
    /// `GATEWAY_HEADER_DEADLINE_S`: from a request's first byte until its header is whole.
    var headerDeadline = HTTPLimits().headerDeadline

    /// `GATEWAY_MCP_SSE`.
    var mcpStreams = Switch.off

    /// Whether something is served that need not be.
    enum Switch: String, CaseIterable {
        case off, on
    }

    /// What bounds MCP, and what of it is served.
    var mcp: MCPServer.Settings {
        var mcp = MCPServer.Settings()
        mcp.servesPairs = mcpStreams == .on
        return mcp
    }

    /// What bounds the main listener.
    func limits(_ files: OpenFiles) -> HTTPLimits {
        var limits = HTTPLimits()
        limits.connectionsMax = files.connections
        limits.connectionsPerAddressMax = files.connectionsPerAddress
        limits.requestDeadline = requestDeadline
        limits.headerDeadline = headerDeadline
        return limits
    }

    /// What bounds the management listener.
    ///
    /// A library of 64 MiB may take its time: nobody but the operator is let in to send one.
    func managementLimits(_ files: OpenFiles) -> HTTPLimits {
        var limits = HTTPLimits()
        limits.connectionsMax = files.management
        limits.connectionsPerAddressMax = files.management
        limits.requestDeadline = max(requestDeadline, .seconds(600))
        limits.headerDeadline = headerDeadline
        // All who come here are one: the operator, whose libraries are larger than what a caller may have under way.
        limits.heldBodyBytesPerOwnerMax = limits.heldBodyBytesMax
        return limits
    }
}
