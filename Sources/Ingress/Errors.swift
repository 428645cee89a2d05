import Gateway
import HTTPTypes
import Hummingbird
import OrderedJSON

/// Turns the house's one error into REST's form: a problem document (RFC 9457) that also has the seed's members.
enum ErrorResponse {
    /// The HTTP status of each code, and a title for people.
    static func status(of code: GatewayError.Code) -> (HTTPResponse.Status, String) {
        switch code {
        case .malformedRequest: (.badRequest, "Malformed request")
        case .tooLarge: (.contentTooLarge, "Too large")
        case .unauthenticated: (.unauthorized, "Not authenticated")
        case .permissionDenied: (.forbidden, "Not allowed")
        case .notInPlan: (.forbidden, "Not in the plan")
        case .organizationSuspended: (.forbidden, "Organization suspended")
        case .notFound: (.notFound, "Not found")
        case .methodNotAllowed: (.methodNotAllowed, "Method not allowed")
        case .rateLimited: (.tooManyRequests, "Rate limited")
        case .invalidArgument: (.unprocessableContent, "Invalid arguments")
        case .limitExceeded: (.unprocessableContent, "Outside a limit")
        case .notConfigured: (.conflict, "Not configured")
        case .idempotencyKeyReused: (.unprocessableContent, "Idempotency key reused")
        case .idempotencyInProgress: (.conflict, "Call in progress")
        case .idempotencyKeyRequired: (.badRequest, "Idempotency key required")
        case .conflict: (.conflict, "Conflict")
        case .approvalRequired: (.forbidden, "Approval required")
        case .upstreamRejected: (.unprocessableContent, "Refused by M-Pesa")
        case .upstreamUnavailable: (.serviceUnavailable, "M-Pesa unavailable")
        case .notSupported: (.notImplemented, "Not supported")
        case .pluginFailed: (.badGateway, "Plugin failed")
        case .deadlineExceeded: (.gatewayTimeout, "Deadline exceeded")
        case .unavailable: (.serviceUnavailable, "Unavailable")
        case .internalFault: (.internalServerError, "Internal error")
        }
    }

    static func make(_ error: GatewayError, call: CallID, allow: [String] = []) -> Response {
        let (status, title) = status(of: error.code)
        var headers: HTTPFields = [
            .contentType: "application/problem+json", .cacheControl: "no-store", .requestID: call.description,
        ]
        if let wait = error.retryAfter { headers[.retryAfter] = String(seconds(wait)) }
        if error.code == .unauthenticated { headers[.wwwAuthenticate] = "Bearer realm=\"mpesa-gateway\"" }
        if !allow.isEmpty { headers[.allow] = allow.joined(separator: ", ") }
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(bytes: document(error, title, status, call))
        )
    }

    static func seconds(_ wait: Duration) -> Int64 { max(1, (wait.wholeMilliseconds + 999) / 1000) }

    private static func document(
        _ error: GatewayError,
        _ title: String,
        _ status: HTTPResponse.Status,
        _ call: CallID
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("type")
        writer.string("urn:mpesa-gateway:problem:" + error.code.rawValue)
        writer.key("title")
        writer.string(title)
        writer.key("status")
        writer.integer(Int64(status.code))
        writer.key("detail")
        writer.string(error.message)
        writer.key("code")
        writer.string(error.code.rawValue)
        writer.key("request_id")
        writer.string(call.description)
        writer.optional("transaction_id", error.record?.description)
        if !error.errors.isEmpty {
            writer.key("errors")
            writer.beginArray()
            for field in error.errors {
                writer.beginObject()
                writer.key("pointer")
                writer.string(field.pointer)
                writer.key("message")
                writer.string(field.message)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.key("success")
        writer.bool(false)
        writer.key("error")
        writer.string(error.message)
        writer.endObject()
        return writer.bytes
    }
}

extension HTTPField.Name {
    /// `X-Request-Id`.
    static let requestID = HTTPField.Name("X-Request-Id").unsafelyKnown
    /// `X-API-Key`.
    static let apiKey = HTTPField.Name("X-API-Key").unsafelyKnown
    /// `Idempotency-Key`.
    static let idempotencyKey = HTTPField.Name("Idempotency-Key").unsafelyKnown
    /// `Idempotent-Replayed`.
    static let idempotentReplayed = HTTPField.Name("Idempotent-Replayed").unsafelyKnown
    /// `Gateway-Environment`.
    static let environment = HTTPField.Name("Gateway-Environment").unsafelyKnown
    /// `Prefer`.
    static let prefer = HTTPField.Name("Prefer").unsafelyKnown
    /// `RateLimit`.
    static let rateLimit = HTTPField.Name("RateLimit").unsafelyKnown
    /// `RateLimit-Policy`.
    static let rateLimitPolicy = HTTPField.Name("RateLimit-Policy").unsafelyKnown
    /// `MCP-Protocol-Version`.
    static let mcpVersion = HTTPField.Name("MCP-Protocol-Version").unsafelyKnown
    /// `Mcp-Method`.
    static let mcpMethod = HTTPField.Name("Mcp-Method").unsafelyKnown
    /// `Mcp-Name`.
    static let mcpName = HTTPField.Name("Mcp-Name").unsafelyKnown
}

extension HTTPField.Name? {
    /// The name of a constant above, which is a token and so always a name.
    fileprivate var unsafelyKnown: HTTPField.Name {
        guard let self else { preconditionFailure("a header's name must be a token") }
        return self
    }
}

extension ResponseBody {
    /// A body of these bytes.
    init(bytes: [UInt8]) { self.init(byteBuffer: ByteBuffer(bytes: bytes)) }
}
