import HTTPServer
import MCP

/// The names of the header fields that are the gateway's own.
extension HeaderName {
    static let allowHeaders = HeaderName("Access-Control-Allow-Headers")
    static let allowOrigin = HeaderName("Access-Control-Allow-Origin")
    static let endsWithConnection = HeaderName(Exchange.endsWithConnectionHeader)
    static let environment = HeaderName("Gateway-Environment")
    static let idempotencyKey = HeaderName("Idempotency-Key")
    static let idempotentReplayed = HeaderName("Idempotent-Replayed")
    static let lastEventID = HeaderName("Last-Event-ID")
    static let mcpSession = HeaderName(Exchange.sessionHeader)
    static let mcpVersion = HeaderName("MCP-Protocol-Version")
    static let rateLimit = HeaderName("RateLimit")
    static let rateLimitPolicy = HeaderName("RateLimit-Policy")
    static let requestID = HeaderName("X-Request-Id")
}
