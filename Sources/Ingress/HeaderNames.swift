import HTTPServer
import MCP

/// The names of the header fields that are the gateway's own.
extension HeaderName {
    static let allowHeaders = HeaderName("Access-Control-Allow-Headers")
    static let allowMethods = HeaderName("Access-Control-Allow-Methods")
    static let allowOrigin = HeaderName("Access-Control-Allow-Origin")
    static let contentSecurityPolicy = HeaderName("Content-Security-Policy")
    static let cookie = HeaderName("Cookie")
    static let crossOriginOpener = HeaderName("Cross-Origin-Opener-Policy")
    static let endsWithConnection = HeaderName(Exchange.endsWithConnectionHeader)
    static let environment = HeaderName("Gateway-Environment")
    static let idempotencyKey = HeaderName("Idempotency-Key")
    static let idempotentReplayed = HeaderName("Idempotent-Replayed")
    static let lastEventID = HeaderName("Last-Event-ID")
    static let fetchSite = HeaderName("Sec-Fetch-Site")
    static let exposeHeaders = HeaderName("Access-Control-Expose-Headers")
    static let frameOptions = HeaderName("X-Frame-Options")
    static let location = HeaderName("Location")
    static let maxAge = HeaderName("Access-Control-Max-Age")
    static let mcpSession = HeaderName(Exchange.sessionHeader)
    static let mcpVersion = HeaderName("MCP-Protocol-Version")
    static let rateLimit = HeaderName("RateLimit")
    static let rateLimitPolicy = HeaderName("RateLimit-Policy")
    static let referrerPolicy = HeaderName("Referrer-Policy")
    static let requestID = HeaderName("X-Request-Id")
    static let setCookie = HeaderName("Set-Cookie")
    static let vary = HeaderName("Vary")
}
